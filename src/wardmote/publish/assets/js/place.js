/* One place on demand: the profile, a card, or several side by side, from the same words as the pages that are written out. */
(function (wardmote) {
  "use strict";
  const { element: e, say } = wardmote;
  const main = document.querySelector("#main > .broad");
  const script = document.currentScript;
  const given = new URLSearchParams(location.search);

  const sentences = (texts) => texts.filter(Boolean).map((text) => e("p", {}, text));
  const list = (texts, none) => (texts.length ? e("ul", {}, ...texts.map((text) => e("li", {}, text))) : e("p", {}, none));
  const linked = (one) => (one.path ? wardmote.link(one.path, one.name) : one.name);

  const fill = (text, marks) => text.replace(/\{(\w+)\}/g, (_, mark) => marks[mark] ?? "");
  const initial = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  /** A bar from the middle: to the left towards need, to the right away from it. */
  const pull = (row) => {
    if (!row.pull) return "";
    const width = Math.abs(56 * row.pull_at);
    return e("span", { class: "pull-col" }, e("svg", { class: "pull", viewBox: "0 0 120 14", "aria-hidden": "true", focusable: "false" },
      e("path", { class: "strip-line", d: "M60,0v14" }),
      e("rect", { class: row.pull_at > 0 ? "pull-up" : "pull-down", x: row.pull_at > 0 ? 60 - width : 60, y: 2, width, height: 10 })), row.pull);
  };

  const partsTable = (one, words, rows, figures) => {
    const pointed = !figures && (one.up || one.down);
    return wardmote.table(
      fill(figures ? words.figures_of : words.parts_of, { title: one.title }),
      [figures ? words.indicator : words.part, ...(figures ? [words.figure] : []), `${words.tenth} (${words.greatest_end} – ${words.least_end})`,
        ...(pointed ? [words.pull, words.weight] : [])],
      rows.map((row) => [row.title, ...(figures ? [row.figure] : []),
        e("div", {}, wardmote.strip(row.at, -1, -1), fill(words.told_rank, { tenth: row.tenth, rank: row.rank })),
        ...(pointed ? [pull(row), row.weight] : [])]));
  };

  const standing = (one, words) => {
    const box = e("div", {}, e("h3", {}, one.title), ...sentences([[one.headline, one.interval, one.inside].filter(Boolean).join(" ")]));
    if (one.at >= 0) {
      box.append(e("div", { class: "strip-box" }, wardmote.strip(one.at, one.low, one.high),
        e("p", { class: "ends small" }, e("span", {}, words.greatest_end), e("span", {}, words.least_end))));
    }
    if (one.partial) box.append(e("p", { class: "small" }, one.partial));
    if (one.up || one.down) box.append(e("h4", {}, words.pulls), ...sentences([one.up, one.down]), e("p", { class: "small" }, words.pulls_note));
    const into = one.folded && one.parts.length ? e("details", {}, e("summary", {}, `${words.more_of} (${one.title})`)) : box;
    if (one.parts.length) into.append(partsTable(one, words, one.parts, false));
    if (one.leaves.length) into.append(e("details", {}, e("summary", {}, fill(words.figures_of, { title: one.title })), partsTable(one, words, one.leaves, true)));
    if (into !== box) box.append(into);
    return box;
  };

  /** Put the whole profile onto the page. */
  const profile = (place, words) => {
    const section = (id, title, ...children) => e("section", { "aria-labelledby": id }, e("h2", { id }, title), ...children);
    const parts = [];
    if (place.trail.length) {
      parts.push(e("nav", { class: "trail", "aria-label": words.trail }, e("ol", {}, ...place.trail.map((one) => e("li", {}, linked(one))))));
    }
    parts.push(e("h1", {}, place.name), e("p", { class: "lede" }, `${initial(place.noun)}. ${place.residents ? `${initial(fill(words.residents, { people: place.residents }))}.` : ""} `, e("span", { class: "code" }, place.code)));
    if (place.glance.length) {
      parts.push(e("dl", { class: "glance" }, ...place.glance.map((one) => e("div", { class: `g-${one.kind}` }, e("dt", {}, one.title),
        e("dd", {}, e("a", { href: `#${one.anchor}` }, one.said), one.verdict ? " " : "", one.verdict ? e("span", { class: "word" }, one.verdict) : "")))));
    }
    const strong = section("strong", words.strong, list(place.strong, [words.strong_none, place.nearest].filter(Boolean).join(" ")));
    strong.className = "good";
    parts.push(strong, section("need", words.need, list(place.great, words.need_none), ...sentences(place.types)));
    parts.push(section("standing", words.standing, ...place.standings.map((one) => standing(one, words))));
    for (const [title, others] of place.similar) {
      parts.push(section("similar", words.similar, e("p", {}, words.similar_note.replace("{title}", title)),
        e("ul", { class: "names" }, ...others.map((one) => e("li", {}, linked(one), " ", e("span", { class: "code" }, one.code))))));
    }
    if (place.beside.length) {
      parts.push(section("beside", words.beside, wardmote.table(words.share, [words.area, ...place.beside_header],
        place.beside.map(([one, cells]) => [linked(one), ...cells.map((cell) => cell || "–")]))));
    }
    const money = place.money.flatMap((one) => [e("h3", {}, one.title), ...(one.places.length ? [e("p", {}, linked(one.places[0]))] : []),
      ...sentences([`${one.status ? `${one.status}. ` : ""}${one.sentence}`, one.firm]),
      one.flip ? e("details", {}, e("summary", {}, words.flip), e("p", {}, one.flip)) : ""]);
    parts.push(section("money", words.money, ...(money.length ? money : sentences([words.no_round]))));
    parts.push(section("wrong", words.wrong, ...sentences([words.wrong_note.replace("{code}", place.code), words.wrong_who])));
    document.title = `${place.name}: ${document.title}`;
    main.replaceChildren(...parts);
  };

  const missing = (code) => {
    const status = document.getElementById("place-status");
    if (status) status.textContent = say("not_found_code", { area: script.dataset.noun, code });
  };

  const shown = async (kind) => {
    const code = (given.get("code") || "").trim();
    if (!code) return;
    const level = script.dataset.level || given.get("level") || "";
    const place = await wardmote.place(level, code);
    if (!place) { missing(code); return; }
    if (kind === "profile") profile(place, JSON.parse(script.dataset.words));
    else card(place);
  };

  /** Put a small card onto the page, for the pages of others. */
  const card = (place) => {
    const link = wardmote.link(place.path, say("profile_of", { name: place.name }));
    link.target = "_top";
    main.replaceChildren(e("article", { class: "card" }, e("h1", {}, place.name),
      ...sentences(place.strong.slice(0, 1)), ...sentences(place.types.slice(0, 1)),
      ...place.standings.slice(0, 2).flatMap((one) => [e("h2", {}, one.title), ...sentences([`${one.headline} ${one.interval}`]),
        wardmote.strip(one.at, one.low, one.high)]), e("p", {}, link)));
  };

  /** Put up to four places side by side. */
  const compare = async () => {
    const form = document.getElementById("compare-form");
    const out = document.getElementById("compare-result");
    const level = form.elements.level.value;
    const list = await wardmote.load(`data/columns/${wardmote.fileName(level)}/codes`);
    const options = document.getElementById("compare-names");
    if (options.dataset.level !== level && list.names.length <= 8000) {
      options.replaceChildren(...list.names.map((name) => e("option", { value: name })));
      options.dataset.level = level;
    }
    const state = { level };
    const found = [];
    const unknown = [];
    for (const field of ["a", "b", "c", "d"]) {
      const text = form.elements[field].value.trim();
      if (!text) continue;
      let row = list.codes.indexOf(text.toUpperCase());
      if (row < 0) row = list.codes.indexOf(text);
      if (row < 0) row = list.names.findIndex((name) => wardmote.fold(name) === wardmote.fold(text));
      if (row < 0) { unknown.push(text); continue; }
      state[field] = list.codes[row];
      found.push(await wardmote.place(level, list.codes[row]));
    }
    wardmote.remember(state);
    const words = JSON.parse(form.dataset.words);
    const told = unknown.map((text) => e("p", {}, say("none_found", { text })));
    const places = found.filter(Boolean);
    if (!places.length) { out.replaceChildren(...told); return; }
    const cell = (texts) => e("div", {}, ...texts.filter(Boolean).map((text) => e("p", {}, text)));
    const rows = [[words.strong, ...places.map((place) => cell(place.strong.length ? place.strong : [words.strong_none]))],
      [words.need, ...places.map((place) => cell(place.great.length ? place.great : [words.need_none]))],
      [words.both, ...places.map((place) => cell(place.types))]];
    for (const title of new Set(places.flatMap((place) => place.standings.map((one) => one.title)))) {
      const ones = places.map((place) => place.standings.find((one) => one.title === title));
      rows.push([title, ...ones.map((one) => (one ? e("div", {}, wardmote.strip(one.at, one.low, one.high), ...sentences([one.headline, one.interval])) : "–"))]);
      for (const part of new Set(ones.flatMap((one) => (one ? one.parts.map((row) => row.title) : [])))) {
        rows.push([`${title}: ${part}`, ...ones.map((one) => {
          const row = one && one.parts.find((each) => each.title === part);
          return row ? e("div", {}, wardmote.strip(row.at, -1, -1), e("p", {}, row.tenth)) : "–";
        })]);
      }
    }
    rows.push([words.money, ...places.map((place) => cell(place.money.map((one) => `${one.title}: ${one.status || one.sentence}`)))]);
    out.replaceChildren(...told, wardmote.table(words.title, [words.part, ...places.map((place) => wardmote.link(place.path, place.name))], rows));
  };

  const kind = script.dataset.kind;
  const guarded = (work) => work.catch((error) => {
    const status = document.getElementById("place-status");
    if (status) status.textContent = say("failed", { file: error.message });
  });
  if (kind === "compare") {
    const form = document.getElementById("compare-form");
    for (const field of ["level", "a", "b", "c", "d"]) if (given.get(field)) form.elements[field].value = given.get(field);
    form.addEventListener("submit", (event) => { event.preventDefault(); guarded(compare()); });
    form.elements.level.addEventListener("change", () => guarded(compare()));
    guarded(compare());
  } else guarded(shown(kind));
})(window.wardmote);
