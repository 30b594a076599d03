/* The interactive map. A module, so it runs only where the page came from a web server; without it the drawing and the tables of
 * the page say the same. Tiles hold codes and shapes; numbers come as small columns and are joined here by code. */

import { classes, doubts, say } from "./map-classes.js";
import { drawing } from "./map-draw.js";
import { column, json, kept, root, tilesOf } from "./map-data.js";
import { addLayers, colour, hatchKey, hatchOn, keyOf, paintLayers, palette, shadesOf, writeNames } from "./map-look.js";

const byId = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat(document.documentElement.lang);
const initial = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const make = (name, text, css = "") => Object.assign(document.createElement(name), { textContent: text, className: css });
const MOST = 60; // names in the list: more than one reads; zooming in shows the others
const MATCHES = 6; // names under the field: as many as stand above a phone's keyboard
const STATE = ["level", "measure", "only", "unsure", "place", "at"]; // what an address can hold
const KINDS = ["decile", "class", "share", "number", "count"]; // measures that can be cut into classes
const still = matchMedia("(prefers-reduced-motion: reduce)");
const AREAS = { source: "areas", sourceLayer: "areas" };

/** Load the look of the map's library: with the map, so that the page need not wait for it; before our own, which changes some of it. */
const styled = (address) => new Promise((done, failed) => {
  const link = Object.assign(make("link", ""), { rel: "stylesheet", href: address, onload: done, onerror: () => failed(new Error(address)) });
  document.querySelector('link[href*="explore.css"]').before(link);
});

