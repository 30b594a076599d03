/* The interactive map. A module, so it runs only where the page came from a web server; without it the drawing and the tables of
 * the page say the same. Tiles hold codes and shapes; numbers come as small columns and are joined here by code. */

const byId = (id) => document.getElementById(id);
const root = new URL("../", document.baseURI);
const whole = new Intl.NumberFormat(document.documentElement.lang);
const say = (text, parts) => text.replace(/\{(\w+)\}/g, (_, name) => parts[name] ?? "");
const initial = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const json = async (path) => {
  const answer = await fetch(new URL(path, root));
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
};
const MOST = 60; // names in the list: more than one reads; zooming in shows the others
const FADED = 0.08; // places that a filter leaves out: still seen as land, never mistaken for a class

/** Bytes of an archive by range; a host that sends the whole file instead is asked once, and the file is kept. */
class Archive {
  constructor(url) { this.url = url; this.file = null; }
  getKey() { return this.url; }
  async getBytes(offset, length, signal) {
    if (!this.file) {
      const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
      const answer = await fetch(this.url, { headers, signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const bytes = await answer.arrayBuffer();
      if (answer.status === 206) return { data: bytes };
      this.file = bytes;
    }
    return { data: this.file.slice(offset, offset + length) };
  }
}

/** Whether the host sends parts of a file. Some send the whole for each part, others send other bytes than those asked for. */
async function sendsParts(url) {
  const stop = new AbortController();
  try {
    const answer = await fetch(url, { headers: { Range: "bytes=0-6" }, signal: stop.signal });
    return answer.status === 206 && new TextDecoder().decode(await answer.arrayBuffer()) === "PMTiles";
  } catch { return false; } finally { stop.abort(); } // the rest of a file that came whole is not loaded
}

/** How a measure is cut into classes: words of each, and a function from number to class (-1 for none). */
function classes(measure, values, words) {
  if (measure.kind === "decile") {
    const ends = [1, 2, 5, 8, 10];
    return {
      names: [1, 2, 3, 4, 5].map((i) => words[`tenth_${i}`]), tones: [4, 3, 2, 1, 0],
      of: (value) => (value ? ends.findIndex((end) => value <= end) : -1),
    };
  }
  if (measure.kind === "class") return { names: measure.words, types: true, of: (value) => (value ? value - 1 : -1) };
  if (measure.kind === "share") {
    // The same classes as in the drawings: a tenth is what the whole study has.
    const ends = [0.02, 0.1, 0.2, 0.4], told = ends.map((x) => `${x * 100}%`);
    const names = told.map((top, i) => (i ? say(words.share_1, { low: told[i - 1], top }) : say(words.share_0, { top })));
    return {
      names: [...names, say(words.share_2, { low: told[3] })], tones: [0, 1, 2, 3, 4],
      of: (value) => (value === null ? -1 : ends.filter((end) => value >= end).length),
    };
  }
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  const ends = [0.2, 0.4, 0.6, 0.8].map((part) => sorted[Math.floor(part * sorted.length)]);
  return {
    names: [1, 2, 3, 4, 5].map((i) => words[`fifth_${i}`]), tones: [0, 1, 2, 3, 4],
    of: (value) => (value === null ? -1 : ends.filter((end) => value >= end).length),
  };
}

/** A picture of lines or dots for a fill, in the ink of the page. */
function pattern(kind, colour) {
  const size = 16, canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 2;
  if (kind === "dots") {
    for (const [x, y] of [[4, 4], [12, 12]]) { pen.beginPath(); pen.arc(x, y, 2, 0, 7); pen.fill(); }
  } else {
    pen.beginPath();
    for (let at = -size; at <= 2 * size; at += 8) {
      pen.moveTo(at, -2); pen.lineTo(at + size + 4, size + 2);
      if (kind === "cross") { pen.moveTo(at, size + 2); pen.lineTo(at + size + 4, -2); }
    }
    pen.stroke();
  }
  return pen.getImageData(0, 0, size, size);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const palette = () => ({
  tones: [0, 1, 2, 3, 4].map((i) => colour(`--c${i}`)),
  types: ["--both", "--dep", "--com", "--none"].map(colour),
  none: colour("--soft"), edge: colour("--quiet"), ink: colour("--ink"),
});

async function start() {
  const [{ Map: MapView, addProtocol, setWorkerUrl }, data] = await Promise.all([
    import(new URL(byId("map-script").dataset.maplibre, document.baseURI)), json("map/map.json"),
  ]);
  const words = data.words, quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const protocol = new window.pmtiles.Protocol();
  addProtocol("pmtiles", protocol.tile);
  setWorkerUrl(new URL("maplibre-gl-worker.js", new URL(byId("map-script").dataset.maplibre, document.baseURI)).href);
  byId("map-whole").hidden = false;

  // ---- what is shown
  const state = {
    level: null, measure: null, values: [], cut: null, unsure: null, hatch: true, only: new Set(), chosen: null,
    codes: null, at: null, kinds: [], filters: {},
  };
  const held = {}; // columns that were fetched, by path
  const column = (level, name) => (held[`${level.level}/${name}`] ??= json(`${level.columns}/${name}.json`).then((one) => one.values));

  const address = new URLSearchParams(location.hash.slice(1));
  // A place may be named before the mark, as older links did, or after it.
  const wanted = address.get("place") || new URLSearchParams(location.search).get("place");
  const first = data.levels.find((one) => one.level === address.get("level")) ||
    data.levels.find((one) => one.level === data.start.level) || data.levels[0];

  const map = new MapView({
    container: "map", bounds: first.bounds, fitBoundsOptions: { padding: 12 }, minZoom: 2, maxZoom: 17,
    attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, renderWorldCopies: false,
    fadeDuration: 0, canvasContextAttributes: { preserveDrawingBuffer: false },
    style: { version: 8, sources: {}, layers: [{ id: "ground", type: "background", paint: { "background-color": colour("--soft") } }] },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.getCanvas().setAttribute("aria-label", words.region);
  window.wardmote = { ...(window.wardmote || {}), map, state }; // for tests
  await map.once("load");

  const flag = (name) => ["boolean", ["feature-state", name], false];
  const shown = (name) => ["case", ["all", flag(name), ["!", flag("out")]], 1, 0];

  function paint() {
    const look = palette();
    map.setPaintProperty("ground", "background-color", look.none);
    for (const kind of ["lines", "dots", "cross"]) {
      if (map.hasImage(kind)) map.removeImage(kind);
      map.addImage(kind, pattern(kind, kind === "cross" ? look.ink : kind === "lines" ? colour("--dep-line") : colour("--com-line")), { pixelRatio: 2 });
    }
    if (!map.getLayer("areas")) return;
    const shades = state.cut.types ? look.types : state.cut.tones.map((tone) => look.tones[tone]);
    const pairs = state.cut.names.flatMap((_, i) => [i, shades[Math.min(i, shades.length - 1)]]);
    map.setPaintProperty("areas", "fill-color", ["match", ["coalesce", ["feature-state", "c"], -1], ...pairs, look.none]);
    map.setPaintProperty("edges", "line-color", look.edge);
    map.setPaintProperty("chosen", "line-color", look.ink);
  }

  function addLayers() {
    const level = state.level;
    for (const id of ["chosen", "cross", "dots", "lines", "edges", "areas"]) if (map.getLayer(id)) map.removeLayer(id);
    if (map.getSource("areas")) map.removeSource("areas");
    const source = { type: "vector", promoteId: "code", bounds: level.bounds };
    const tiles = level.folder && !level.parts ? level.folder : level.tiles;
    if (tiles.endsWith(".pmtiles")) {
      const archive = new Archive(new URL(tiles, root).href);
      protocol.add(new window.pmtiles.PMTiles(archive));
      delete source.bounds;
      source.url = `pmtiles://${archive.url}`;
    } else {
      // Braces of the pattern must not be escaped.
      source.tiles = [root.href + tiles];
      [source.minzoom, source.maxzoom] = level.zooms;
    }
    map.addSource("areas", source);
    const of = { source: "areas", "source-layer": "areas" };
    map.addLayer({ id: "areas", type: "fill", ...of, paint: { "fill-color": "#888", "fill-opacity": ["case", flag("out"), FADED, 1] } });
    map.addLayer({ id: "edges", type: "line", ...of, paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 7, 0, 10, 0.4, 13, 1] } });
    for (const kind of ["lines", "dots", "cross"]) {
      map.addLayer({ id: kind, type: "fill", ...of, paint: { "fill-pattern": kind, "fill-opacity": shown(kind) } });
    }
    map.addLayer({ id: "chosen", type: "line", ...of, paint: { "line-width": 4, "line-opacity": ["case", flag("chosen"), 1, 0] } });
  }

  /** Give each place its class. One state for all that changed; the country takes a fraction of a second. */
  let painted = [];
  function recolour() {
    performance.mark("recolour");
    const { codes, values, cut } = state, lines = cut.types ? 1 : -9, dots = cut.types ? 2 : -9;
    const tests = [...state.only].map((id) => state.filters[id]).filter(Boolean);
    const counts = cut.names.map(() => 0);
    let fits = 0, close = 0;
    codes.forEach((code, i) => {
      const c = cut.of(values[i]), out = tests.some((test) => !test(i));
      const cross = state.hatch && !!state.unsure && state.unsure(i);
      if (!out) { fits++; if (c >= 0) counts[c]++; if (state.unsure && state.unsure(i)) close++; }
      const key = c * 4 + (out ? 2 : 0) + (cross ? 1 : 0);
      if (painted[i] === key) return;
      painted[i] = key;
      map.setFeatureState({ source: "areas", sourceLayer: "areas", id: code }, { c, out, cross, lines: c === lines, dots: c === dots });
    });
    performance.measure("recolour", "recolour");
    legend(counts, close);
    const count = say(words.count, { count: whole.format(fits), total: whole.format(codes.length), areas: state.level.plural });
    byId("drawn").textContent = say(words.drawn, { measure: initial(state.measure.title), areas: state.level.plural, count });
    list();
    tell();
  }

  function legend(counts, close) {
    const draw = (css, extra) => `<svg viewBox="0 0 30 18" aria-hidden="true" focusable="false"><rect width="30" height="18" class="${css}"/>${extra}</svg>`;
    const marks = { 1: '<path class="pattern-dep" d="M-4,-2l24,24M8,-2l24,24M-16,-2l24,24"/>', 2: '<circle class="pattern-com" cx="8" cy="9" r="2"/><circle class="pattern-com" cx="22" cy="9" r="2"/>' };
    const items = state.cut.names.map((name, i) => {
      const item = document.createElement("li");
      // Only our own class names and numbers go in as mark-up; words follow as text.
      item.innerHTML = state.cut.types ? draw(`t${Math.min(i + 1, 4)}`, marks[i] || "") : draw(`v${state.cut.tones[i]}`, "");
      const text = document.createElement("span"), number = document.createElement("span");
      text.textContent = name;
      number.textContent = whole.format(counts[i]);
      number.className = "n";
      item.append(text, number);
      return item;
    });
    if (state.unsure) {
      const item = document.createElement("li"), text = document.createElement("span"), number = document.createElement("span");
      item.innerHTML = draw("t0", '<path class="hatch-line" d="M-4,-2l24,24M8,-2l24,24M-16,-2l24,24M34,-2l-24,24M22,-2l-24,24M46,-2l-24,24"/>');
      text.textContent = words.too_close;
      number.textContent = whole.format(close);
      number.className = "n";
      item.append(text, number);
      items.push(item);
    }
    byId("legend").replaceChildren(...items);
    byId("unsure-box").hidden = !state.unsure;
    byId("unsure-none").hidden = !!state.unsure;
  }

  // ---- the list beside the map: the same by keyboard and by ear
  const classOf = (i) => {
    const c = state.cut.of(state.values[i]);
    const told = c < 0 ? words.no_value : state.cut.names[c];
    return state.unsure && state.unsure(i) ? `${told}; ${words.too_close}` : told;
  };

  function list() {
    const asked = byId("search").value.trim().toLowerCase();
    const { codes, names } = state, tests = [...state.only].map((id) => state.filters[id]).filter(Boolean);
    let rows;
    if (asked) {
      rows = codes.map((_, i) => i).filter((i) => names[i].toLowerCase().includes(asked) || codes[i].toLowerCase().startsWith(asked));
    } else {
      const seen = new Set(map.getLayer("areas") ? map.queryRenderedFeatures({ layers: ["areas"] }).map((one) => one.properties.code) : []);
      rows = [...seen].map((code) => state.at.get(code)).filter((i) => i !== undefined);
    }
    rows = rows.filter((i) => tests.every((test) => test(i)));
    rows.sort((a, b) => names[a].localeCompare(names[b]) || (codes[a] < codes[b] ? -1 : 1));
    byId("list").replaceChildren(...rows.slice(0, MOST).map((i) => {
      const item = document.createElement("li"), button = document.createElement("button"), note = document.createElement("span");
      button.type = "button";
      button.textContent = names[i] === codes[i] ? codes[i] : `${names[i]} (${codes[i]})`;
      note.className = "meaning";
      note.textContent = classOf(i);
      button.append(note);
      button.addEventListener("click", () => choose(codes[i], true));
      item.append(button);
      return item;
    }));
    const more = rows.length - MOST;
    byId("list-more").textContent = more > 0 ? say(words.list_more, { count: whole.format(more) }) : rows.length ? "" : words.list_none;
  }

  function choose(code) {
    const id = { source: "areas", sourceLayer: "areas" };
    if (state.chosen) map.setFeatureState({ ...id, id: state.chosen }, { chosen: false });
    state.chosen = state.at.has(code) ? code : null;
    if (state.chosen) map.setFeatureState({ ...id, id: state.chosen }, { chosen: true });
    tell();
    toAddress();
  }

  /** Move the map to a place that is on it. */
  function show(code) {
    const parts = map.querySourceFeatures("areas", { sourceLayer: "areas", filter: ["==", ["get", "code"], code] });
    let west = 180, south = 90, east = -180, north = -90;
    const walk = (points) => {
      if (typeof points[0] !== "number") { points.forEach(walk); return; }
      [west, east] = [Math.min(west, points[0]), Math.max(east, points[0])];
      [south, north] = [Math.min(south, points[1]), Math.max(north, points[1])];
    };
    parts.forEach((one) => walk(one.geometry.coordinates));
    if (west <= east) map.fitBounds([west, south, east, north], { padding: 80, maxZoom: 12, animate: !quiet });
  }

  function tell() {
    const box = byId("chosen");
    if (!state.chosen) { box.replaceChildren(Object.assign(document.createElement("p"), { textContent: words.chosen_none })); return; }
    const i = state.at.get(state.chosen), name = document.createElement("h3"), text = document.createElement("p"), link = document.createElement("a");
    name.textContent = state.names[i];
    text.textContent = `${initial(state.measure.title)}: ${classOf(i)}.`;
    const safe = [...state.chosen].map((c) => (/[A-Za-z0-9-]/.test(c) ? c : `_${c.codePointAt(0).toString(16)}_`)).join("");
    link.href = new URL(state.paged ? `${state.level.places}/${safe}.html` : `${state.level.places}/index.html?code=${safe}`, root);
    link.textContent = words.profile;
    const last = document.createElement("p");
    last.append(link);
    box.replaceChildren(name, text, last);
  }

  // ---- choices
  async function setLevel(level) {
    const codes = await json(`${level.columns}/codes.json`);
    Object.assign(state, { level, codes: codes.codes, names: codes.names, paged: codes.paged, chosen: null });
    state.at = new Map(codes.codes.map((code, i) => [code, i]));
    state.kinds = codes.measures.filter((one) => ["decile", "class", "share", "number"].includes(one.kind));
    state.all = codes.measures;
    const select = byId("measure");
    select.replaceChildren(...state.kinds.map((one) => new Option(initial(one.title), one.measure)));
    byId("level").value = level.level;
    state.filters = {};
    for (const one of data.filters) {
      const box = document.querySelector(`[data-filter="${one.id}"]`);
      const here = one.level === level.level;
      box.disabled = !here;
      box.closest("li").hidden = !here;
      if (!here) { box.checked = false; state.only.delete(one.id); continue; }
      const values = await column(level, one.column);
      state.filters[one.id] = (i) => values[i] === one.is;
    }
    if (byId("filters")) byId("filters").hidden = !Object.keys(state.filters).length;
    painted = [];
    if (level.folder) level.parts ??= await sendsParts(new URL(level.tiles, root));
    addLayers();
  }

  /** What is too close to call, where it is known: a rank whose interval holds the line, a type or a decision that turns over. */
  async function doubts(measure) {
    const has = (name) => state.all.find((one) => one.measure === name);
    const base = measure.measure.replace(/\.decile$/, "");
    if (has(`${base}.low`) && has(`${base}.high`)) {
      const [low, high] = await Promise.all([column(state.level, `${base}.low`), column(state.level, `${base}.high`)]);
      const total = has(`${base}.low`).total, last = Math.floor(total / 10);
      // Values come in fifths: too close where the interval of the rank reaches into another fifth.
      const fifth = (rank) => Math.floor((5 * (rank - 1)) / total);
      if (measure.kind === "number") return (i) => low[i] !== null && fifth(low[i]) !== fifth(high[i]);
      return (i) => low[i] !== null && low[i] <= last && high[i] > last;
    }
    if (has(`${base}.standing`)) {
      const standing = await column(state.level, `${base}.standing`);
      return (i) => standing[i] === 2;
    }
    if (has(`${base}.share`)) {
      const share = await column(state.level, `${base}.share`);
      return (i) => share[i] !== null && share[i] > 0.1 && share[i] < 0.9;
    }
    return null;
  }

  async function setMeasure(name) {
    const measure = state.kinds.find((one) => one.measure === name) || state.kinds[0];
    const values = await column(state.level, measure.measure);
    const unsure = await doubts(measure);
    Object.assign(state, { measure, values, unsure, cut: classes(measure, values, words) });
    byId("measure").value = measure.measure;
    paint();
    recolour();
  }

  function toAddress() {
    const parts = new URLSearchParams({ level: state.level.level, measure: state.measure.measure });
    if (state.only.size) parts.set("only", [...state.only].join("."));
    if (!state.hatch) parts.set("unsure", "0");
    if (state.chosen) parts.set("place", state.chosen);
    const middle = map.getCenter();
    parts.set("at", [map.getZoom().toFixed(2), middle.lat.toFixed(4), middle.lng.toFixed(4)].join("/"));
    history.replaceState(null, "", `#${parts}`);
  }

  // ---- from the address
  const place = address.get("at")?.split("/").map(Number);
  if (place?.length === 3 && place.every(Number.isFinite) && Math.abs(place[1]) <= 85) {
    map.jumpTo({ zoom: place[0], center: [Math.max(-180, Math.min(180, place[2])), place[1]] });
  }
  state.hatch = address.get("unsure") !== "0";
  byId("unsure").checked = state.hatch;
  for (const id of (address.get("only") || "").split(".")) {
    const box = [...document.querySelectorAll("[data-filter]")].find((one) => one.dataset.filter === id);
    if (box) { box.checked = true; state.only.add(id); }
  }
  await setLevel(first);
  await setMeasure(address.get("measure") || data.start.measure);
  if (wanted) choose(wanted);
  if (state.chosen && !place) map.once("idle", () => show(state.chosen));
  byId("no-map").hidden = true;

  // ---- events
  byId("level").addEventListener("change", async (event) => {
    const name = state.measure.measure;
    await setLevel(data.levels.find((one) => one.level === event.target.value));
    await setMeasure(name);
    toAddress();
  });
  byId("measure").addEventListener("change", async (event) => { await setMeasure(event.target.value); toAddress(); });
  byId("unsure").addEventListener("change", (event) => { state.hatch = event.target.checked; recolour(); toAddress(); });
  for (const box of document.querySelectorAll("[data-filter]")) {
    box.addEventListener("change", () => {
      if (box.checked) state.only.add(box.dataset.filter); else state.only.delete(box.dataset.filter);
      recolour();
      toAddress();
    });
  }
  byId("search").addEventListener("input", list);
  byId("map-form").addEventListener("submit", (event) => event.preventDefault());
  byId("zoom-in").addEventListener("click", () => map.zoomIn({ animate: !quiet }));
  byId("zoom-out").addEventListener("click", () => map.zoomOut({ animate: !quiet }));
  byId("whole").addEventListener("click", () => map.fitBounds(state.level.bounds, { padding: 12, animate: !quiet }));
  map.on("click", "areas", (event) => choose(event.features[0].properties.code));
  map.getCanvas().addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const { clientWidth, clientHeight } = map.getCanvas();
    const found = map.queryRenderedFeatures([clientWidth / 2, clientHeight / 2], { layers: ["areas"] })[0];
    if (found) choose(found.properties.code);
  });
  map.on("moveend", () => { toAddress(); list(); });
  map.on("idle", () => { if (!document.documentElement.dataset.map) { document.documentElement.dataset.map = "drawn"; list(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
}

start().catch((error) => {
  // The drawing and the tables are there; say why the map is not.
  byId("map-whole").hidden = true;
  const note = byId("no-map");
  note.hidden = false;
  json("map/map.json").then((data) => { note.textContent = say(data.words.failed, { reason: error.message || String(error) }); }).catch(() => {});
  document.documentElement.dataset.map = "failed";
});
