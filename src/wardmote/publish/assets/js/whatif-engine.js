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

  /** Return whole numbers for n places, which come in two bytes each or in four. */
  function whole(text, n) {
    const bytes = unpack(text, Uint8Array);
    return bytes.length === 2 * n ? new Int16Array(bytes.buffer) : new Int32Array(bytes.buffer);
  }

  /** Return yes (1) or no (0) for n places, which come eight in a byte. */
  function bits(text, n) {
    const bytes = unpack(text, Uint8Array);
    return Uint8Array.from({ length: n }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
  }

  /** Return the page's data with columns as arrays; `codes` are those of its level, `people` its counts (null for none). */
  function open(data, codes, people) {
    const n = codes.codes.length, values = data.values ? unpack(data.values, Float64Array) : null;
    const column = (text) => {
      if (!values) return unpack(text, Float64Array);
      const places = unpack(text, Uint16Array);
      return Float64Array.from(places, (place) => values[place]);
    };
    const indices = data.indices.map((index) => ({
      ...index, columns: index.columns.map(column), scored: bits(index.scored, n),
    }));
    for (const index of indices) index.whole = !index.columns.some((c) => c.some(Number.isNaN));
    return {
      ...data,
      codes: codes.codes,
      names: codes.names,
      paged: codes.paged,
      people: Float64Array.from(codes.codes, (_, i) => (people && people[i]) || 0),
      indices,
      fixed: data.fixed.map((one) => ({ ...one, rank: whole(one.rank, n) })),
      need: data.need && { ...data.need, close: data.need.close ? bits(data.need.close, n) : null },
      round: openRound(data.round, n),
    };
  }

  /** Return a round with its columns as arrays; n is the number of small areas. */
  function openRound(round, n) {
    const flags = {}, m = round.count;
    for (const name of ["excluded", "must", "funded", "close"]) flags[name] = bits(round[name], m);
    return {
      ...round, ...flags,
      at: whole(round.at, m),
      inside: round.inside ? whole(round.inside, n) : null,
      parts: round.parts.map((part) => (part.values ? { ...part, values: unpack(part.values, Float64Array) } : part)),
      groups: round.groups.map((one) => ({ ...one, group: whole(one.group, m) })),
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
    let order = new Uint32Array(n), other = new Uint32Array(n), known = 0;
    // Each half of a number in three digits of 11, 11 and 10 bits: which half, how far it is moved, how often each digit occurs.
    const digits = [[0, 0], [0, 11], [0, 22], [1, 0], [1, 11], [1, 22]].map(([half, by]) => ({ half, by, counts: new Uint32Array(2048) }));

    /** Turn scores into keys of which a greater need is the smaller one. */
    function prepare(scores, better) {
      const [zero, one, two, three, four, five] = digits.map((digit) => digit.counts.fill(0));
      known = 0;
      for (let i = 0; i < n; i++) {
        const x = scores[i];
        if (x !== x) continue;
        order[known++] = i;
        keys[i] = (better ? -x : x) + 0; // + 0 makes -0 and 0 one number
        // The bits of numbers below 0 already rise as the numbers fall; those of the others are turned round.
        let high = words[2 * i + 1], low = words[2 * i];
        if (!(high & 0x80000000)) {
          words[2 * i] = low = ~low;
          words[2 * i + 1] = high = ~high & 0x7fffffff;
        }
        // Every digit is counted in one go, in the order of memory: the passes then only move.
        zero[low & 2047]++; one[(low >>> 11) & 2047]++; two[low >>> 22]++;
        three[high & 2047]++; four[(high >>> 11) & 2047]++; five[high >>> 22]++;
      }
    }

    /** Sort by the digits from one on, each keeping the order of those before it. */
    function pass(from) {
      for (let d = from; d < digits.length; d++) {
        const { half, by, counts } = digits[d];
        for (let c = 0, total = 0; c < 2048; c++) { const held = counts[c]; counts[c] = total; total += held; }
        for (let i = 0; i < known; i++) { const at = order[i]; other[counts[(words[2 * at + half] >>> by) & 2047]++] = at; }
        const swap = order; order = other; other = swap;
      }
    }

    /** Put right what only the last digits tell apart; returns false where that is more than a few. */
    function settle() {
      let moved = 0;
      for (let i = 1; i < known && moved <= n; i++) {
        const at = order[i], high = words[2 * at + 1], low = words[2 * at];
        let j = i;
        for (; j > 0; j--) {
          const before = order[j - 1], its = words[2 * before + 1];
          if (its < high || (its === high && words[2 * before] <= low)) break;
          order[j] = before;
        }
        order[j] = at;
        moved += i - j;
      }
      return moved <= n;
    }

    /** Return positions from the greatest need down (ties: lower position first) and how many have a score.
     * Passes of counting: a few milliseconds for a country, whatever the numbers. Scores that are alike to nine digits are rare, so
     * the last two digits are left out at first. */
    return function sort(scores, better) {
      prepare(scores, better);
      pass(2);
      if (!settle()) {
        prepare(scores, better);
        pass(0);
      }
      return { order, known };
    };
  }

  /** Return rank 1 = greatest need, equal scores sharing the best rank; 0 for none. */
  function ranks(sorted, scores, out) {
    out.fill(0);
    let rank = 1, before = NaN;
    for (let i = 0; i < sorted.known; i++) {
      const at = sorted.order[i], x = scores[at];
      if (x !== before) { rank = i + 1; before = x; }
      out[at] = rank;
    }
    return out;
  }

  /** Return the last rank inside a share of n, given in millionths: never rounded up. */
  function lastRank(millionths, n) {
    return Math.floor((millionths * n) / 1e6);
  }

  // ---- a round: its measure, and the walk down its list

  /** Return how many people live in those small areas of each place that have a score. */
  function weighed(scores, people, inside, m) {
    const under = new Float64Array(m);
    for (let i = 0; i < scores.length; i++) if (inside[i] >= 0 && scores[i] === scores[i]) under[inside[i]] += people[i];
    return under;
  }

  /** Write the mean score of the small areas inside each place, by people, into `out`; NaN where there is none. */
  function average(scores, people, inside, under, out) {
    out.fill(0);
    for (let i = 0; i < scores.length; i++) {
      const at = inside[i], x = scores[i];
      if (at >= 0 && x === x) out[at] += x * people[i];
    }
    for (let j = 0; j < out.length; j++) out[j] = under[j] > 0 ? out[j] / under[j] : NaN;
    return out;
  }

  /** Return what one part is put on its scale by: what is taken off, and by what it is divided. */
  function scale(part, how) {
    let known = 0, sum = 0, low = Infinity, high = -Infinity;
    for (let j = 0; j < part.length; j++) {
      const x = part[j];
      if (x !== x) continue;
      known++;
      sum += x;
      if (x < low) low = x;
      if (x > high) high = x;
    }
    if (how === "minmax") return [low, high - low];
    const middle = sum / Math.max(known, 1);
    let squares = 0;
    for (let j = 0; j < part.length; j++) {
      const apart = part[j] - middle;
      if (apart === apart) squares += apart * apart;
    }
    return [middle, Math.sqrt(squares / Math.max(known, 1))];
  }

  /** Write a round's measure into `out`, higher for more need; NaN where a part is missing. */
  function measure(round, parts, out) {
    if (parts.length === 1 && round.combine === "z") { out.set(parts[0]); return out; } // one part alone keeps its unit
    out.fill(0);
    let total = 0;
    parts.forEach((part, p) => {
      const weight = round.parts[p].weight;
      const [less, by] = round.combine === "score" ? [0, 1] : scale(part, round.combine);
      for (let j = 0; j < out.length; j++) out[j] += by > 0 ? weight * ((part[j] - less) / by) : NaN;
      total += weight;
    });
    if (round.combine !== "score") for (let j = 0; j < out.length; j++) out[j] /= total;
    return out;
  }

  /** Return the cap or minimum of each group: that of all as it is set, and those of single ones as they are stated. */
  function limits(group, what, every, none) {
    const numbers = new Float64Array(group.names.length).fill(every == null ? none : every);
    for (const [slot, number] of group[`${what}s`]) numbers[slot] = number;
    return numbers;
  }

  const OPEN = 0, TAKEN = 1, RESERVED = 2, PASSED = 3;

  /** Return the walk down a round's list: what became of each place, which was the last to come in by its need, what is left,
   * and which minimums could not be filled. Required places first, then those that fill minimums, then all others. */
  function walk(round, setting, list, eligible) {
    const state = new Uint8Array(round.at.length);
    const groups = round.groups.map((one, k) => ({
      group: one.group,
      step: one.pounds ? setting.award : 1,
      cap: limits(one, "cap", setting.caps[k], Infinity),
      least: limits(one, "minimum", setting.minimums[k], 0),
      used: new Float64Array(one.names.length),
    }));
    let places = setting.places == null ? Infinity : setting.places, last = -1;
    let left = setting.budget == null ? Infinity : setting.budget;
    const free = (i) => groups.every(({ group, step, cap, used }) => {
      const g = group[i];
      return g < 0 || used[g] + step <= cap[g];
    });
    const go = (order, known, reserve) => {
      const only = reserve < 0 ? null : groups[reserve];
      let lacking = 0;
      if (only) only.least.forEach((least, g) => { lacking += Math.max(0, least - only.used[g]); });
      for (let at = 0; at < known && places > 0 && setting.award <= left && (!only || lacking > 0); at++) {
        const i = order[at];
        if (state[i] !== OPEN || round.excluded[i] || (eligible && !eligible[i])) continue;
        if (only && !(only.group[i] >= 0 && only.used[only.group[i]] < only.least[only.group[i]])) continue;
        if (!free(i)) { if (!only) state[i] = PASSED; continue; }
        if (only) lacking -= Math.min(only.step, only.least[only.group[i]] - only.used[only.group[i]]);
        else last = at;
        for (const { group, step, used } of groups) if (group[i] >= 0) used[group[i]] += step;
        state[i] = only ? RESERVED : TAKEN;
        places--;
        left -= setting.award;
      }
    };
    const must = [];
    round.must.forEach((flag, i) => { if (flag) must.push(i); });
    go(must, must.length, -1);
    last = -1;
    const finest = groups.map((_, k) => k).sort((a, b) => groups[b].used.length - groups[a].used.length || a - b);
    for (const k of finest) go(list.order, list.known, k);
    go(list.order, list.known, -1);
    const unmet = [];
    groups.forEach(({ least, used }, k) => least.forEach((wanted, g) => {
      if (used[g] < wanted) unmet.push({ grouping: k, group: g, wanted, got: used[g] });
    }));
    return { state, last, left: setting.budget == null ? null : left, unmet, free };
  }

  /** Return up to `most` places on either side of a round's line: the last that came in by their need, and those that one more
   * award would reach first. */
  function roundEdges(round, list, walked, eligible, most) {
    const inside = [], outside = [];
    for (let at = walked.last; at >= 0 && inside.length < most; at--) {
      if (walked.state[list.order[at]] === TAKEN) inside.push(list.order[at]);
    }
    for (let at = 0; at < list.known && outside.length < most; at++) {
      const i = list.order[at];
      if (walked.state[i] === OPEN && !round.excluded[i] && (!eligible || eligible[i]) && walked.free(i)) outside.push(i);
    }
    return { inside, outside };
  }

  /** Return up to `most` places on either side of the line of one or two indices, nearest first: in two, the rank decides that is
   * further from its line. */
  function lineEdges(ranks, lasts, most) {
    const inside = [], outside = [], n = ranks[0].length;
    const keep = (list, i, apart) => {
      let at = list.length;
      while (at > 0 && list[at - 1].apart > apart) at--;
      list.splice(at, 0, { i, apart });
      if (list.length > most) list.pop();
      return list.length === most ? list[most - 1].apart : Infinity;
    };
    const [first, second] = [ranks[0], ranks[ranks.length - 1]], [a, b] = [lasts[0], lasts[lasts.length - 1]];
    let nearIn = Infinity, nearOut = Infinity;
    for (let i = 0; i < n; i++) {
      if (first[i] === 0 || second[i] === 0) continue;
      const x = first[i] - a, y = second[i] - b, beyond = x > y ? x : y;
      if (beyond > 0) { if (beyond < nearOut) nearOut = keep(outside, i, beyond); }
      else if (-beyond < nearIn) nearIn = keep(inside, i, -beyond);
    }
    return { inside: inside.map((one) => one.i), outside: outside.map((one) => one.i) };
  }

  // ---- all of it

  /** Return flags of the places whose rank is at most the last one. */
  function within(rank, last) {
    const flags = new Uint8Array(rank.length);
    for (let j = 0; j < rank.length; j++) flags[j] = rank[j] > 0 && rank[j] <= last ? 1 : 0;
    return flags;
  }

  /** Return a worker for the page's data: `run(setting)` gives ranks, places in the share, both, funded, and who is near a line. */
  function model(data) {
    const n = data.codes.length, sort = sorter(n), round = data.round, m = round.at.length;
    const rooms = data.indices.map(() => ({ score: new Float64Array(n), rank: new Uint32Array(n) }));
    const parts = round.parts.map((part) => part.values || new Float64Array(m)), wanted = new Float64Array(m);
    const sortRound = sorter(m), may = new Uint8Array(m);
    const fixed = data.fixed.map((one) => ({ ...one, known: one.rank.reduce((sum, rank) => sum + (rank > 0), 0) }));

    /** Write one part of the round's measure, higher for more need. */
    function fill(part, out) {
      if (part.values) return;
      const scores = rooms[part.open].score;
      if (round.inside) {
        // Where no part is missing, the same areas have a score under all weights.
        const whole = data.indices[part.open].whole, under = part.under || weighed(scores, data.people, round.inside, m);
        if (whole) part.under = under;
        average(scores, data.people, round.inside, under, out);
      } else for (let j = 0; j < m; j++) out[j] = part.sign * scores[round.at[j]];
    }

    /** Return which places of the round may be funded at all by their need, or null for all. */
    function allowed(setting, result, inside) {
      if (!round.eligible) return null;
      const both = result.both && (round.eligible === "both" || setting.both);
      const flags = both ? result.both : inside[data.indices[0].id].flags;
      for (let j = 0; j < m; j++) may[j] = flags[round.at[j]];
      return may;
    }

    return function run(setting, most = 0) {
      const result = { indices: [], both: null, edges: {} }, inside = {};
      data.indices.forEach((index, i) => {
        const room = rooms[i];
        score(index, setting.weights[i], room.score);
        const sorted = sort(room.score, index.better);
        ranks(sorted, room.score, room.rank);
        const last = lastRank(setting.share, sorted.known), flags = new Uint8Array(n);
        for (let j = 0; j < sorted.known && room.rank[sorted.order[j]] <= last; j++) flags[sorted.order[j]] = 1;
        inside[index.id] = { flags, rank: room.rank, last };
        result.indices.push({ id: index.id, inside: flags, score: room.score, rank: room.rank });
      });
      for (const one of fixed) {
        const last = lastRank(setting.share, one.known);
        if (one.last !== last) Object.assign(one, { last, flags: within(one.rank, last) });
        inside[one.id] = one;
      }
      if (data.need) {
        const a = inside[data.need.deprivation], b = inside[data.need.community];
        result.both = new Uint8Array(n);
        for (let j = 0; j < n; j++) result.both[j] = a.flags[j] & b.flags[j];
        if (most) result.edges.both = lineEdges([a.rank, b.rank], [a.last, b.last], most);
      } else if (most) result.edges.indices = data.indices.map(({ id }) => lineEdges([inside[id].rank], [inside[id].last], most));
      round.parts.forEach((part, p) => fill(part, parts[p]));
      measure(round, parts, wanted);
      const list = sortRound(wanted, false), eligible = allowed(setting, result, inside);
      const walked = walk(round, setting, list, eligible);
      result.measure = wanted;
      result.funded = new Uint8Array(m);
      for (let j = 0; j < m; j++) result.funded[j] = walked.state[j] === TAKEN || walked.state[j] === RESERVED ? 1 : 0;
      result.left = walked.left;
      result.unmet = walked.unmet;
      if (most) result.edges.funded = roundEdges(round, list, walked, eligible, most);
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

  root.wardmoteEngine = { open, score, sorter, ranks, lastRank, measure, walk, model, changes };
})(typeof globalThis === "undefined" ? window : globalThis);