async function start() {
  const library = new URL(byId("map-script").dataset.maplibre, document.baseURI);
  const [{ Map: MapView, ScaleControl, addProtocol, setWorkerUrl }, data] = await Promise.all([
    import(library), json("map/map.json"), styled(new URL("maplibre-gl.css", library).href),
  ]);
  const words = data.words;
  const protocol = new window.pmtiles.Protocol();
  addProtocol("pmtiles", protocol.tile);
  setWorkerUrl(new URL("maplibre-gl-worker.js", library).href);
  byId("map-whole").hidden = false;

  // ---- what is shown
  const state = {
    level: null, measure: null, asked: "", values: [], cut: null, doubt: { of: null }, hatch: true, only: new Set(), chosen: null,
    codes: null, at: null, kinds: [], filters: {},
  };
  const levelOf = (name) => data.levels.find((one) => one.level === name);
  const addressed = () => new URLSearchParams(location.hash.slice(1));
  // A place may be named before the mark, as older links did, or after it.
  const older = new URLSearchParams(location.search).get("place");
  const first = levelOf(addressed().get("level")) || levelOf(data.start.level) || data.levels[0];

  const map = new MapView({
    container: "map", bounds: first.bounds, fitBoundsOptions: { padding: 12 }, minZoom: 2, maxZoom: 17,
    attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, renderWorldCopies: false,
    fadeDuration: 0, canvasContextAttributes: { preserveDrawingBuffer: false },
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": colour("--soft") } }] },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new ScaleControl({ maxWidth: 110 }), "bottom-left");
  map.getCanvas().setAttribute("aria-label", words.region);
  window.wardmote = { ...(window.wardmote || {}), map, state }; // for tests
  // Tiles that are still on their way when the reader leaves are no fault; any other is told, beside the map and to whoever mends it.
  let leaving = false;
  addEventListener("pagehide", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  map.on("error", ({ error }) => {
    if (error?.name === "AbortError") return;
    // Told a little later: what a browser stops since the reader goes elsewhere fails before the page is told that it goes.
    setTimeout(() => {
      if (leaving) return;
      console.error(`map: ${error?.message || error}`);
      byId("drawn").textContent = say(words.failed, { reason: error?.message || String(error) });
    }, 1000);
  });
  await map.once("load");

  // One change after the other: an address that is followed while a level still loads must not be mixed with it.
  let queue = Promise.resolve();
  const inTurn = (work) => {
    queue = queue.then(work).catch((error) => { byId("drawn").textContent = say(words.failed, { reason: error.message || String(error) }); });
    return queue;
  };

  const tests = () => [...state.only].map((id) => state.filters[id]).filter(Boolean);
  const close = (i) => !!state.doubt.of && state.doubt.of(i);

  /** Give each place its class. One state for all that changed; the country takes a fraction of a second. */
  let painted = [], stale = true;
  function recolour() {
    performance.mark("recolour");
    const { codes, values, cut } = state, lines = cut.types ? 1 : -9, dots = cut.types ? 2 : -9;
    const all = tests(), counts = cut.names.map(() => 0), look = palette();
    const hatches = shadesOf(cut, look).map((shade) => hatchOn(shade, look)), plain = hatchOn(look.none, look);
    let fits = 0, torn = 0;
    codes.forEach((code, i) => {
      const c = cut.of(values[i]), out = all.some((test) => !test(i)), unsure = close(i);
      const cross = state.hatch && unsure ? hatches[c] ?? plain : 0;
      if (!out) { fits++; if (c >= 0) counts[c]++; if (unsure) torn++; }
      const key = c * 6 + (out ? 3 : 0) + cross;
      if (painted[i] === key) return;
      painted[i] = key;
      map.setFeatureState({ ...AREAS, id: code }, { c, out, cross, lines: c === lines, dots: c === dots });
    });
    performance.measure("recolour", "recolour");
    legend(counts, torn);
    const count = say(words.count, { count: whole.format(fits), total: whole.format(codes.length), areas: state.level.plural });
    const hidden = state.level.shapeless ? say(words.shapeless, { count: whole.format(state.level.shapeless), total: whole.format(codes.length), areas: state.level.plural }) : "";
    byId("drawn").textContent = `${say(words.drawn, { measure: initial(state.measure.title), areas: state.level.plural, count })} ${hidden}`.trim();
    list();
    tell();
  }

  const tooClose = () => say(words.too_close, { line: state.doubt.line });

  function legend(counts, torn) {
    const entry = (drawn, text, count) => {
      const item = document.createElement("li");
      item.innerHTML = drawn; // our own drawing; words follow as text
      item.append(make("span", text), make("span", whole.format(count), "n"));
      return item;
    };
    const items = state.cut.names.map((name, i) => entry(keyOf(state.cut, i), name, counts[i]));
    // Where there is little room, a scale is told by its ends.
    if (!state.cut.types && items.length > 3) items.slice(1, -1).forEach((item) => { item.className = "mid"; });
    if (state.doubt.of) items.push(entry(hatchKey(), tooClose(), torn));
    byId("legend").replaceChildren(...items);
    byId("unsure-box").hidden = !state.doubt.of;
    byId("unsure-none").hidden = state.doubt.told;
  }

  // ---- the list beside the map: the same by keyboard and by ear
  const classOf = (i) => {
    const c = state.cut.of(state.values[i]);
    const told = c < 0 ? words.no_value : state.cut.names[c];
    return close(i) ? `${told}; ${tooClose()}` : told;
  };
  const called = (i) => (state.names[i] === state.codes[i] ? state.codes[i] : `${state.names[i]} (${state.codes[i]})`);
  const collator = new Intl.Collator(document.documentElement.lang);
  const byName = (a, b) => collator.compare(state.names[a], state.names[b]) || (state.codes[a] < state.codes[b] ? -1 : 1);

  function choices(rows, after) {
    return rows.map((i) => {
      const item = document.createElement("li"), button = make("button", called(i));
      button.type = "button";
      button.append(make("span", classOf(i), "meaning"));
      button.addEventListener("click", () => { choose(state.codes[i]); fly(state.codes[i]); after?.(); });
      item.append(button);
      return item;
    });
  }

  function list() {
    const seen = new Set(map.getLayer("areas") ? map.queryRenderedFeatures({ layers: ["areas"] }).map((one) => one.properties.code) : []);
    const all = tests();
    const rows = [...seen].map((code) => state.at.get(code)).filter((i) => i !== undefined && all.every((test) => test(i))).sort(byName);
    byId("list").replaceChildren(...choices(rows.slice(0, MOST)));
    const more = rows.length - MOST;
    byId("list-more").textContent = more > 0 ? say(words.list_more, { count: whole.format(more) }) : rows.length ? "" : words.list_none;
  }

  // ---- one place
  function choose(code) {
    if (state.chosen) map.setFeatureState({ ...AREAS, id: state.chosen }, { chosen: false });
    state.chosen = state.at.has(code) ? code : null;
    if (state.chosen) map.setFeatureState({ ...AREAS, id: state.chosen }, { chosen: true });
    tell();
    toAddress();
  }

  /** Move the map to a place. */
  async function fly(code, jump = false) {
    const level = state.level, i = state.at.get(code), points = await kept(level.points);
    if (state.level !== level || i === undefined || points.lon[i] === null) return;
    const view = { center: [points.lon[i], points.lat[i]], zoom: points.zoom[i] };
    if (jump || still.matches) map.jumpTo(view); else map.flyTo({ ...view, duration: 900 });
  }

  function tell() {
    const box = byId("chosen");
    if (!state.chosen) { box.replaceChildren(make("p", words.chosen_none)); return; }
    const i = state.at.get(state.chosen), link = make("a", words.profile), last = document.createElement("p");
    link.href = new URL(window.wardmote.pathOf({ level: state.level.level, paged: state.paged }, state.chosen), root);
    last.append(link);
    box.replaceChildren(make("h3", state.names[i]), make("p", `${initial(state.measure.title)}: ${classOf(i)}.`), last);
  }

  // ---- choices
  async function setLevel(level) {
    const above = levelOf(level.over) || null;
    const [codes, source, over] = await Promise.all([
      kept(`${level.columns}/codes.json`), tilesOf(level, protocol), above && tilesOf(above, protocol),
    ]);
    Object.assign(state, { level, above, codes: codes.codes, names: codes.names, parents: codes.parents, paged: codes.paged, chosen: null });
    state.at = new Map(codes.codes.map((code, i) => [code, i]));
    state.kinds = codes.measures.filter((one) => KINDS.includes(one.kind));
    state.all = codes.measures;
    byId("measure").replaceChildren(...state.kinds.map((one) => new Option(initial(one.title), one.measure)));
    byId("level").value = level.level;
    byId("joined").textContent = level.joined;
    byId("joined").hidden = !level.joined;
    state.filters = {};
    for (const one of data.filters) {
      const box = document.querySelector(`[data-filter="${one.id}"]`), name = one.at[level.level];
      box.disabled = !name;
      box.closest("li").hidden = !name;
      if (!name) { box.checked = false; state.only.delete(one.id); continue; }
      const values = await column(level, name);
      state.filters[one.id] = (i) => values[i] === one.is;
    }
    if (byId("filters")) byId("filters").hidden = !Object.keys(state.filters).length;
    painted = [];
    stale = true;
    written.clear();
    addLayers(map, source, over, [level.names_from, above ? above.names_from : 24]);
  }

  /** The measure of this level that answers what was asked for: itself, its counterpart, else what stands for the first question. */
  function counterpart(name) {
    const has = (one) => one && state.kinds.find((kind) => kind.measure === one);
    const here = (one) => one[state.level.level]?.find(has);
    const same = data.families.find((one) => Object.values(one).some((names) => names.includes(name)) && here(one));
    return has(name) || has(same && here(same)) || has(here(data.families.find(here) || {})) || state.kinds[0];
  }

  async function setMeasure(name) {
    const measure = counterpart(name), ranks = state.all.find((one) => one.measure === `${measure.measure}.rank`);
    const get = (one) => column(state.level, one);
    // Numbers of summaries rise with need or fall; their ranks begin with the greatest need in either case.
    const ranked = measure.kind === "number" && ranks;
    const [values, doubt] = await Promise.all([get(ranked ? ranks.measure : measure.measure), doubts(measure, state.all, get, words)]);
    Object.assign(state, { measure, values, doubt, cut: classes(measure, ranked ? ranks.total : 0, words) });
    byId("measure").value = measure.measure;
    paintLayers(map, state.cut);
    recolour();
    writeAll();
  }

  /** Names of places, once there is room for them. */
  const written = new Set();
  function writeAll() {
    for (const [id, level] of [["names", state.level], ["over-names", state.above]]) {
      if (!level || written.has(id) || map.getZoom() < level.names_from) continue;
      written.add(id);
      const now = state.level;
      Promise.all([kept(`${level.columns}/codes.json`), kept(level.points)]).then(([codes, points]) => {
        if (state.level === now && map.getSource(id)) writeNames(map, id, codes.names, points);
      }).catch(() => written.delete(id)); // names are a help; the next move asks again
    }
  }

  // ---- the address
  let reading = true;
  function toAddress() {
    if (reading) return;
    const parts = new URLSearchParams({ level: state.level.level, measure: state.measure.measure });
    if (state.only.size) parts.set("only", [...state.only].join("."));
    if (!state.hatch) parts.set("unsure", "0");
    if (state.chosen) parts.set("place", state.chosen);
    const middle = map.getCenter();
    parts.set("at", [map.getZoom().toFixed(2), middle.lat.toFixed(4), middle.lng.toFixed(4)].join("/"));
    history.replaceState(history.state, "", `#${parts}`); // a drawn line is kept there
    for (const link of document.querySelectorAll("a[data-state]")) link.hash = parts; // within a page of others: the whole map, as it stands
  }

  /** Show what an address says, all of it. */
  async function fromAddress(address, place) {
    reading = true;
    try { await follow(address, place); } finally { reading = false; }
    toAddress();
  }

  async function follow(address, place) {
    const level = levelOf(address.get("level")) || levelOf(data.start.level) || data.levels[0];
    state.hatch = address.get("unsure") !== "0";
    byId("unsure").checked = state.hatch;
    const only = (address.get("only") || "").split(".");
    state.only = new Set();
    for (const box of document.querySelectorAll("[data-filter]")) {
      box.checked = only.includes(box.dataset.filter);
      if (box.checked) state.only.add(box.dataset.filter);
    }
    if (level !== state.level) await setLevel(level);
    state.asked = address.get("measure") || data.start.measure;
    await setMeasure(state.asked);
    choose(place);
    const at = address.get("at")?.split("/").map(Number);
    if (at?.length === 3 && at.every(Number.isFinite) && Math.abs(at[1]) <= 85) {
      map.jumpTo({ zoom: at[0], center: [Math.max(-180, Math.min(180, at[2])), at[1]] });
    } else if (state.chosen) {
      await fly(state.chosen, true);
    } else {
      map.fitBounds(level.bounds, { padding: 12, animate: false });
    }
    writeAll();
  }

  await fromAddress(addressed(), addressed().get("place") || older);
  const isDrawing = drawing(map, words, whole);
  byId("no-map").hidden = true;

  // ---- on paper: what stands on the screen, kept before the page is laid out anew for another width
  function print() {
    const paper = byId("printed"), drawn = map.getCanvas();
    Object.assign(paper, { width: drawn.width, height: drawn.height });
    map.redraw();
    paper.getContext("2d").drawImage(drawn, 0, 0);
  }
  addEventListener("beforeprint", print);
  matchMedia("print").addEventListener("change", (media) => { if (media.matches) print(); });

  // ---- events
  addEventListener("hashchange", () => {
    const address = addressed();
    // The link past the menu changes what stands after # too, and says nothing of the map.
    if (location.hash && !STATE.some((name) => address.has(name))) return;
    inTurn(() => fromAddress(address, address.get("place")));
  });
  byId("level").addEventListener("change", (event) => inTurn(async () => {
    const level = levelOf(event.target.value), i = state.at.get(state.chosen);
    const up = i === undefined ? -1 : state.parents[level.level]?.[i] ?? -1;
    await setLevel(level);
    await setMeasure(state.asked);
    // A place that was chosen goes on as the larger place around it.
    if (up >= 0) choose(state.codes[up]);
    toAddress();
  }));
  byId("measure").addEventListener("change", (event) => inTurn(async () => {
    state.asked = event.target.value;
    await setMeasure(state.asked);
    toAddress();
  }));
  byId("unsure").addEventListener("change", (event) => { state.hatch = event.target.checked; recolour(); toAddress(); });
  for (const box of document.querySelectorAll("[data-filter]")) {
    box.addEventListener("change", () => {
      if (box.checked) state.only.add(box.dataset.filter); else state.only.delete(box.dataset.filter);
      recolour();
      toAddress();
    });
  }
  byId("zoom-in").addEventListener("click", () => map.zoomIn({ animate: !still.matches }));
  byId("zoom-out").addEventListener("click", () => map.zoomOut({ animate: !still.matches }));
  byId("whole").addEventListener("click", () => map.fitBounds(state.level.bounds, { padding: 12, animate: !still.matches }));
  // A click that set a corner, or closed the line by its first, is spent: the drawing was asked before.
  map.on("click", "areas", (event) => { if (!event.defaultPrevented) choose(event.features[0].properties.code); });
  map.getCanvas().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || isDrawing()) return;
    const { clientWidth, clientHeight } = map.getCanvas();
    const found = map.queryRenderedFeatures([clientWidth / 2, clientHeight / 2], { layers: ["areas"] })[0];
    if (found) choose(found.properties.code);
  });
  map.on("moveend", () => { stale = true; toAddress(); list(); writeAll(); });
  map.on("idle", () => {
    document.documentElement.dataset.map = "drawn";
    // Tiles that came after the move hold further places.
    if (stale) { stale = false; list(); }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { painted = []; paintLayers(map, state.cut); recolour(); });
  search();
  hover();
  map.triggerRepaint(); // so that it comes to rest once more, however long the above took

  /** Find a place on the map by name or code: matches stand under the field, Enter takes the first. */
  function search() {
    const field = byId("search"), box = byId("matches"), note = byId("found");
    let rows = [];
    const shut = () => { box.hidden = true; box.replaceChildren(); note.textContent = ""; };
    const look = () => {
      const asked = field.value.trim().toLowerCase();
      if (!asked) { shut(); return; }
      const { codes, names } = state;
      const order = (i) => { const at = names[i].toLowerCase().indexOf(asked); return codes[i].toLowerCase() === asked || at === 0 ? 0 : at > 0 && names[i][at - 1] === " " ? 1 : 2; };
      rows = codes.map((_, i) => i).filter((i) => names[i].toLowerCase().includes(asked) || codes[i].toLowerCase().startsWith(asked));
      rows.sort((a, b) => order(a) - order(b) || byName(a, b));
      note.textContent = rows.length ? say(words.found, { count: whole.format(rows.length) }) : say(words.found_none, { text: field.value.trim(), areas: state.level.plural });
      // On to the map: a phone puts its keyboard away, and what was found comes into view.
      const after = () => { field.value = ""; shut(); map.getCanvas().focus(); };
      box.replaceChildren(...choices(rows.slice(0, MATCHES), after));
      if (!rows.length) box.append(make("li", note.textContent));
      else if (rows.length > MATCHES) box.append(make("li", say(words.found_more, { count: whole.format(rows.length - MATCHES) }), "small"));
      box.hidden = false;
    };
    field.addEventListener("input", look);
    field.addEventListener("focus", look);
    byId("map-form").addEventListener("submit", (event) => {
      event.preventDefault();
      look();
      if (rows.length && field.value.trim()) box.querySelector("button").click();
    });
    box.parentElement.addEventListener("keydown", (event) => { if (event.key === "Escape") { shut(); field.focus(); shut(); } });
    box.parentElement.addEventListener("focusout", (event) => { if (!box.parentElement.contains(event.relatedTarget)) shut(); });
  }

  /** Under a pointer stands what the list says of a place. */
  function hover() {
    const tip = byId("tip");
    const hide = () => { tip.hidden = true; };
    map.on("mousemove", "areas", (event) => {
      const i = state.at.get(event.features[0].properties.code);
      if (i === undefined || isDrawing() || !matchMedia("(hover: hover)").matches) { hide(); return; }
      tip.replaceChildren(make("strong", state.names[i]), make("span", classOf(i)));
      tip.hidden = false;
      const { clientWidth, clientHeight } = map.getCanvas(), { x, y } = event.point;
      tip.style.left = `${Math.max(4, Math.min(x + 14, clientWidth - tip.offsetWidth - 4))}px`;
      tip.style.top = `${y + 18 + tip.offsetHeight > clientHeight ? y - tip.offsetHeight - 12 : y + 18}px`;
      map.getCanvas().style.cursor = "pointer";
    });
    map.on("mouseleave", "areas", () => { hide(); if (!isDrawing()) map.getCanvas().style.cursor = ""; });
    map.on("movestart", hide);
    map.getCanvas().addEventListener("mouseleave", hide);
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  }
}

start().catch((error) => {
  // The drawing and the tables are there; say why the map is not.
  byId("map-whole").hidden = true;
  const note = byId("no-map");
  note.hidden = false;
  json("map/map.json").then((data) => { note.textContent = say(data.words.failed, { reason: error.message || String(error) }); }).catch(() => {});
  document.documentElement.dataset.map = "failed";
});
