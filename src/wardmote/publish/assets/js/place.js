/* One place on demand: the profile or a card, from the same words as the pages that are written out. */
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
    const strong = section("strong", words.strong, list(place.strong, place.unknown ? words.unknown : [words.strong_none, place.nearest].filter(Boolean).join(" ")));
    strong.className = "good";
    parts.push(strong, section("need", words.need, list(place.great, place.unknown ? words.unknown : words.need_none), ...sentences(place.types)));
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
    document.title = `${place.name}: ${document.title}`;
    main.replaceChildren(e("article", { class: "card" }, e("h1", {}, place.name),
      ...sentences(place.strong.slice(0, 1)), ...sentences(place.types.slice(0, 1)),
      ...place.standings.slice(0, 2).flatMap((one) => [e("h2", {}, one.title), ...sentences([`${one.headline} ${one.interval}`]),
        wardmote.strip(one.at, one.low, one.high)]), e("p", {}, link)));
  };

  const kind = script.dataset.kind;
  const guarded = (work) => work.catch((error) => {
    const status = document.getElementById("place-status");
    if (status) status.textContent = say("failed", { file: error.message });
  });
  guarded(shown(kind));
})(window.wardmote);
