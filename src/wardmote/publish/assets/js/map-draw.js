/* Drawing an area on the map. The line lies over the map as a drawing of its own, in the colours of the page; what it holds is counted by
 * middle points, and the page of areas of one's own adds it up. */

import { say } from "./map-classes.js";
import { root } from "./map-data.js";

const byId = (id) => document.getElementById(id);
const NEAR = 14; // dots from the first corner at which a click closes the line: a finger's tip
const TWICE = 4; // dots within which a click is the second half of a double click

/** Let an area be drawn; returns whether one is being drawn, since clicks then set corners and choose no place.
 * @param {object} map  The map.
 * @param {object} words  The words of the map's page.
 * @param {Intl.NumberFormat} whole  Writes whole numbers.
 */
export function drawing(map, words, whole) {
  const box = byId("draw");
  if (!box) return () => false; // within the pages of others there is no room
  const { geometry } = window.wardmote;
  const buttons = Object.fromEntries(["start", "undo", "close", "cancel", "clear"].map((name) => [name, byId(`draw-${name}`)]));
  let corners = [], at = "rest", pointer = null; // "rest", "open" while corners are set, "closed"

  // ---- what is seen
  const onScreen = (corner) => { const { x, y } = map.project(corner); return [x, y]; };
  const path = (places, end) => (places.length ? `M${places.map((one) => one.map((n) => n.toFixed(1)).join(",")).join("L")}${end}` : "");

  function draw() {
    const places = corners.map(onScreen), closed = at === "closed";
    const line = path(places, closed ? "Z" : "");
    byId("draw-fill").setAttribute("d", path(places, "Z"));
    for (const id of ["draw-ground", "draw-line"]) byId(id).setAttribute("d", line);
    byId("draw-next").setAttribute("d", at === "open" && pointer && places.length ? path([places.at(-1), onScreen(pointer)], "") : "");
    byId("draw-corners").setAttribute("d", places.map(([x, y], i) => {
      const r = i ? 5 : 8;
      return `M${(x - r).toFixed(1)},${y.toFixed(1)}a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0Z`;
    }).join(""));
  }

  function show() {
    const open = at === "open";
    buttons.start.hidden = open;
    buttons.start.textContent = at === "closed" ? words.draw_again : words.draw;
    box.classList.toggle("on", at !== "rest");
    byId("draw-tools").hidden = !open;
    byId("draw-keyboard").hidden = open; // a phone needs the room
    byId("draw-rule").hidden = at === "rest" || !byId("draw-rule").textContent;
    buttons.undo.disabled = !corners.length;
    buttons.close.disabled = corners.length < 3;
    buttons.clear.hidden = at !== "closed";
    byId("draw-said").classList.toggle("open", open);
    map.getCanvas().style.cursor = open ? "crosshair" : "";
    draw();
  }

  const tell = (text) => { byId("draw-said").textContent = text; };
  const told = () => (corners.length === 0 ? words.draw_start : corners.length < 3 ? words[`draw_corner_${corners.length}`]
    : say(words.draw_corners, { count: whole.format(corners.length) }));

  // ---- what is done
  function start() {
    corners = [];
    at = "open";
    map.doubleClickZoom.disable();
    byId("draw-see").hidden = true;
    show();
    tell(words.draw_start);
    remember();
    buttons.cancel.focus({ preventScroll: true });
    // On a narrow page the button stands below the map.
    if (matchMedia("(max-width: 55.99rem)").matches) byId("map").scrollIntoView({ block: "nearest" });
    // While corners are set, points come; a failure is told when they are needed.
    load().then(([kind]) => rule(kind)).catch(() => {});
  }

  function rule(kind) {
    byId("draw-rule").textContent = say(words.draw_rule, { areas: kind.plural });
    show();
  }

  /** Keep a closed line with this entry of the browser's history: it stands again for whoever looks at the area and comes back. */
  const remember = () => history.replaceState({ line: at === "closed" ? geometry.writeLine(corners) : "" }, "");

  function end(state, text) {
    if (state === "rest") corners = [];
    at = state;
    pointer = null;
    map.doubleClickZoom.enable();
    remember();
    show();
    tell(text);
    if (state === "rest") { byId("draw-see").hidden = true; buttons.start.focus({ preventScroll: true }); }
  }

  function add({ point, lngLat }) {
    const places = corners.map(onScreen);
    const away = (place) => Math.hypot(place[0] - point.x, place[1] - point.y);
    if (places.length > 2 && away(places[0]) <= NEAR) { close(); return; }
    if (places.length && away(places.at(-1)) <= TWICE) return;
    if (corners.length >= geometry.MOST_CORNERS) { tell(say(words.draw_full, { count: whole.format(corners.length) })); return; }
    corners.push(geometry.stepped([Math.max(-180, Math.min(180, lngLat.lng)), lngLat.lat]));
    show();
    tell(told());
  }

  function undo() {
    corners.pop();
    show();
    tell(`${words.draw_undone} ${told()}`);
    if (buttons.undo.disabled) buttons.cancel.focus({ preventScroll: true });
  }

  /** The smallest level that has points, and its points. */
  async function load() {
    const { load: get, fileName } = window.wardmote;
    const kind = (await get("data/points")).levels[0];
    return [kind, geometry.points(await get(`data/points/${fileName(kind.level)}`))];
  }

  function close() {
    if (geometry.crosses(corners)) { tell(words.draw_crossed); return; }
    end("closed", words.draw_counting);
    count(true);
  }

  /** Tell what the closed line holds. */
  async function count(focused) {
    const mine = corners;
    try {
      const [kind, points] = await load();
      if (mine !== corners || at !== "closed") return;
      rule(kind);
      const rows = geometry.drawn(corners, points);
      const left = kind.left_out ? ` ${say(words.draw_left, { count: whole.format(kind.left_out) })}` : "";
      tell(`${say(words.draw_result, { count: whole.format(rows.length), total: whole.format(kind.places), areas: kind.plural })}${left}`);
      const see = byId("draw-see");
      see.href = new URL(`find.html#how=drawn&line=${geometry.writeLine(corners)}`, root).href;
      see.hidden = !rows.length;
      if (focused) (rows.length ? see : buttons.start).focus(); // what was found comes into view
    } catch { tell(words.draw_failed); }
  }

  buttons.start.addEventListener("click", start);
  buttons.undo.addEventListener("click", undo);
  buttons.close.addEventListener("click", close);
  buttons.cancel.addEventListener("click", () => end("rest", words.draw_cancelled));
  buttons.clear.addEventListener("click", () => end("rest", words.draw_cleared));
  document.addEventListener("keydown", (event) => {
    // In the field of the search Escape closes what was found there.
    if (event.key === "Escape" && at === "open" && !event.target.closest("#map-form")) end("rest", words.draw_cancelled);
  });
  map.on("click", (event) => { if (at === "open") { event.preventDefault(); add(event); } });
  map.on("mousemove", (event) => { if (at !== "open") return; pointer = event.lngLat.toArray(); draw(); });
  map.getCanvas().addEventListener("mouseleave", () => { pointer = null; draw(); });
  for (const moved of ["move", "resize"]) map.on(moved, draw);
  const before = geometry.readLine(history.state?.line || "");
  if (before) { corners = before; at = "closed"; count(false); }
  show();
  box.hidden = false;
  return () => at === "open";
}
