/* What if: the arithmetic alone, for pages and for tests. No DOM here.
 * The same numbers are added in the same order as by the engine in Python, so scores agree to the last digit. A classic
 * script, not a module, since browsers do not load modules from a disk. */
(function (root) {
  "use strict";

  // Data reach a page that was opened from a disk as scripts that hand them over here.
  root.wardmote = root.wardmote || {};
  root.wardmote.held = root.wardmote.held || {};
  root.wardmote.put = root.wardmote.put || ((path, content) => { root.wardmote.held[path] = content; });

  /** Return base64 of little-endian numbers as an array of the given kind. */
  function unpack(text, Kind) {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new Kind(bytes.buffer);
  }

  /** Return the page's data, and the codes of its level, with columns as arrays. */
  function open(data, codes) {
    const values = data.values ? unpack(data.values, Float64Array) : null;
    const column = (text) => {
      if (!values) return unpack(text, Float64Array);
      const places = unpack(text, Uint16Array);
      return Float64Array.from(places, (place) => values[place]);
    };
    const indices = data.indices.map((index) => ({
      ...index, columns: index.columns.map(column), scored: unpack(index.scored, Uint8Array),
    }));
    for (const index of indices) index.whole = !index.columns.some((c) => c.some(Number.isNaN));
    return {
      ...data,
      codes: codes.codes,
      names: codes.names,
      paged: codes.paged,
      indices,
      fixed: data.fixed.map((one) => ({ ...one, rank: unpack(one.rank, Uint32Array) })),
      parents: data.parents.map((one) => ({ ...one, rows: Int32Array.from(codes.parents[one.level]) })),
    };
  }

  /** Write the weighted sum or mean of the parts of an index into `out`; NaN where there is none. */
  function score(index, weights, out) {
    const n = out.length, k = weights.length, columns = index.columns;
    if (index.how === "sum" || index.whole) {
      let column = columns[0], weight = weights[0];
      for (let i = 0; i < n; i++) out[i] = weight * column[i];
      for (let j = 1; j < k; j++) {
        column = columns[j]; weight = weights[j];
        for (let i = 0; i < n; i++) out[i] += weight * column[i];
      }
      if (index.how === "mean") {
        let total = weights[0];
        for (let j = 1; j < k; j++) total += weights[j];
        for (let i = 0; i < n; i++) out[i] /= total;
      }
    } else {
      // A missing part is passed over, and the others take its weight.
      for (let i = 0; i < n; i++) {
        let sum = 0, total = 0;
        for (let j = 0; j < k; j++) {
          const x = columns[j][i];
          if (x === x) { sum += weights[j] * x; total += weights[j]; }
        }
        out[i] = total > 0 ? sum / total : NaN;
      }
    }
    for (let i = 0; i < n; i++) if (!index.scored[i]) out[i] = NaN;
    return out;
  }

  /** Make room for sorting n scores again and again. */
  function sorter(n) {
    const keys = new Float64Array(n), words = new Uint32Array(keys.buffer);
    let order = new Uint32Array(n), other = new Uint32Array(n);
    const counts = new Uint32Array(2048);
    // Each half of a number in three digits of 11, 11 and 10 bits: which half, and how far it is moved.
    const digits = [[0, 0], [0, 11], [0, 22], [1, 0], [1, 11], [1, 22]];
    /** Return positions from the greatest need down (ties: lower position first) and how many have a score.
     * Six passes of counting: a few milliseconds for a country, whatever the numbers. */
    return function sort(scores, better) {
      let known = 0;
      for (let i = 0; i < n; i++) {
        const x = scores[i];
        if (x !== x) continue;
        order[known++] = i;
        keys[i] = (better ? -x : x) + 0; // + 0 makes -0 and 0 one number
        // The bits of numbers below 0 already rise as the numbers fall; those of the others are turned round.
        const high = words[2 * i + 1];
        if (high & 0x80000000) continue;
        words[2 * i] = ~words[2 * i];
        words[2 * i + 1] = ~high & 0x7fffffff;
      }
      for (const [half, by] of digits) {
        counts.fill(0);
        for (let i = 0; i < known; i++) counts[(words[2 * order[i] + half] >>> by) & 2047]++;
        for (let c = 0, total = 0; c < 2048; c++) { const held = counts[c]; counts[c] = total; total += held; }
        for (let i = 0; i < known; i++) { const at = order[i]; other[counts[(words[2 * at + half] >>> by) & 2047]++] = at; }
        const swap = order; order = other; other = swap;
      }
      return { order, known };
    };
  }

  /** Return rank 1 = greatest need, equal scores sharing the best rank; 0 for none. */
  function ranks(sorted, scores, out) {
    out.fill(0);
    let rank = 1;
    for (let i = 0; i < sorted.known; i++) {
      if (i === 0 || scores[sorted.order[i]] !== scores[sorted.order[i - 1]]) rank = i + 1;
      out[sorted.order[i]] = rank;
    }
    return out;
  }

  /** Return the last rank inside a share of n, given in millionths: never rounded up. */
  function lastRank(millionths, n) {
    return Math.floor((millionths * n) / 1e6);
  }

  /** Return which places are funded: down the list, past places whose larger area is at its cap, while the money lasts. */
  function fund(sorted, eligible, rule, parent, out) {
    out.fill(0);
    let left = rule.budget;
    const held = parent && rule.cap > 0 ? new Uint32Array(parent.count) : null;
    for (let i = 0; i < sorted.known && rule.award > 0 && rule.award <= left; i++) {
      const at = sorted.order[i];
      if (eligible && !eligible[at]) continue;
      const group = held ? parent.rows[at] : -1;
      if (group >= 0 && held[group] >= rule.cap) continue;
      if (group >= 0) held[group]++;
      left -= rule.award;
      out[at] = 1;
    }
    return left;
  }

  /** Return a worker for the page's data: `run(setting)` gives ranks, places in the share, both, funded. */
  function model(data) {
    const n = data.codes.length, sort = sorter(n);
    const rooms = data.indices.map(() => ({ score: new Float64Array(n), rank: new Uint32Array(n) }));
    const moneyAt = Math.max(0, data.indices.findIndex((index) => index.id === data.money.index));
    return function run(setting) {
      const result = { indices: [], both: null, funded: new Uint8Array(n), left: 0 };
      const inside = {};
      let list = null;
      data.indices.forEach((index, i) => {
        const room = rooms[i];
        score(index, setting.weights[i], room.score);
        const sorted = sort(room.score, index.better);
        ranks(sorted, room.score, room.rank);
        const last = lastRank(setting.share, sorted.known), flags = new Uint8Array(n);
        for (let j = 0; j < n; j++) flags[j] = room.rank[j] > 0 && room.rank[j] <= last ? 1 : 0;
        inside[index.id] = flags;
        result.indices.push({ id: index.id, inside: flags, score: room.score, rank: room.rank });
        if (i === moneyAt) list = { order: sorted.order.slice(0, sorted.known), known: sorted.known };
      });
      for (const one of data.fixed) {
        let known = 0;
        for (let j = 0; j < n; j++) if (one.rank[j]) known++;
        const last = lastRank(setting.share, known), flags = new Uint8Array(n);
        for (let j = 0; j < n; j++) flags[j] = one.rank[j] > 0 && one.rank[j] <= last ? 1 : 0;
        inside[one.id] = flags;
      }
      if (data.need) {
        const a = inside[data.need.deprivation], b = inside[data.need.community];
        result.both = new Uint8Array(n);
        for (let j = 0; j < n; j++) result.both[j] = a[j] & b[j];
      }
      const eligible = setting.both && result.both ? result.both : inside[data.indices[moneyAt].id];
      const parent = data.parents.find((one) => one.level === setting.by) || null;
      result.left = fund(list, eligible, setting, parent, result.funded);
      return result;
    };
  }

  /** Return positions that are in one set alone: those that enter and those that leave. */
  function changes(before, after) {
    const enters = [], leaves = [];
    for (let i = 0; i < after.length; i++) {
      if (after[i] && !before[i]) enters.push(i);
      else if (before[i] && !after[i]) leaves.push(i);
    }
    return { enters, leaves };
  }

  root.wardmoteEngine = { open, score, sorter, ranks, lastRank, fund, model, changes };
})(typeof globalThis === "undefined" ? window : globalThis);
