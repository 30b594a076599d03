/* Find my place: by name, code or postcode. The search runs here; nothing that is typed is sent, and a postcode never enters the address. */
(function (wardmote) {
  "use strict";
  const { element: e, initial, say, whole } = wardmote;
  const form = document.getElementById("find-form");
  const field = form.elements.q;
  const out = document.getElementById("find-results");
  const status = document.getElementById("find-status");
  const MOST_ALIKE = 12;
  const MOST_FOLDED = 400;
  const FEW = 3;
  let turn = 0;

  const listOf = (index, level) => index.levels.find((one) => one.level === level);

  /** Return where an area lies, in words: the larger area that the study goes by, else the next larger one. */
  const where = (index, area) => {
    const near = area.around.find((one) => one.level === index.near) || area.around[0];
    return near ? say("find_in", { area: area.kind.title, around: near.name }) : area.kind.title;
  };

  wardmote.whereOf = where;

  const nameOf = (area) => (area.kind.figures ? wardmote.link(wardmote.pathOf(area.kind, area.code), area.name) : e("span", { class: "who" }, area.name));

  const line = (index, area, ...more) => e("li", {}, nameOf(area), " ", e("span", { class: "small" }, where(index, area), " "),
    e("span", { class: "code" }, area.code), ...more);

  const names = (kind, pairs) => e("ul", { class: "names" },
    ...pairs.map(([code, name]) => e("li", {}, wardmote.link(wardmote.pathOf(kind, code), name))));

  /** Return a list of areas that is folded away. */
  const folded = (title, areas, css, item) => e("details", {}, e("summary", {}, initial(title)),
    e("ul", { class: css }, ...areas.slice(0, MOST_FOLDED).map(item)),
    areas.length > MOST_FOLDED ? e("p", { class: "small" }, say("many_found", { count: whole(MOST_FOLDED) })) : "");

  /** Fill in which places of the study lie in an area that has no figures of its own. */
  const fillInside = async (index, area, box) => {
    const told = await wardmote.inside(area.kind, area.code);
    for (const one of told.held) {
      const kind = listOf(index, one.level);
      if (one.whole.length) box.append(e("p", { class: "label" }, initial(say("find_whole", { areas: kind.plural }))), names(kind, one.whole));
      if (one.part.length) box.append(e("p", { class: "label" }, initial(say("find_part", { areas: kind.plural }))), names(kind, one.part));
    }
    if (told.around.length) {
      box.append(wardmote.sentence("find_around", "places", told.around.map(([level, code, name]) => wardmote.link(wardmote.pathOf(listOf(index, level), code), name))));
    }
    if (told.held.length) box.append(e("p", {}, e("a", { href: `#${new URLSearchParams({ codes: area.code })}` }, say("find_add", { name: area.name }))));
  };

  /** Return the folded list of what lies in an area without figures; it is fetched when it is opened. */
  const inside = (index, area, open) => {
    const box = e("details", {}, e("summary", {}, say("find_without", { name: area.name })));
    const fill = () => fillInside(index, area, box).catch(failed);
    if (open) { box.open = true; fill(); } else box.addEventListener("toggle", fill, { once: true });
    return box;
  };

  /** Put places whose names only add to the name of a larger one that was found too under that one, where they are many. */
  const sorted = (found) => {
    const at = new Map(found.map((area) => [`${area.kind.level} ${area.code}`, area]));
    const under = new Map(found.map((area) => [area, new Map()]));
    for (const area of found) {
      const larger = area.kind.figures && [...area.around].reverse().map((one) => at.get(`${one.level} ${one.code}`))
        .find((one) => one && area.folded.startsWith(`${one.folded} `));
      if (larger) under.get(larger).set(area.kind, [...(under.get(larger).get(area.kind) || []), area]);
    }
    for (const kinds of under.values()) for (const [kind, areas] of kinds) if (areas.length <= FEW) kinds.delete(kind);
    const inside = new Set([...under.values()].flatMap((kinds) => [...kinds.values()].flat()));
    return { alone: found.filter((area) => !inside.has(area)), under };
  };

  const show = (index, found) => {
    const { alone, under } = sorted(found);
    const areFew = found.filter((area) => !area.kind.figures).length <= FEW;
    const short = (area) => e("li", {}, nameOf(area));
    const item = (area) => line(index, area,
      ...[...under.get(area)].map(([kind, areas]) => folded(say("find_inside", { areas: kind.plural, name: area.name, count: whole(areas.length) }), areas, "names", short)),
      area.kind.figures ? "" : inside(index, area, areFew));
    const list = e("ul", { class: "results" });
    for (const kind of index.levels) {
      const mine = alone.filter((area) => area.kind === kind);
      const rest = mine.slice(MOST_ALIKE);
      list.append(...mine.slice(0, MOST_ALIKE).map(item));
      if (rest.length) list.append(e("li", {}, folded(say("find_more", { areas: kind.plural, count: whole(rest.length) }), rest, "results", item)));
    }
    out.replaceChildren(list);
    status.textContent = say("found", { count: whole(found.length) });
  };

  /** Return the place of a postcode; only the list of its district is fetched. */
  const ofPostcode = async (index, [, district, rest]) => {
    if (!index.postcodes.districts.includes(district)) return [];
    const list = await wardmote.load(`data/find/postcode/${district}`);
    const code = list.codes[list.at[rest]];
    const place = code && (await wardmote.place(index.postcodes.level, code));
    return place ? [{ kind: listOf(index, index.postcodes.level), code, name: place.name, folded: "", around: [] }] : [];
  };

  /** Return the areas that a code, a postcode or words of a name stand for. */
  wardmote.lookUp = async (index, text) => {
    const postcode = wardmote.POSTCODE.exec(text.toUpperCase());
    const found = await wardmote.ofCode(text.replace(/\s+/g, ""));
    if (found.length) return found;
    return postcode ? ofPostcode(index, postcode) : wardmote.search(text);
  };

  /** Say why nothing was found, and what may have been meant. */
  const explain = async (index, text) => {
    if (wardmote.isPrivate(text)) {
      status.textContent = say(!index.postcodes.level ? "find_no_postcodes" : wardmote.POSTCODE.test(text) ? "postcode_unknown" : "find_whole_postcode");
      return;
    }
    const known = wardmote.fold(text);
    if (known.length < 2) { status.textContent = say("find_short"); return; }
    const meant = await wardmote.didYouMean(text);
    status.textContent = say("none_found", { text });
    if (meant.length) out.append(wardmote.sentence("find_meant", "names", meant.map((one) => e("a", { href: `#${new URLSearchParams({ q: one })}` }, one))));
  };

  const search = async () => {
    const mine = ++turn;
    const text = field.value.trim();
    wardmote.keep({ q: wardmote.isPrivate(text) ? "" : text });
    out.replaceChildren();
    status.textContent = text ? say("loading") : "";
    if (!text) return;
    const index = await wardmote.index();
    const found = await wardmote.lookUp(index, text);
    // A later search may have been quicker.
    if (mine !== turn) return;
    if (found.length) show(index, found);
    else await explain(index, text);
  };

  const failed = (error) => { status.textContent = say("not_loaded", { file: error.message }); };
  const start = () => search().catch(failed);

  /** Begin from the address: its state may also change by a link on the page itself. */
  const read = (state) => {
    const text = state.get("q");
    if (text === null) return;
    field.value = text;
    start();
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); wardmote.closeOptions(); start(); });
  window.addEventListener("hashchange", () => read(wardmote.state()));
  wardmote.given = wardmote.state((key, value) => key !== "q" || !wardmote.isPrivate(value));

  // ---- suggestions while typing: a combobox by the pattern of the ARIA practices, with a list of its own

  const options = document.getElementById("q-options");
  const count = document.getElementById("find-count");
  const MOST = 8;
  let at = -1;

  wardmote.closeOptions = () => {
    options.hidden = true;
    options.replaceChildren();
    at = -1;
    count.textContent = "";
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };

  const choose = (name) => { field.value = name; wardmote.closeOptions(); start(); };

  const mark = (to) => {
    const all = [...options.children];
    at = to;
    all.forEach((one, i) => one.setAttribute("aria-selected", String(i === at)));
    if (at < 0) { field.removeAttribute("aria-activedescendant"); return; }
    field.setAttribute("aria-activedescendant", all[at].id);
    all[at].scrollIntoView({ block: "nearest" });
  };

  const offer = async () => {
    const text = field.value;
    const known = wardmote.fold(text);
    if (known.length < 2 || wardmote.isPrivate(text)) { wardmote.closeOptions(); return; }
    const index = await wardmote.index();
    const found = await wardmote.search(text);
    if (field.value !== text || document.activeElement !== field) return;
    const best = [...found].sort((a, b) => a.order - b.order).slice(0, MOST);
    if (!best.length) { wardmote.closeOptions(); return; }
    options.replaceChildren(...best.map((area, i) => {
      const option = e("li", { role: "option", id: `q-option-${i}`, "aria-selected": "false" }, area.name, " ", e("span", { class: "small" }, where(index, area)));
      // Pressed, not clicked: the field would lose its focus first and close the list.
      option.addEventListener("mousedown", (event) => { event.preventDefault(); choose(area.name); });
      return option;
    }));
    at = -1;
    field.removeAttribute("aria-activedescendant");
    options.hidden = false;
    field.setAttribute("aria-expanded", "true");
    count.textContent = say("find_offered", { count: best.length });
  };

  const KEYS = {
    ArrowDown: (last) => mark(at < last ? at + 1 : -1),
    ArrowUp: (last) => mark(at < 0 ? last : at - 1),
    Escape: () => wardmote.closeOptions(),
    Enter: () => choose(options.children[at].firstChild.textContent),
  };

  field.setAttribute("role", "combobox");
  for (const [name, value] of [["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", "q-options"]]) field.setAttribute(name, value);
  field.addEventListener("input", () => offer().catch(() => wardmote.closeOptions()));
  field.addEventListener("blur", () => wardmote.closeOptions());
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && options.hidden) { event.preventDefault(); offer().catch(() => wardmote.closeOptions()); return; }
    if (options.hidden || !Object.hasOwn(KEYS, event.key) || (event.key === "Enter" && at < 0)) return;
    event.preventDefault();
    KEYS[event.key](options.children.length - 1);
  });

  const handed = wardmote.handedOver();
  if (handed) { field.value = handed; start(); } else read(wardmote.given);
})(window.wardmote);
