/* How numbers become classes on the map, and which places are too close to call. Words come from the site's own file of texts. */

export const say = (text, parts) => text.replace(/\{(\w+)\}/g, (_, name) => parts[name] ?? "");

/** Ends of a scale of rising numbers as words: below the first, between, and from the last on. */
function rising(ends, told, words, first) {
  const names = ends.map((_, i) => {
    if (!i) return first;
    const top = told(i), low = told(i - 1);
    return top === low ? low : say(words.share_1, { low, top });
  });
  const last = ends.length - 1;
  return {
    names: [...names, say(words.share_2, { low: told(last) })], tones: [0, 1, 2, 3, 4],
    of: (value) => (value === null ? -1 : ends.filter((end) => value >= end).length),
  };
}

/** How a measure is cut into classes: words of each, its tone, and a function from number to class (-1 for none). Summaries come as
 * ranks: whatever their numbers mean, rank 1 is the greatest need. */
export function classes(measure, total, words) {
  if (measure.kind === "decile") {
    const ends = [1, 2, 5, 8, 10];
    return {
      names: [1, 2, 3, 4, 5].map((i) => words[`tenth_${i}`]), tones: [4, 3, 2, 1, 0],
      of: (value) => (value ? ends.findIndex((end) => value <= end) : -1),
    };
  }
  if (measure.kind === "class") {
    const tones = measure.measure.endsWith(".standing") ? [4, 2, 0] : [4, 0, 2];
    return { names: measure.words, types: measure.measure.startsWith("need."), tones, of: (value) => (value ? value - 1 : -1) };
  }
  if (measure.kind === "share") {
    // The same classes as in the drawings: a tenth is what the whole study has.
    const ends = [0.02, 0.1, 0.2, 0.4];
    return rising(ends, (i) => `${ends[i] * 100}%`, words, say(words.share_0, { top: "2%" }));
  }
  if (measure.kind === "count") {
    const ends = [1, 2, 5, 10];
    const cut = rising(ends, (i) => String(ends[i]), words, words.count_0);
    cut.names = [words.count_0, "1", say(words.share_1, { low: 2, top: 4 }), say(words.share_1, { low: 5, top: 9 }), cut.names[4]];
    return cut;
  }
  return {
    names: [1, 2, 3, 4, 5].map((i) => words[`fifth_${i}`]), tones: [4, 3, 2, 1, 0],
    of: (rank) => (rank ? fifth(rank, total) : -1),
  };
}

const fifth = (rank, total) => Math.min(4, Math.floor((5 * (rank - 1)) / total));
const torn = (share) => share !== null && share > 0.1 && share < 0.9;

/** What is too close to call, and by which line, where it is known: a rank whose interval holds the line, a type or a decision that
 * turns over. `told` where the measure itself says how sure it is.
 * @param {object} measure  The measure.
 * @param {object[]} all  All measures of the level.
 * @param {(name: string) => Promise<Array>} column  Fetches the numbers of one.
 * @param {object} words  Texts.
 * @returns {Promise<{of: ((i: number) => boolean)|null, line: string, told: boolean}>}
 */
export async function doubts(measure, all, column, words) {
  const find = (name) => all.find((one) => one.measure === name);
  const known = (of, line) => ({ of, line, told: true });
  const base = measure.measure.replace(/\.decile$/, "");
  if (/^(need|round)\..*\.share$|\.inside$/.test(base)) {
    const share = await column(base), of = find(base.replace(/\.(share|inside)$/, ""));
    const line = base.endsWith(".inside") ? words.line_tenth : base.startsWith("need.") ? say(words.line_need, { title: of.title }) : words.line_round;
    return known((i) => torn(share[i]), line);
  }
  const end = find(`${base}.low`);
  if (end && find(`${base}.high`)) {
    const [low, high] = await Promise.all([column(`${base}.low`), column(`${base}.high`)]);
    // Summaries come in fifths: too close where the interval of the rank reaches into another fifth.
    if (measure.kind === "number") {
      return known((i) => low[i] !== null && fifth(low[i], end.total) !== fifth(high[i], end.total), words.line_fifth);
    }
    const last = Math.floor(end.total / 10);
    return known((i) => low[i] !== null && low[i] <= last && high[i] > last, words.line_tenth);
  }
  if (find(`${base}.standing`)) {
    const standing = await column(`${base}.standing`);
    return known((i) => standing[i] === 2, words.line_round);
  }
  if (find(`${base}.share`)) {
    const share = await column(`${base}.share`);
    return known((i) => torn(share[i]), say(words.line_need, { title: measure.title }));
  }
  return { of: null, line: "", told: base.endsWith(".standing") };
}
