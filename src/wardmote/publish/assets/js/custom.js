/* An area of one's own: the small areas that a list of codes stands for are counted, by the rule that the page states. */
(function (wardmote) {
  "use strict";
  const { element: e, initial, say, whole } = wardmote;
  document.getElementById("ways").hidden = false; // nobody is stopped at fields that without scripts do nothing
  const form = document.getElementById("custom-form");
  const field = form.elements.codes;
  const problem = document.getElementById("codes-problem");
  const status = document.getElementById("custom-status");
  const out = document.getElementById("custom-result");
  const MOST_ROWS = 100;
  const MOST_NAMED = 20;
  const MOST_ADDRESS = 16000; // letters of codes in an address: mails and chats cut longer ones
  let turn = 0;
  let came = null; // by what rule the codes in the field came, where they were not typed: { words, state, text }

  const columnsOf = (level) => `data/columns/${wardmote.fileName(level)}`;
  const codesOf = (level) => wardmote.load(`${columnsOf(level)}/codes`);
  const valuesOf = async (level, measure) => (await wardmote.load(`${columnsOf(level)}/${measure}`)).values;
  const nounOf = (list, count) => (count === 1 ? list.title : list.plural);
  const listed = (texts) => `${texts.slice(0, MOST_NAMED).join(", ")}${texts.length > MOST_NAMED ? " …" : ""}`;

  /** Return a share in words: with a decimal near its ends, so that a few are never told as none, nor nearly all as all. */
  const percent = (count, total) => {
    if (!total) return say("not_available");
    const share = (100 * count) / total;
    if (share > 0 && share < 0.1) return say("custom_least");
    if (share > 99.9 && share < 100) return say("custom_most");
    const digits = (share > 0 && share < 10) || (share > 90 && share < 100) ? 1 : 0;
    return `${share.toLocaleString(wardmote.words.language, { maximumFractionDigits: digits })}%`;
  };

  /** Return row by code, and by code in small letters where that is no other's. */
  const rowsByCode = (codes) => {
    const at = new Map();
    codes.forEach((code, row) => at.set(code.toLowerCase(), row));
    codes.forEach((code, row) => at.set(code, row));
    return (text) => at.get(text) ?? at.get(text.toLowerCase());
  };

  /** Return what was typed as single codes: a line that is a code as a whole stays one; else signs between codes are of any kind. */
  const typed = (text, isCode) => text.split(/[\r\n]+/).map((line) => line.trim()).filter(Boolean)
    .flatMap((line) => (isCode(line) ? [line] : line.split(/[\s,;|/"'“”]+/).filter(Boolean)));

  /** Return the small areas in a larger place of the study, or null where it is none. */
  const inPlace = async (index, base, code) => {
    for (const kind of index.levels) {
      if (!kind.figures || kind.level === base.level || !base.parents[kind.level]) continue;
      if (![code, code.toUpperCase(), code.toLowerCase()].some((one) => kind.stems.includes(wardmote.stem(one)))) continue;
      const list = await codesOf(kind.level);
      const row = rowsByCode(list.codes)(code);
      if (row === undefined) continue;
      const rows = [];
      base.parents[kind.level].forEach((parent, i) => { if (parent === row) rows.push(i); });
      return { code: list.codes[row], name: list.names[row], rows, part: 0 };
    }
    return null;
  };

  /** Return the small areas in an area that has no figures of its own, or null where it is none. */
  const inOther = async (index, base, rowOf, code) => {
    for (const kind of index.levels.filter((one) => !one.figures)) {
      for (const one of new Set([code, code.toUpperCase(), code.toLowerCase()])) {
        const told = await wardmote.inside(kind, one);
        if (!told) continue;
        const held = told.held.find((each) => each.level === base.level) || told.held.at(0) || { whole: [], part: [] };
        const rows = [];
        for (const [each] of held.whole) {
          if (held.level === base.level) rows.push(rowOf(each));
          else rows.push(...((await inPlace(index, base, each)) || { rows: [] }).rows);
        }
        return { code: one, name: told.name, rows, part: held.part.length };
      }
    }
    return null;
  };

  /** Return which small areas a list of codes stands for, and what is to be said about the codes. */
  const understood = async (index, base, text) => {
    const rowOf = rowsByCode(base.codes);
    const result = { rows: new Set(), asked: new Set(), larger: [], again: [], unknown: [], overlap: new Set() };
    for (const code of typed(text, (one) => rowOf(one) !== undefined)) {
      const row = rowOf(code);
      const larger = row === undefined ? (await inPlace(index, base, code)) || (await inOther(index, base, rowOf, code)) : null;
      const known = row === undefined ? larger && larger.code : base.codes[row];
      if (!known) { if (!result.unknown.includes(code)) result.unknown.push(code); continue; }
      if (result.asked.has(known)) { if (!result.again.includes(known)) result.again.push(known); continue; }
      result.asked.add(known);
      if (larger) result.larger.push(larger);
      for (const one of larger ? larger.rows : [row]) {
        if (result.rows.has(one)) result.overlap.add(one);
        result.rows.add(one);
      }
    }
    return result;
  };

  /** Return what was made of the codes, in sentences. */
  const told = (base, result) => [
    ...result.larger.map((one) => say("custom_stands", { name: one.name, code: one.code, count: whole(one.rows.length), areas: nounOf(base, one.rows.length) })),
    ...result.larger.filter((one) => one.part).map((one) => say("custom_partly", { name: one.name, count: whole(one.part), areas: nounOf(base, one.part) })),
    result.again.length ? say("custom_again", { codes: listed(result.again) }) : "",
    result.overlap.size ? say("custom_overlap", { count: whole(result.overlap.size), areas: nounOf(base, result.overlap.size) }) : "",
  ].filter(Boolean);

  /** Return the measures that are counted: tenths of whole indices, types of need, rounds; rounds of larger areas for what lies in them. */
  const counted = async (index, base) => {
    const found = [];
    const tail = say("tenth_of", { title: "" });
    for (const one of base.measures) {
      const isTenth = one.kind === "decile" && one.measure === `${one.index}.decile`;
      const isNeed = one.kind === "class" && /^need\.[^.]+$/.test(one.measure);
      const isRound = one.kind === "class" && /^round\.[^.]+$/.test(one.measure);
      if (!isTenth && !isNeed && !isRound) continue;
      const title = isTenth && one.title.endsWith(tail) ? one.title.slice(0, -tail.length) : one.title;
      const values = await valuesOf(base.level, one.measure);
      found.push({ title, words: one.words, values, text: isTenth ? "custom_tenth" : isNeed ? "custom_type" : "custom_funded", areas: "" });
    }
    for (const kind of index.levels.filter((one) => one.figures && base.parents[one.level])) {
      const list = await (kind.level === base.level ? base : codesOf(kind.level));
      for (const one of list.measures.filter((each) => each.kind === "class" && /^round\.[^.]+$/.test(each.measure))) {
        const values = await valuesOf(kind.level, one.measure);
        found.push({ title: one.title, words: one.words, text: "custom_funded_in", areas: list.plural,
          values: base.parents[kind.level].map((row) => (row < 0 ? 0 : values[row])) });
      }
    }
    return found;
  };

  /** Return how many people live there, as far as it is known. */
  const residents = (base, rows, people) => {
    const known = rows.filter((row) => people[row] !== null);
    const sum = known.reduce((all, row) => all + people[row], 0);
    const marks = { count: whole(rows.length), areas: nounOf(base, rows.length), people: whole(sum), unknown: whole(rows.length - known.length) };
    return say(!known.length ? "custom_nobody" : known.length < rows.length ? "custom_some_people" : "custom_result", marks);
  };

  const sentence = (one, rows) => {
    const total = rows.filter((row) => one.values[row]).length;
    const count = rows.filter((row) => one.values[row] === 1).length;
    return say(one.text, { title: initial(one.title), count: whole(count), total: whole(total), share: percent(count, total), areas: one.areas });
  };

  const cells = (one, row) => {
    const value = one.values[row];
    if (!value) return say("not_available");
    if (one.words.length) return one.words[value - 1];
    return say(value === 1 ? "greatest_tenth" : value === 10 ? "least_tenth" : "other_tenth", { tenth: value });
  };

  /** Return all rows as texts, with their head. */
  const texts = (base, rows, people, measures) => ({
    head: [say("custom_code"), say("custom_name"), say("custom_people"), ...measures.map((one) => initial(one.title))],
    body: rows.map((row) => [base.codes[row], base.names[row], people[row] === null ? say("not_available") : whole(people[row]),
      ...measures.map((one) => cells(one, row))]),
  });

  const table = (base, rows, { head, body }) => wardmote.table(say("custom_table"), [head[1], head[0], ...head.slice(2)],
    body.slice(0, MOST_ROWS).map((line, i) => [wardmote.link(wardmote.pathOf(base, base.codes[rows[i]]), line[1]), e("span", { class: "code" }, line[0]), ...line.slice(2)]));

  /** Return what shows the same area again: the rule by which it came, else its codes; null where these are too many for an address. */
  const stateOf = (result) => {
    const state = came ? came.state : { codes: [...result.asked].join(",") };
    return (state.codes || "").length > MOST_ADDRESS ? null : state;
  };

  const show = async (index, base, result) => {
    const language = new Intl.Collator(wardmote.words.language, { numeric: true });
    const rows = [...result.rows].sort((a, b) => language.compare(base.names[a], base.names[b]));
    const people = await valuesOf(base.level, "population");
    const measures = await counted(index, base);
    const all = texts(base, rows, people, measures);
    const button = e("button", { type: "button", class: "plain" }, say("custom_download"));
    button.addEventListener("click", () => wardmote.download("area.csv", [all.head, ...all.body]));
    const state = stateOf(result);
    const address = state ? e("a", { href: `#${new URLSearchParams(state).toString().replace(/%2C/g, ",")}` }, say("custom_link"))
      : say("custom_long", { count: whole(result.asked.size) });
    const remarks = told(base, result);
    return [
      e("p", { class: "headline" }, residents(base, rows, people)),
      came ? e("p", { id: "custom-came" }, say("custom_came", { rule: came.words })) : "",
      e("ul", {}, ...measures.map((one) => e("li", {}, sentence(one, rows)))),
      remarks.length ? e("ul", { class: "small" }, ...remarks.map((text) => e("li", {}, text))) : "",
      e("p", {}, address),
      table(base, rows, all),
      rows.length > MOST_ROWS ? e("p", { class: "small" }, say("custom_more", { count: whole(MOST_ROWS), total: whole(rows.length) })) : "",
      e("p", {}, button),
    ].filter(Boolean);
  };

  const complain = (text) => {
    problem.textContent = text;
    if (text) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
  };

  const addUp = async () => {
    const mine = ++turn;
    complain("");
    out.replaceChildren();
    if (!field.value.trim()) { complain(say("custom_none")); return; }
    status.textContent = say("loading");
    const index = await wardmote.index();
    const base = await codesOf(index.base);
    const result = await understood(index, base, field.value);
    const made = result.rows.size ? await show(index, base, result) : [];
    if (mine !== turn) return;
    complain(result.unknown.length ? say("unknown_codes", { count: whole(result.unknown.length), codes: listed(result.unknown) })
      : result.rows.size ? "" : say("custom_empty"));
    wardmote.keep(stateOf(result) || {});
    out.replaceChildren(...made);
    status.textContent = made.length ? say("custom_done") : "";
  };

  const start = () => addUp().catch((error) => { status.textContent = say("not_loaded", { file: error.message }); });

  const read = (state) => {
    const codes = state.get("codes");
    if (codes === null || state.has("how")) return; // what came in another way is read by ways.js
    came = null;
    field.value = codes.replace(/,/g, "\n");
    start().then(() => form.scrollIntoView());
  };

  /** Add up codes that came in another way than by typing them, with the rule in words and the state that stands for them. */
  wardmote.addArea = (codes, words, state) => {
    field.value = codes.join("\n");
    came = { words, state, text: field.value };
    return start();
  };

  /** Take away what is shown, since nothing is to be added up. */
  wardmote.clearArea = () => {
    turn++;
    came = null;
    field.value = status.textContent = "";
    complain("");
    out.replaceChildren();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // What somebody has changed no longer came by the rule.
    if (came && came.text !== field.value) came = null;
    start();
  });
  window.addEventListener("hashchange", () => read(wardmote.state()));
  read(wardmote.given);
})(window.wardmote);
