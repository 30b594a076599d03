/* What the map looks like: its layers, the colours of the page, patterns that stay readable on every class, names of places. */

const FADED = 0.08; // places that a filter leaves out: still seen as land, never mistaken for a class

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const palette = () => ({
  tones: [0, 1, 2, 3, 4].map((i) => colour(`--c${i}`)),
  types: ["--both", "--dep", "--com", "--none"].map(colour),
  none: colour("--soft"), edge: colour("--quiet"), ink: colour("--ink"), ground: colour("--ground"),
});

/** How bright a colour is, by WCAG 2.2; colours of the page are written as #rrggbb. */
function bright(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const apart = (one, other) => (Math.max(bright(one), bright(other)) + 0.05) / (Math.min(bright(one), bright(other)) + 0.05);

/** Which hatching is seen on a class: 1 in the ink of the page, 2 in the colour of its ground. */
export const hatchOn = (shade, look) => (apart(shade, look.ink) >= apart(shade, look.ground) ? 1 : 2);

/** The colour of each class. */
export const shadesOf = (cut, look) => cut.names.map((_, i) => (cut.types ? look.types[Math.min(i, 3)] : look.tones[cut.tones[i] ?? 0]));

/** A picture of lines or dots for a fill. */
function pattern(kind, ink) {
  // Hatching leaves most of a class to be seen: lines of one dot, 8 apart.
  const cross = kind.startsWith("cross"), size = cross ? 32 : 16, step = cross ? 16 : 8;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = 2;
  if (kind === "dots") {
    for (const [x, y] of [[4, 4], [12, 12]]) { pen.beginPath(); pen.arc(x, y, 2, 0, 7); pen.fill(); }
  } else {
    pen.beginPath();
    for (let at = -size; at <= 2 * size; at += step) {
      pen.moveTo(at - 4, -4); pen.lineTo(at + size + 4, size + 4);
      if (cross) { pen.moveTo(at - 4, size + 4); pen.lineTo(at + size + 4, -4); }
    }
    pen.stroke();
  }
  return pen.getImageData(0, 0, size, size);
}

const flag = (name, value = true) => ["==", ["feature-state", name], value];
const shown = (name, value) => ["case", ["all", flag(name, value), ["!", ["boolean", ["feature-state", "out"], false]]], 1, 0];
const thick = (...steps) => ["interpolate", ["linear"], ["zoom"], ...steps];
const LAYERS = ["over-names", "names", "chosen", "chosen-ground", "over", "over-ground", "cross-ground", "cross-ink", "dots", "lines", "edges", "areas"];
const SOURCES = ["areas", "over", "names", "over-names"];
const nothing = { type: "FeatureCollection", features: [] };

/** Put the layers of a level on the map.
 * @param {object} map  The map.
 * @param {object} source  The tiles of the level.
 * @param {object|null} over  The tiles of the larger level whose borders are laid over it.
 * @param {[number, number]} from  Zooms from which there is room for names: of its own places, of the larger ones.
 */
export function addLayers(map, source, over, from) {
  for (const id of LAYERS) if (map.getLayer(id)) map.removeLayer(id);
  for (const id of SOURCES) if (map.getSource(id)) map.removeSource(id);
  map.addSource("areas", source);
  const of = { source: "areas", "source-layer": "areas" }, round = { "line-join": "round" };
  map.addLayer({ id: "areas", type: "fill", ...of, paint: { "fill-color": "#888", "fill-opacity": ["case", ["boolean", ["feature-state", "out"], false], FADED, 1] } });
  map.addLayer({ id: "edges", type: "line", ...of, paint: { "line-width": thick(from[0] - 3, 0, from[0], 0.5, from[0] + 3, 1.2) } });
  map.addLayer({ id: "lines", type: "fill", ...of, paint: { "fill-pattern": "lines", "fill-opacity": shown("lines") } });
  map.addLayer({ id: "dots", type: "fill", ...of, paint: { "fill-pattern": "dots", "fill-opacity": shown("dots") } });
  map.addLayer({ id: "cross-ink", type: "fill", ...of, paint: { "fill-pattern": "cross-ink", "fill-opacity": shown("cross", 1) } });
  map.addLayer({ id: "cross-ground", type: "fill", ...of, paint: { "fill-pattern": "cross-ground", "fill-opacity": shown("cross", 2) } });
  if (over) {
    map.addSource("over", over);
    const above = { source: "over", "source-layer": "areas", layout: round };
    map.addLayer({ id: "over-ground", type: "line", ...above, paint: { "line-width": thick(5, 0, 8, 2.4, 12, 4.5), "line-opacity": 0.75 } });
    map.addLayer({ id: "over", type: "line", ...above, paint: { "line-width": thick(5, 0.35, 8, 1, 12, 2), "line-opacity": thick(5, 0.5, 8, 1) } });
  }
  // A light line round a dark one, or the other way: one of the two is seen on every class.
  const chosen = (width) => ({ "line-width": width, "line-opacity": ["case", flag("chosen"), 1, 0] });
  map.addLayer({ id: "chosen-ground", type: "line", ...of, layout: round, paint: chosen(8) });
  map.addLayer({ id: "chosen", type: "line", ...of, layout: round, paint: chosen(4) });
  for (const [id, zoom, size] of [["names", from[0], 13], ["over-names", from[1], 15]]) {
    map.addSource(id, { type: "geojson", data: nothing });
    const layout = { "text-field": ["get", "name"], "text-font": ["system-ui", "sans-serif"], "text-size": size, "text-max-width": 8, "text-padding": 6 };
    map.addLayer({ id, type: "symbol", source: id, minzoom: Math.min(zoom, 16), layout, paint: { "text-halo-width": 1.8 } });
  }
}

/** Colour all layers anew, from the style of the page. */
export function paintLayers(map, cut) {
  const look = palette();
  map.setPaintProperty("ground", "background-color", look.none);
  const inks = { lines: colour("--dep-line"), dots: colour("--com-line"), "cross-ink": look.ink, "cross-ground": look.ground };
  for (const [kind, ink] of Object.entries(inks)) {
    if (map.hasImage(kind)) map.removeImage(kind);
    map.addImage(kind, pattern(kind, ink), { pixelRatio: 2 });
  }
  if (!map.getLayer("areas")) return;
  const pairs = shadesOf(cut, look).flatMap((shade, i) => [i, shade]);
  map.setPaintProperty("areas", "fill-color", ["match", ["coalesce", ["feature-state", "c"], -1], ...pairs, look.none]);
  for (const [id, ink] of [["edges", look.edge], ["over", look.ink], ["over-ground", look.ground], ["chosen", look.ink], ["chosen-ground", look.ground]]) {
    if (map.getLayer(id)) map.setPaintProperty(id, "line-color", ink);
  }
  for (const id of ["names", "over-names"]) {
    map.setPaintProperty(id, "text-color", look.ink);
    map.setPaintProperty(id, "text-halo-color", look.ground);
  }
}

/** Write the names of places at their points. */
export function writeNames(map, id, names, points) {
  const features = names.flatMap((name, i) => (points.lon[i] === null ? [] : [{
    type: "Feature", properties: { name }, geometry: { type: "Point", coordinates: [points.lon[i], points.lat[i]] },
  }]));
  map.getSource(id).setData({ type: "FeatureCollection", features });
}

/** The key of one class as a small drawing. Only our own class names go in as mark-up. */
export function keyOf(cut, i) {
  const marks = { 1: '<path class="pattern-dep" d="M-4,-2l24,24M8,-2l24,24M-16,-2l24,24"/>', 2: '<circle class="pattern-com" cx="8" cy="9" r="2"/><circle class="pattern-com" cx="22" cy="9" r="2"/>' };
  return cut.types ? swatch(`t${Math.min(i + 1, 4)}`, marks[i] || "") : swatch(`v${cut.tones[i] ?? 0}`, "");
}

/** The key of hatching: as it is on light classes, and as it is on dark ones. */
export const hatchKey = () => swatch("t0", '<path class="hatch-ink" d="M-3,0l18,18M6,-9l9,9M15,0l-18,18M9,24l6,-6"/><rect class="hatch-dark" x="15" width="15" height="18"/><path class="hatch-ground" d="M15,0l15,18M30,0l-15,18M15,18l4,4M15,0M22,-4l8,9M15,12l5,6"/>');

const swatch = (css, extra) => `<svg viewBox="0 0 30 18" aria-hidden="true" focusable="false"><rect width="30" height="18" class="${css}"/>${extra}</svg>`;
