/* Geometry for areas that people draw: distances, which points lie in a shape, and the reading of GeoJSON. Nothing here knows of pages or
 * places, and nothing is fetched. A classic script, for the reason that atlas.js gives. */
(function (root) {
  "use strict";
  const wardmote = (root.wardmote = root.wardmote || {});
  const RADIUS = 6371.0088; // mean radius of the earth in kilometres (IUGG): a sphere is off by at most 0.6% on the true earth
  const STEPS = 10000; // steps in a degree, as the files of points count (points.py)
  const MOST_CORNERS = 100; // of a drawn line: its address stays under two thousand letters
  const DEEPEST = 20; // collections within collections
  const rad = (degrees) => (degrees * Math.PI) / 180;

  /** Return the kilometres between two points, [longitude, latitude], on a sphere: the haversine formula. */
  const distance = ([west, south], [east, north]) => {
    const half = (from, to) => Math.sin(rad(to - from) / 2) ** 2;
    const part = half(south, north) + Math.cos(rad(south)) * Math.cos(rad(north)) * half(west, east);
    return 2 * RADIUS * Math.asin(Math.min(1, Math.sqrt(part)));
  };

  /** Return the points of a level as degrees, from the steps of its file; null where none is known. */
  const points = (file) => {
    const degrees = (steps) => {
      let at = 0;
      return steps.map((step) => (step === null ? null : (at += step) / STEPS));
    };
    const [lon, lat] = [degrees(file.lon), degrees(file.lat)];
    return lon.map((one, i) => (one === null || lat[i] === null ? null : [one, lat[i]]));
  };

  /** Return a point as it lies on the map, whose straight lines are not quite those of degrees. */
  const flat = ([lon, lat]) => [lon, Math.asinh(Math.tan(rad(Math.max(-85, Math.min(85, lat)))))];

  /** Return the rows of the points that lie in any of some polygons. Each polygon is a list of rings, its outer line first and then its
   * holes; a ring need not be closed. Each edge looks only at the points that lie between its ends from south to north, so that a coast
   * of a million corners is no work. */
  const inside = (polygons, all) => {
    const rows = all.map((_, row) => row).filter((row) => all[row]).sort((a, b) => all[a][1] - all[b][1]);
    const heights = Float64Array.from(rows, (row) => all[row][1]);
    const from = (height) => {
      let [low, high] = [0, heights.length];
      while (low < high) { const middle = (low + high) >> 1; if (heights[middle] < height) low = middle + 1; else high = middle; }
      return low;
    };
    const found = new Set();
    for (const rings of polygons) {
      const odd = new Set(); // points to the west of an odd number of edges
      for (const ring of rings) {
        ring.forEach((end, i) => {
          const start = ring[(i || ring.length) - 1];
          const [[x, y], [east, north]] = start[1] < end[1] ? [start, end] : [end, start];
          for (let k = from(y); k < heights.length && heights[k] < north; k++) {
            if (all[rows[k]][0] >= x + ((heights[k] - y) / (north - y)) * (east - x)) continue;
            if (odd.has(rows[k])) odd.delete(rows[k]); else odd.add(rows[k]);
          }
        });
      }
      odd.forEach((row) => found.add(row));
    }
    return [...found].sort((a, b) => a - b);
  };

  /** Return the rows of the points within some kilometres of a point. */
  const within = (centre, kilometres, all) => all.flatMap((one, row) => (one && distance(centre, one) <= kilometres ? [row] : []));

  /** Return whether a closed line of corners crosses itself. */
  const crosses = (corners) => {
    const side = ([a, b], [c, d], [x, y]) => Math.sign((c - a) * (y - b) - (d - b) * (x - a));
    const edge = (i) => [corners[i], corners[(i + 1) % corners.length]];
    const meet = ([a, b], [c, d]) => side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
    return corners.some((_, i) => corners.some((__, j) => j > i && meet(edge(i), edge(j))));
  };

  // ---- a drawn line as it stands in an address

  /** Return a point to a step: what is counted on the map is what the address says. */
  const stepped = (point) => point.map((one) => Math.round(one * STEPS) / STEPS);
  const onEarth = ([lon, lat]) => Math.abs(lon) <= 180 && Math.abs(lat) <= 90;
  const writeLine = (corners) => corners.map((one) => stepped(one).join(",")).join(",");

  /** Return the corners of a line from an address, or null where it is none that could have been drawn. */
  const readLine = (text) => {
    const parts = text.split(",");
    const numbers = parts.map((part) => (/^-?\d+(\.\d+)?$/.test(part) ? Number(part) : NaN));
    if (numbers.length % 2 || numbers.length < 6 || numbers.length > 2 * MOST_CORNERS || numbers.some(Number.isNaN)) return null;
    const corners = numbers.flatMap((one, i) => (i % 2 ? [] : [[one, numbers[i + 1]]]));
    return corners.every(onEarth) && !crosses(corners) ? corners : null;
  };

  /** Return the rows of the points inside a drawn line, whose edges are straight on the map. */
  const drawn = (corners, all) => inside([[corners.map(flat)]], all.map((one) => one && flat(one)));

  // ---- GeoJSON (RFC 7946)

  /** What makes a file unfit; its message is the word for it. */
  class Unfit extends Error {}

  const ringOf = (given) => {
    if (!Array.isArray(given)) throw new Unfit("broken");
    const ring = given.map((one) => {
      if (!Array.isArray(one) || !Number.isFinite(one[0]) || !Number.isFinite(one[1])) throw new Unfit("broken");
      if (!onEarth(one)) throw new Unfit("metres");
      return [one[0], one[1]];
    });
    if (ring.length < 3) throw new Unfit("broken");
    return ring;
  };

  /** Return a polygon as a list of it; without coordinates it is none (RFC 7946, section 3.1): programs write empty shapes so. */
  const polygonOf = (given) => {
    if (!Array.isArray(given)) throw new Unfit("broken");
    return given.length ? [given.map(ringOf)] : [];
  };

  /** Return all polygons in an object of GeoJSON; points and lines have no inside and are passed over. */
  const polygonsIn = (object, depth = 0) => {
    if (object === null) return []; // a feature without a place
    if (typeof object !== "object" || depth > DEEPEST) throw new Unfit("broken");
    const each = (list, pick = (one) => one) => {
      if (!Array.isArray(list)) throw new Unfit("broken");
      return list.flatMap((one) => polygonsIn(pick(one), depth + 1));
    };
    switch (object.type) {
      case "Polygon": return polygonOf(object.coordinates);
      case "MultiPolygon":
        if (!Array.isArray(object.coordinates)) throw new Unfit("broken");
        return object.coordinates.flatMap(polygonOf);
      case "GeometryCollection": return each(object.geometries);
      case "Feature": return polygonsIn(object.geometry ?? null, depth + 1);
      case "FeatureCollection": return each(object.features);
      case "Point": case "MultiPoint": case "LineString": case "MultiLineString": return [];
      default: throw new Unfit("other");
    }
  };

  /** Return the polygons in the text of a file, or why there are none: "other" (no GeoJSON), "broken", "metres" (no longitude and
   * latitude), "empty" (no polygon). Names and other properties are never looked at. */
  const readGeoJson = (text) => {
    try {
      const content = JSON.parse(text.replace(/^\ufeff/, ""));
      if (typeof content !== "object" || content === null) return { problem: "other" };
      // The older format names its system of coordinates; Europe's degrees are less than a metre from the world's.
      const system = content.crs?.properties?.name;
      if (system !== undefined && !/CRS84|EPSG\S*[:/](4326|4258)$/i.test(String(system))) return { problem: "metres" };
      const polygons = polygonsIn(content);
      return polygons.length ? { polygons } : { problem: "empty" };
    } catch (error) {
      return { problem: error instanceof Unfit ? error.message : "other" };
    }
  };

  wardmote.geometry = { MOST_CORNERS, crosses, distance, drawn, inside, points, readGeoJson, readLine, stepped, within, writeLine };
})(window);
