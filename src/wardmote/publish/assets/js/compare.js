/* Up to four places side by side, and in words which of them can be told apart. */
(function (wardmote) {
  "use strict";
  const { element: e, say } = wardmote;
  const form = document.getElementById("compare-form");
  const out = document.getElementById("compare-result");
  const status = document.getElementById("compare-status");
  const options = document.getElementById("compare-names");
  const words = JSON.parse(form.dataset.words);
  const FIELDS = ["a", "b", "c", "d"];
  const MOST_OFFERED = 8000;
  const MOST_CODES = 6;
  let turn = 0;

  const kindOf = (index) => index.levels.find((one) => one.level === form.elements.level.value);
  const sayIn = (name, text) => {
    document.getElementById(`${name}-problem`).textContent = text;
    if (text) form.elements[name].setAttribute("aria-invalid", "true"); else form.elements[name].removeAttribute("aria-invalid");
  };

  /** Offer the names of the chosen kind: all of them where they are few, else those that begin like what is typed. */
  const offer = async (typed = "") => {
    const kind = kindOf(await wardmote.index());
    if (!kind.paged) {
      const found = (await wardmote.search(typed)).filter((one) => one.kind === kind).slice(0, 50);
      options.replaceChildren(...found.map((one) => e("option", { value: one.name })));
      return;
    }
    const list = await wardmote.load(`data/columns/${wardmote.fileName(kind.level)}/codes`);
    if (options.dataset.level === kind.level || list.names.length > MOST_OFFERED || kind !== kindOf(await wardmote.index())) return;
    options.replaceChildren(...list.names.map((name) => e("option", { value: name })));
    options.dataset.level = kind.level;
  };

  /** Return the code of a place that was typed as code or name, or why there is none. */
  const codeOf = async (kind, text) => {
    const exact = (await wardmote.ofCode(text)).find((one) => one.kind === kind);
    if (exact) return { code: exact.code };
    const found = (await wardmote.search(text)).filter((one) => one.kind === kind);
    const same = found.filter((one) => one.order === 0);
    const best = same.length ? same : found;
    if (best.length === 1) return { code: best[0].code };
    if (best.length) {
      const told = best.slice(0, MOST_CODES).map((one) => `${one.name} (${one.code})`).join(", ");
      return { problem: say("compare_several", { text, names: `${told}${best.length > MOST_CODES ? " …" : ""}` }) };
    }
    return { problem: say("compare_unknown", { area: kind.title, text }) };
  };

  /** Return the places that are asked for, and their codes by field; what is not known is told beside its field. */
  const asked = async (kind) => {
    const state = {};
    const places = [];
    for (const name of FIELDS) {
      const text = form.elements[name].value.trim();
      const { code, problem } = text ? await codeOf(kind, text) : {};
      const again = code && Object.values(state).includes(code);
      sayIn(name, again ? say("compare_again", { text }) : problem || "");
      if (!code || again) continue;
      state[name] = code;
      places.push(await wardmote.place(kind.level, code));
    }
    return { state, places };
  };

  // ---- which places can be told apart

  const standing = (place, title) => place.standings.find((one) => one.title === title);
  const hasInterval = (one) => Boolean(one) && one.low >= 0 && one.high >= 0;

  /** Say of each two places whether their intervals overlap. Ends that touch count as an overlap. */
  const apart = (places, title) => places.flatMap((a, i) => places.slice(i + 1).map((b) => {
    const [x, y] = [standing(a, title), standing(b, title)];
    const marks = { a: a.name, b: b.name };
    if (!x || !y || !(x.at >= 0) || !(y.at >= 0)) return say("compare_not_ranked", marks);
    if (!hasInterval(x) || !hasInterval(y)) return say("compare_no_interval", marks);
    if (x.low <= y.high && y.low <= x.high) return say("compare_same", marks);
    return say("compare_apart", x.high < y.low ? marks : { a: b.name, b: a.name });
  }));

  // ---- the table: on a phone each row is a block, and each cell says whose it is

  const cell = (place, ...content) => e("td", { role: "cell" }, e("p", { class: "of", "aria-hidden": "true" }, place.name), ...content);
  const told = (texts) => texts.filter(Boolean).map((text) => e("p", {}, text));
  const row = (title, cells) => e("tr", { role: "row" }, e("th", { scope: "row", role: "rowheader" }, title), ...cells);

  /** Return one row: what stands in a list of texts of each place. */
  const listRow = (title, places, textsOf) => row(title, places.map((place) => cell(place, ...told(textsOf(place)))));

  const indexRow = (places, title) => row(title, places.map((place) => {
    const one = standing(place, title);
    return cell(place, ...(one ? [wardmote.strip(one.at, one.low, one.high), ...told([one.headline, one.interval])] : ["–"]));
  }));

  const partRow = (places, title, part) => row(`${title}: ${part}`, places.map((place) => {
    const one = standing(place, title)?.parts.find((each) => each.title === part);
    return cell(place, ...(one ? [wardmote.strip(one.at, -1, -1), e("p", {}, one.tenth)] : ["–"]));
  }));

  const partsOf = (places, title) => [...new Set(places.flatMap((place) => (standing(place, title)?.parts || []).map((one) => one.title)))];

  const table = (places, titles) => {
    const rows = [
      listRow(words.strong, places, (place) => (place.unknown ? [words.unknown] : place.strong.length ? place.strong : [words.strong_none])),
      listRow(words.need, places, (place) => (place.unknown ? [words.unknown] : place.great.length ? place.great : [words.need_none])),
      listRow(words.both, places, (place) => place.types),
      ...titles.flatMap((title) => [indexRow(places, title), ...partsOf(places, title).map((part) => partRow(places, title, part))]),
      listRow(words.money, places, (place) => place.money.map((one) => `${one.title}: ${one.status || one.sentence}`)),
    ];
    const head = e("tr", { role: "row" }, e("th", { scope: "col", role: "columnheader" }, words.part),
      ...places.map((place) => e("th", { scope: "col", role: "columnheader" }, wardmote.link(place.path, place.name))));
    return e("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": words.title },
      e("table", { class: "compared-places", role: "table" }, e("caption", { class: "unseen" }, words.title),
        e("thead", { role: "rowgroup" }, head), e("tbody", { role: "rowgroup" }, ...rows)));
  };

  const shown = (places) => {
    if (!places.length) return [];
    const titles = [...new Set(places.flatMap((place) => place.standings.map((one) => one.title)))];
    const said = places.length < 2 ? [e("p", {}, say("compare_one_more"))] : [
      e("h2", {}, say("compare_apart_title")),
      ...titles.flatMap((title) => [e("h3", {}, title), e("ul", {}, ...apart(places, title).map((text) => e("li", {}, text)))]),
      e("p", { class: "small" }, say("compare_parts_note")),
    ];
    const links = e("p", { class: "places" }, ...places.flatMap((place, i) => [i ? " · " : "", wardmote.link(place.path, place.name)]));
    return [links, ...said, e("h2", {}, words.title), table(places, titles)];
  };

  const clear = () => {
    FIELDS.forEach((name) => sayIn(name, ""));
    status.textContent = "";
    out.replaceChildren();
    wardmote.keep({});
  };

  const compare = async () => {
    const mine = ++turn;
    if (!FIELDS.some((name) => form.elements[name].value.trim())) { clear(); return; }
    status.textContent = say("loading");
    const kind = kindOf(await wardmote.index());
    const { state, places } = await asked(kind);
    if (mine !== turn) return;
    wardmote.keep(places.length ? { level: kind.level, ...state } : {});
    status.textContent = places.length ? say("compare_shown", { names: places.map((place) => place.name).join(", ") }) : "";
    out.replaceChildren(...shown(places));
  };

  const guarded = (work) => work.catch((error) => { status.textContent = say("not_loaded", { file: error.message }); });

  const read = (state) => {
    for (const name of FIELDS) form.elements[name].value = state.get(name) || "";
    // A kind that the page does not know leaves the one that is chosen.
    if ([...form.elements.level.options].some((one) => one.value === state.get("level"))) form.elements.level.value = state.get("level");
    guarded(compare());
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); guarded(compare()); });
  form.addEventListener("focusin", (event) => { if (FIELDS.includes(event.target.id)) guarded(offer(event.target.value)); });
  form.addEventListener("input", (event) => { if (FIELDS.includes(event.target.id)) guarded(offer(event.target.value)); });
  form.elements.level.addEventListener("change", () => { options.replaceChildren(); delete options.dataset.level; guarded(compare()); });
  window.addEventListener("hashchange", () => read(wardmote.state()));
  read(wardmote.state());
})(window.wardmote);
