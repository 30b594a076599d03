/* Tables that can be sorted, filtered and taken away. The rows stand in the page, or come from the columns of a large level. */
(function (wardmote) {
  "use strict";
  const { element: e, say, whole } = wardmote;
  const table = document.getElementById("places");
  const form = document.getElementById("table-form");
  const status = document.getElementById("table-status");
  const more = document.getElementById("table-more");
  const given = new URLSearchParams(location.search);
  const STEP = 200;
  let rows = [];
  let shown = STEP;
  let sorted = { column: 0, down: false };

  const fromPage = () => [...table.tBodies[0].rows].map((row) => ({
    row,
    search: wardmote.fold(row.dataset.search),
    classes: row.dataset.classes.split("|"),
    keys: [...row.cells].map((cell) => cell.dataset.key ?? cell.textContent.trim()),
    texts: [...row.cells].map((cell) => cell.textContent.trim().replace(/\s+/g, " ")),
  }));

  /** Return rows of a large level from its columns: the measures that the head of the table names. */
  const fromColumns = async () => {
    const folder = `data/columns/${wardmote.fileName(table.dataset.level)}`;
    const list = await wardmote.load(`${folder}/codes`);
    const measures = [...table.tHead.rows[0].cells].slice(1).map((cell) => list.measures.find((one) => one.measure === cell.dataset.measure));
    const columns = await Promise.all(measures.map(async (one) => (await wardmote.load(`${folder}/${one.measure}`)).values));
    const tenth = (n) => (n === 1 ? say("greatest_tenth") : n === 10 ? say("least_tenth") : say("other_tenth", { tenth: n }));
    return list.codes.map((code, i) => {
      const cells = measures.map((one, j) => {
        const value = columns[j][i];
        if (!value && value !== 0) return say("not_available");
        if (one.kind === "decile") return value ? tenth(value) : say("not_available");
        if (one.kind === "class") return value ? one.words[value - 1] : say("not_available");
        if (one.kind === "share") return `${(100 * value).toFixed(value >= 0.1 ? 0 : 1)}%`;
        return typeof value === "number" ? whole(value) : "";
      });
      return {
        make: () => e("tr", {}, e("th", { scope: "row" }, wardmote.link(wardmote.pathOf(list, code), list.names[i]), " ", e("span", { class: "code" }, code)),
          ...cells.map((cell) => e("td", {}, cell))),
        search: wardmote.fold(`${list.names[i]} ${code}`),
        classes: cells.flatMap((cell, j) => (["decile", "class"].includes(measures[j].kind) ? [`${j}:${cell}`] : [])),
        keys: [list.names[i], ...columns.map((values) => String(values[i] ?? ""))],
        texts: [`${list.names[i]} ${code}`, ...cells],
      };
    });
  };

  const compareKeys = (a, b) => {
    const x = Number(a), y = Number(b);
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, wardmote.words.language) : x - y;
  };

  const chosen = () => {
    const text = wardmote.fold(form.elements.q.value);
    const kind = form.elements.class.value;
    return rows.filter((row) => (!text || row.search.includes(text)) && (!kind || row.classes.includes(kind)));
  };

  const paint = () => {
    const found = chosen();
    found.sort((a, b) => compareKeys(a.keys[sorted.column], b.keys[sorted.column]) * (sorted.down ? -1 : 1));
    const body = table.tBodies[0];
    body.replaceChildren(...found.slice(0, shown).map((row) => (row.row ??= row.make())));
    more.hidden = found.length <= shown;
    status.textContent = say("showing", { shown: whole(Math.min(shown, found.length)), total: whole(found.length) });
    [...table.tHead.rows[0].cells].forEach((cell, i) =>
      cell.setAttribute("aria-sort", i === sorted.column ? (sorted.down ? "descending" : "ascending") : "none"));
    wardmote.remember({ q: form.elements.q.value, class: form.elements.class.value,
      sort: sorted.column || sorted.down ? `${sorted.column}${sorted.down ? "d" : ""}` : "" });
  };

  const download = () => {
    const quote = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : /^[=+\-@\t]/.test(text) ? `'${text}` : text);
    const header = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const lines = [header, ...chosen().map((row) => row.texts)].map((line) => line.map(quote).join(","));
    const link = e("a", { href: URL.createObjectURL(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv" })), download: "places.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const start = async () => {
    rows = table.dataset.level ? await fromColumns() : fromPage();
    if (form.elements.class.options.length <= 1) {
      const heads = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
      const classes = [...new Set(rows.flatMap((row) => row.classes))];
      heads.forEach((title, j) => {
        const mine = classes.filter((one) => one.startsWith(`${j}:`)).map((one) => one.slice(one.indexOf(":") + 1));
        const options = mine.sort((a, b) => a.localeCompare(b, wardmote.words.language, { numeric: true }))
          .map((text) => e("option", { value: `${j}:${text}` }, text));
        if (options.length) form.elements.class.append(e("optgroup", { label: title }, ...options));
      });
    }
    [...table.tHead.rows[0].cells].forEach((cell, i) => {
      const button = e("button", { type: "button" }, cell.textContent.trim());
      button.addEventListener("click", () => { sorted = { column: i, down: sorted.column === i && !sorted.down }; paint(); });
      cell.replaceChildren(button);
    });
    form.elements.q.value = given.get("q") || "";
    form.elements.class.value = given.get("class") || "";
    const sort = /^(\d+)(d?)$/.exec(given.get("sort") || "");
    if (sort && Number(sort[1]) < table.tHead.rows[0].cells.length) sorted = { column: Number(sort[1]), down: sort[2] === "d" };
    form.addEventListener("input", () => { shown = STEP; paint(); });
    form.addEventListener("submit", (event) => { event.preventDefault(); paint(); });
    more.addEventListener("click", () => { shown += STEP; paint(); });
    document.getElementById("table-download").addEventListener("click", download);
    form.hidden = false;
    paint();
  };
  start().catch((error) => { status.textContent = say("failed", { file: error.message }); });
})(window.wardmote);
