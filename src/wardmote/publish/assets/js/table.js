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
  const ON_PAPER = 2000; // rows on paper, where nobody can ask for more: forty sheets; whoever wants a country takes the data
  const head = table.tHead.rows[table.tHead.rows.length - 1];
  let rows = [];
  let later = null;
  let shown = STEP;
  let sorted = { column: 0, down: false };

  const heads = () => [...head.cells].slice(1);
  const wordsOf = (column) => (column.dataset.words ? column.dataset.words.split("\n") : []);
  /** Return a class as what rows are sorted by: its place among the classes, and nothing where there is none. */
  const placeOf = (words, text) => (words.includes(text) ? String(words.indexOf(text)) : "");

  const fromPage = () => {
    const classes = heads().map(wordsOf);
    return [...table.tBodies[0].rows].map((row) => {
      const texts = [...row.cells].map((cell) => cell.textContent.trim().replace(/\s+/g, " "));
      const named = row.cells[0].querySelector("a").textContent;
      return {
        row, texts,
        name: named,
        search: wardmote.fold(texts[0]),
        classes: classes.flatMap((words, j) => (words.length ? [`${j}:${texts[j + 1]}`] : [])),
        keys: [named, ...classes.map((words, j) => (words.length ? placeOf(words, texts[j + 1]) : row.cells[j + 1].dataset.key ?? ""))],
      };
    });
  };

  /** Return how a column is told from the values of its measures in one row: its words, and what it is sorted by. */
  const told = (column, values) => {
    const { rule, total } = column.dataset;
    const [first, last] = values;
    const none = [["class", "figure", "share"].includes(rule) ? say("not_available") : "", ""];
    if (first === null || first === undefined || (!first && rule !== "figure" && rule !== "share")) return none;
    const words = wordsOf(column);
    if (rule === "share") return [`${(100 * first).toFixed(!first || first >= 0.1 ? 0 : 1)}%`, String(first)];
    if (rule === "figure") return [whole(first), String(first)];
    if (rule === "between") return [say("between", { low: whole(first), high: whole(last) }), ""];
    const at = rule === "class" ? first - 1
      : rule === "fifth" ? Math.min(Math.floor((5 * (first - 1)) / total), 4)
      : last <= total / 2 ? 0 : first > total / 2 ? 2 : 1;
    return [words[at], String(at)];
  };

  /** Return rows of a large level from its columns: the measures that the head of the table names. */
  const fromColumns = async () => {
    const folder = `data/columns/${wardmote.fileName(table.dataset.level)}`;
    const list = await wardmote.load(`${folder}/codes`);
    const load = (column) => Promise.all(column.dataset.measures.split(" ").map(async (one) => (await wardmote.load(`${folder}/${one}`)).values));
    const all = heads();
    // Intervals are the largest columns and nothing is picked out by them: the table stands before they are here.
    const now = await Promise.all(all.map((column) => (column.dataset.rule === "between" ? null : load(column))));
    const cellsAt = (columns, i) => all.map((column, j) => (columns[j] ? told(column, columns[j].map((values) => values[i])) : ["", ""]));
    const made = list.codes.map((code, i) => {
      const cells = cellsAt(now, i);
      const row = {
        name: list.names[i],
        search: wardmote.fold(`${list.names[i]} ${code}`),
        classes: cells.flatMap(([text], j) => (all[j].dataset.words ? [`${j}:${text}`] : [])),
        keys: [list.names[i], ...cells.map(([, key]) => key)],
        texts: [`${list.names[i]} ${code}`, ...cells.map(([text]) => text)],
      };
      row.make = () => e("tr", {}, e("th", { scope: "row" }, wardmote.link(wardmote.pathOf(list, code), list.names[i]), " ", e("span", { class: "code" }, code)),
        ...row.texts.slice(1).map((text) => e("td", {}, text)));
      return row;
    });
    later = (async () => {
      const then = await Promise.all(all.map((column) => (column.dataset.rule === "between" ? load(column) : null)));
      made.forEach((row, i) => cellsAt(then, i).forEach(([text], j) => { if (then[j]) row.texts[j + 1] = text; }));
      made.forEach((row) => { row.row = undefined; });
      paint();
    })();
    return made;
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
    // Within a class by name, never by rank: this is no league table.
    found.sort((a, b) => compareKeys(a.keys[sorted.column], b.keys[sorted.column]) * (sorted.down ? -1 : 1)
      || a.name.localeCompare(b.name, wardmote.words.language));
    const body = table.tBodies[0];
    body.replaceChildren(...found.slice(0, shown).map((row) => (row.row ??= row.make())));
    more.hidden = found.length <= shown;
    status.textContent = say("showing", { shown: whole(Math.min(shown, found.length)), total: whole(found.length) });
    [...head.cells].forEach((cell, i) => cell.dataset.rule !== "between" &&
      cell.setAttribute("aria-sort", i === sorted.column ? (sorted.down ? "descending" : "ascending") : "none"));
    wardmote.remember({ q: form.elements.q.value, class: form.elements.class.value,
      sort: sorted.column || sorted.down ? `${sorted.column}${sorted.down ? "d" : ""}` : "" });
  };

  const download = async () => {
    await later;
    const header = [...head.cells].map((cell) => cell.dataset.named ?? cell.textContent.trim());
    wardmote.download("places.csv", [header, ...chosen().map((row) => row.texts)]);
  };

  const start = async () => {
    rows = table.dataset.level ? await fromColumns() : fromPage();
    [...head.cells].forEach((cell, i) => {
      if (cell.dataset.rule === "between") return;
      const button = e("button", { type: "button" }, cell.textContent.trim());
      button.addEventListener("click", () => { sorted = { column: i, down: sorted.column === i && !sorted.down }; paint(); });
      cell.replaceChildren(button);
    });
    form.elements.q.value = given.get("q") || "";
    form.elements.class.value = given.get("class") || "";
    const sort = /^(\d+)(d?)$/.exec(given.get("sort") || "");
    if (sort && Number(sort[1]) < head.cells.length) sorted = { column: Number(sort[1]), down: sort[2] === "d" };
    form.addEventListener("input", () => { shown = STEP; paint(); });
    form.addEventListener("submit", (event) => { event.preventDefault(); paint(); });
    more.addEventListener("click", () => { shown += STEP; paint(); });
    let before = shown;
    addEventListener("beforeprint", () => { before = shown; shown = Math.max(shown, ON_PAPER); paint(); });
    addEventListener("afterprint", () => { shown = before; paint(); });
    document.getElementById("table-download").addEventListener("click", download);
    form.hidden = false;
    paint();
  };
  start().catch((error) => { status.textContent = say("failed", { file: error.message }); });
})(window.wardmote);
