/* Further ways to an area of one's own: around a place, from a file, and as it was drawn on the map. Each ends in codes, which custom.js
 * adds up. A file is read here and goes nowhere. */
(function (wardmote) {
  "use strict";
  const { element: e, geometry, say, whole } = wardmote;
  const out = document.getElementById("custom-result");
  const status = document.getElementById("custom-status");
  const near = document.getElementById("near-form");
  const file = document.getElementById("file-form");
  const choices = document.getElementById("near-choices");
  const MOST_CHOICES = 12;
  const MOST_BYTES = 20e6; // more than any council's border has; a browser reads it in about a second
  let turn = 0;

  const levels = async () => (await wardmote.load("data/points")).levels;
  const pointsOf = async (level) => geometry.points(await wardmote.load(`data/points/${wardmote.fileName(level)}`));
  const codesOf = (level) => wardmote.load(`data/columns/${wardmote.fileName(level)}/codes`);

  /** Say beside a field what is wrong with it. */
  const complain = (field, text) => {
    document.getElementById(`${field.id}-problem`).textContent = text;
    if (text) field.setAttribute("aria-invalid", "true"); else field.removeAttribute("aria-invalid");
  };

  /** Begin anew: no complaints, nothing shown. */
  const begin = (forget = true) => {
    if (near) for (const field of [...near.querySelectorAll("input"), ...file.querySelectorAll("input")]) complain(field, "");
    choices?.replaceChildren();
    wardmote.clearArea();
    if (forget) wardmote.keep({});
    return ++turn;
  };

  /** Show the places of some rows of the smallest level that has points, with the rule by which they came. */
  const show = async (kind, rows, rule, state, tell) => {
    const mine = turn;
    const list = await codesOf(kind.level);
    if (mine !== turn) return;
    const codes = rows.map((row) => list.codes[row]);
    const left = kind.left_out ? ` ${say("came_left", { count: whole(kind.left_out), areas: kind.left_out === 1 ? kind.title : kind.plural })}` : "";
    await wardmote.addArea(codes, `${rule}${left}`, state || { codes: codes.join(","), how: "file" });
    if (tell) out.focus(); else out.scrollIntoView();
  };

  // ---- around a place

  /** Return how many kilometres were typed, or null where it is no number within bounds. */
  const kilometres = (text) => {
    const number = Number(text);
    return text.trim() && number > 0 && number <= Number(near.elements.km.max) ? number : null;
  };

  /** Show what lies around a place of any level that has points. */
  const around = async (level, code, km, tell) => {
    const mine = turn;
    const known = await levels();
    const kind = known.find((one) => one.level === level);
    const list = kind && (await codesOf(level));
    const row = list ? list.codes.indexOf(code) : -1;
    const centre = row < 0 ? null : (await pointsOf(level))[row];
    const all = await pointsOf(known[0].level);
    // Something else may have been asked for meanwhile.
    if (mine !== turn) return;
    if (row < 0) { complain(near.elements.near, say("near_unknown", { text: code })); return; }
    const name = `${list.names[row]} (${code})`;
    if (!centre) { complain(near.elements.near, say("near_pointless", { name })); return; }
    const marks = { areas: known[0].plural, km: km.toLocaleString(wardmote.words.language, { maximumFractionDigits: 6 }), name };
    const rows = geometry.within(centre, km, all);
    if (!rows.length) { complain(near.elements.km, say("near_nothing", marks)); return; }
    await show(known[0], rows, say("came_near", marks), { km: String(km), of: code, level, how: "near" }, tell);
  };

  /** Offer the places that a text may mean. */
  const offer = (index, found, km) => {
    choices.replaceChildren(e("p", { class: "small" }, say(found.length > MOST_CHOICES ? "near_many" : "near_several", { count: whole(found.length), most: whole(MOST_CHOICES) })),
      e("ul", {}, ...found.slice(0, MOST_CHOICES).map((area) => {
        const button = e("button", { type: "button", class: "plain" }, `${area.name}, ${wardmote.whereOf(index, area)} (${area.code})`);
        button.addEventListener("click", () => { near.elements.near.value = area.code; begin(); guarded(around(area.kind.level, area.code, km, true)); });
        return e("li", {}, button);
      })));
    status.textContent = say("near_several", { count: whole(found.length) });
  };

  const ask = async () => {
    const mine = begin();
    const text = near.elements.near.value.trim();
    const km = kilometres(near.elements.km.value);
    if (km === null) complain(near.elements.km, say("near_km", { most: whole(Number(near.elements.km.max)) }));
    if (!text) complain(near.elements.near, say("near_none"));
    if (km === null || !text) { near.querySelector("[aria-invalid]").focus(); return; }
    status.textContent = say("loading");
    const index = await wardmote.index();
    const known = (await levels()).map((one) => one.level);
    const found = (await wardmote.lookUp(index, text)).filter((one) => known.includes(one.kind.level));
    if (mine !== turn) return;
    status.textContent = "";
    const exact = found.filter((one) => one.order === 0);
    const best = exact.length === 1 ? exact : found;
    if (!best.length) complain(near.elements.near, say("near_unknown", { text }));
    else if (best.length > 1) offer(index, best, km);
    else await around(best[0].kind.level, best[0].code, km, true);
  };

  // ---- from a file

  const readFile = async () => {
    const mine = begin();
    const field = file.elements.geojson;
    const chosen = field.files[0];
    if (!chosen) { complain(field, say("file_none")); return; }
    if (chosen.size > MOST_BYTES) { complain(field, say("file_large", { most: whole(MOST_BYTES / 1e6) })); return; }
    status.textContent = say("loading");
    const { polygons, problem } = geometry.readGeoJson(await chosen.text());
    if (mine !== turn) return;
    if (problem) { status.textContent = ""; complain(field, say(`file_${problem}`)); return; }
    const [kind] = await levels();
    const all = await pointsOf(kind.level);
    if (mine !== turn) return;
    const rows = geometry.inside(polygons, all);
    status.textContent = "";
    if (!rows.length) complain(field, say("file_nothing", { areas: kind.plural }));
    else await show(kind, rows, say("came_file", { areas: kind.plural }), null, true);
  };

  // ---- from the address

  const ofLine = async (text) => {
    const corners = geometry.readLine(text);
    if (!corners) { status.textContent = say("line_broken"); return; }
    const mine = turn;
    const [kind] = await levels();
    const all = kind && (await pointsOf(kind.level));
    if (mine !== turn) return;
    if (!kind) { status.textContent = say("how_pointless"); return; }
    const rows = geometry.drawn(corners, all);
    if (!rows.length) { status.textContent = say("line_nothing", { areas: kind.plural }); return; }
    await show(kind, rows, say("came_drawn", { areas: kind.plural }), { line: geometry.writeLine(corners), how: "drawn" }, false);
  };

  const ofFile = async (text) => {
    const mine = turn;
    const [kind] = await levels();
    if (mine !== turn) return;
    const codes = text.split(",").filter(Boolean);
    // What the file held is not in the address, so the rule is told of the codes as they stand there.
    await wardmote.addArea(codes, say("came_file", { areas: kind ? kind.plural : say("came_places") }), { codes: codes.join(","), how: "file" });
    out.scrollIntoView();
  };

  const read = (state) => {
    const how = state.get("how");
    if (!how) return;
    begin(false); // the address stays, so that it can be tried again
    if (how === "drawn") guarded(ofLine(state.get("line") || ""));
    else if (how === "file") guarded(ofFile(state.get("codes") || ""));
    else if (how === "near" && near) {
      const km = kilometres(state.get("km") || "");
      near.elements.near.value = state.get("of") || "";
      near.elements.km.value = state.get("km") || "";
      if (km === null) complain(near.elements.km, say("near_km", { most: whole(Number(near.elements.km.max)) }));
      else guarded(around(state.get("level") || "", state.get("of") || "", km, false));
    } else status.textContent = say(how === "near" ? "how_pointless" : "how_broken");
  };

  const guarded = (work) => work.catch((error) => { status.textContent = say("not_loaded", { file: error.message }); });

  near?.addEventListener("submit", (event) => { event.preventDefault(); guarded(ask()); });
  file?.addEventListener("submit", (event) => { event.preventDefault(); guarded(readFile()); });
  window.addEventListener("hashchange", () => read(wardmote.state()));
  read(wardmote.given);
})(window.wardmote);
