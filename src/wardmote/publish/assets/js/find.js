/* Find my place: names, codes, postcodes, and areas of one's own. Nothing that is typed is sent anywhere: only files of data are fetched. */
(function (wardmote) {
  "use strict";
  const { element: e, say, whole } = wardmote;
  const form = document.getElementById("find-form");
  const out = document.getElementById("find-results");
  const status = document.getElementById("find-status");
  const levels = [...document.querySelectorAll("#levels option")].map((option) => option.dataset);
  const MOST = 60;

  /** Yield places of a level whose name or code holds the words. */
  const among = (level, codes, names, wanted) => {
    const found = [];
    for (let i = 0; i < codes.length; i++) {
      const name = wardmote.fold(names[i]);
      const place = name.indexOf(wanted);
      if (place >= 0 || codes[i].toLowerCase() === wanted.replace(/ /g, "")) {
        found.push({ level, code: codes[i], name: names[i], order: name === wanted ? 0 : place === 0 ? 1 : 2 });
      }
    }
    return found;
  };

  const ofLevel = async (level, wanted) => {
    if (level.paged === "true") {
      const list = await wardmote.load(`data/columns/${wardmote.fileName(level.level)}/codes`);
      return among(level, list.codes, list.names, wanted);
    }
    const exact = await wardmote.place(level.level, wanted.replace(/ /g, "").toUpperCase());
    if (exact) return [{ level, code: exact.code, name: exact.name, order: 0 }];
    const stem = wanted.replace(/ /g, "").slice(0, 2);
    try {
      const list = await wardmote.load(`data/find/${wardmote.fileName(level.level)}/${wardmote.fileName(stem)}`);
      return among(level, list.codes, list.names, wanted);
    } catch {
      return [];
    }
  };

  /** Return the place of a postcode; only the list of its district is fetched. */
  const ofPostcode = async (text) => {
    const match = /^([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})$/.exec(text.replace(/\s+/g, "").toUpperCase());
    if (!match || !form.dataset.postcodes) return null;
    try {
      const list = await wardmote.load(`data/find/postcode/${match[1]}`);
      const code = list.codes[list.at[match[2]]];
      if (!code) return { unknown: true };
      const level = levels.find((one) => one.level === form.dataset.postcodes);
      const place = await wardmote.place(level.level, code);
      return place && { level, code, name: place.name, order: 0 };
    } catch {
      return { unknown: true };
    }
  };

  const search = async () => {
    const text = form.elements.q.value.trim();
    // A full postcode never enters the address, which others may see.
    const isPostcode = /^[A-Za-z]{1,2}[0-9][A-Za-z0-9]?\s*[0-9][A-Za-z]{2}$/.test(text);
    wardmote.remember({ q: isPostcode ? "" : text });
    out.replaceChildren();
    if (!text) { status.textContent = ""; return; }
    status.textContent = say("loading");
    const post = await ofPostcode(text);
    let found = [];
    if (post && post.unknown) { status.textContent = say("postcode_unknown"); return; }
    if (post) found = [post];
    else {
      const wanted = wardmote.fold(text);
      for (const level of [...levels].reverse()) found.push(...(await ofLevel(level, wanted)));
      found.sort((a, b) => a.order - b.order);
    }
    status.textContent = !found.length ? say("none_found", { text })
      : found.length > MOST ? say("many_found", { count: MOST }) : say("found", { count: found.length });
    for (const place of found.slice(0, MOST)) {
      out.append(e("li", {}, wardmote.link(wardmote.pathOf(place.level, place.code), place.name), " ",
        e("span", { class: "small" }, place.level.title, " "), e("span", { class: "code" }, place.code)));
    }
  };

  /** Add up the areas of a pasted list by the rule that the page states. */
  const custom = document.getElementById("custom-form");
  const total = document.getElementById("custom-result");
  const addUp = async () => {
    const level = levels.find((one) => one.level === custom.dataset.level);
    const asked = [...new Set(custom.elements.codes.value.split(/[\s,;]+/).filter(Boolean))];
    wardmote.remember({ codes: asked.join(",") });
    if (!asked.length) { total.replaceChildren(); return; }
    total.textContent = say("loading");
    const folder = `data/columns/${wardmote.fileName(level.level)}`;
    const list = await wardmote.load(`${folder}/codes`);
    const at = new Map(list.codes.map((code, i) => [code, i]));
    const rows = asked.filter((code) => at.has(code)).map((code) => at.get(code));
    const unknown = asked.filter((code) => !at.has(code));
    const people = (await wardmote.load(`${folder}/population`)).values;
    const known = rows.filter((row) => people[row] !== null);
    const lines = [say("custom_result", { count: whole(rows.length), areas: rows.length === 1 ? list.title : list.plural,
      people: whole(known.reduce((sum, row) => sum + people[row], 0)) })];
    for (const one of list.measures) {
      const isTenth = one.kind === "decile" && one.measure === `${one.index}.decile`;
      if (!isTenth && !(one.kind === "class" && one.measure.startsWith("need."))) continue;
      const values = (await wardmote.load(`${folder}/${one.measure}`)).values;
      const ranked = rows.filter((row) => values[row]);
      const tail = say("tenth_of", { title: "" });
      const title = one.title.endsWith(tail) ? one.title.slice(0, -tail.length) : one.title;
      const marks = { title, count: whole(rows.filter((row) => values[row] === 1).length), total: whole(ranked.length) };
      lines.push(say(isTenth ? "custom_tenth" : "custom_type", marks));
    }
    if (unknown.length) lines.push(say("unknown_codes", { count: unknown.length, codes: unknown.slice(0, 12).join(", ") }));
    total.replaceChildren(e("ul", {}, ...lines.map((line) => e("li", {}, line))));
  };

  const given = new URLSearchParams(location.search);
  const guarded = (work) => (event) => {
    if (event) event.preventDefault();
    work().catch((error) => { status.textContent = say("failed", { file: error.message }); });
  };
  form.addEventListener("submit", guarded(search));
  custom.addEventListener("submit", guarded(addUp));
  if (given.get("q")) { form.elements.q.value = given.get("q"); guarded(search)(); }
  if (given.get("codes")) { custom.elements.codes.value = given.get("codes").replace(/,/g, "\n"); guarded(addUp)(); }
})(window.wardmote);
