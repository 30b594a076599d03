/* The search among names and codes. Only lists of data are fetched, and only those that the index says are there. */
(function (wardmote) {
  "use strict";
  const entries = new Map();

  const isNumber = (word) => /^\p{N}/u.test(word);
  const firstLetters = (word) => [...word].slice(0, 2).join("");
  const begins = (words, wanted) => words.some((word) => word.startsWith(wanted));

  /** Return a promise of all areas in one list of names. */
  const listed = (index, letters) => {
    if (!entries.has(letters)) {
      entries.set(letters, wardmote.load(`data/find/names/${wardmote.fileName(letters)}`).then((file) => {
        const around = file.around.map(([level, code, name]) => ({ level, code, name, words: wardmote.fold(name).split(" ") }));
        return index.levels.flatMap((kind) => {
          const list = file.levels[kind.level];
          return !list ? [] : list.codes.map((code, i) => {
            const folded = wardmote.fold(list.names[i]);
            return { kind, code, name: list.names[i], folded, words: folded.split(" "), around: list.around[i].map((at) => around[at]) };
          });
        });
      }).catch((error) => { entries.delete(letters); throw error; }));
    }
    return entries.get(letters);
  };

  /** Return the first letters of the lists in which words can be found. */
  const listsOf = (words) => {
    const named = words.filter((word) => !isNumber(word));
    const long = named.filter((word) => word.length > 1);
    return [...new Set((long.length ? long : named.length ? named : words).map(firstLetters))].slice(0, 6);
  };

  /** Return how well an area fits: 0 its name, 1 the beginning of its name, 2 its words, 3 with words of what it lies in; -1 not. */
  const fit = (area, wanted, words) => {
    if (area.folded === wanted) return 0;
    if (area.folded.startsWith(wanted)) return 1;
    const own = words.filter((word) => begins(area.words, word));
    if (own.length === words.length) return 2;
    return own.length && words.every((word) => own.includes(word) || area.around.some((one) => begins(one.words, word))) ? 3 : -1;
  };

  /** Return a promise of all areas whose words begin with those of a text: the largest kinds first, then by how well they fit. */
  wardmote.search = async (text) => {
    const index = await wardmote.index();
    const wanted = wardmote.fold(text);
    const words = wanted.split(" ").filter(Boolean);
    const lists = listsOf(words);
    if (!lists.every((letters) => index.names.includes(letters))) return [];
    const found = new Map();
    for (const letters of lists) {
      for (const area of await listed(index, letters)) {
        const order = fit(area, wanted, words);
        if (order >= 0) found.set(`${area.kind.level} ${area.code}`, { ...area, order });
      }
    }
    const place = new Map(index.levels.map((kind, i) => [kind, i]));
    const language = new Intl.Collator(wardmote.words.language, { numeric: true });
    return [...found.values()].sort((a, b) => place.get(a.kind) - place.get(b.kind) || a.order - b.order || language.compare(a.name, b.name));
  };

  /** Return a promise of what lies in an area that has no figures of its own. */
  wardmote.inside = async (kind, code) => {
    const stem = wardmote.stem(code);
    if (!kind.stems.includes(stem)) return null;
    const file = await wardmote.load(`data/find/areas/${wardmote.fileName(kind.level)}/${stem}`);
    return Object.hasOwn(file, code) ? file[code] : null;
  };

  /** Return a promise of the areas of all kinds that have a code, in small or large letters. */
  wardmote.ofCode = async (text) => {
    const found = [];
    const code = text.trim();
    for (const kind of (await wardmote.index()).levels) {
      for (const one of new Set([code, code.toUpperCase(), code.toLowerCase()])) {
        const area = one && (await (kind.figures ? wardmote.place(kind.level, one) : wardmote.inside(kind, one)));
        if (!area) continue;
        const around = (area.around || []).map(([level, parent, name]) => ({ level, code: parent, name }));
        found.push({ kind, code: one, name: area.name, folded: wardmote.fold(area.name), words: [], around, order: 0 });
        break;
      }
    }
    return found;
  };

  /** Return whether one letter more, less, other, or two that changed places make one word of another. */
  const isNear = (a, b) => {
    if (Math.abs(a.length - b.length) > 1) return false;
    let start = 0;
    while (start < a.length && start < b.length && a[start] === b[start]) start++;
    let x = a.slice(start), y = b.slice(start);
    while (x && y && x.at(-1) === y.at(-1)) { x = x.slice(0, -1); y = y.slice(0, -1); }
    return x.length + y.length <= 1 || (x.length === 1 && y.length === 1) || (x.length === 2 && y.length === 2 && x[0] === y[1] && x[1] === y[0]);
  };

  /** Return the words that may have been meant by one that begins none: near as wholes, else near by their beginnings. */
  const meant = (all, word) => {
    if (isNumber(word) || all.some((one) => one.startsWith(word))) return [word];
    const whole = all.filter((one) => isNear(one, word));
    if (whole.length || word.length < 5) return whole;
    return all.filter((one) => [-1, 0, 1].some((more) => isNear(one.slice(0, word.length + more), word)));
  };

  /** Return a promise of texts that find something where one found nothing: with one error mended in a word, or its words singly. */
  wardmote.didYouMean = async (text, most = 4) => {
    const words = wardmote.fold(text).split(" ").filter(Boolean);
    const all = (await wardmote.load("data/find/words")).words;
    const choices = words.slice(0, 5).map((word) => meant(all, word).slice(0, 4));
    const mended = choices.reduce((texts, one) => texts.flatMap((begun) => one.map((word) => [...begun, word])), [[]]);
    const single = choices.flat().filter((word) => word.length > 2).map((word) => [word]);
    const found = [];
    for (const one of [...mended.slice(0, 12), ...(words.length > 1 ? single : [])]) {
      const said = one.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
      if (found.length < most && said && !found.includes(said) && (await wardmote.search(said)).length) found.push(said);
    }
    return found;
  };

  /** Return a sentence with links in the place of one of its marks. */
  wardmote.sentence = (name, mark, links) => {
    const [before, after = ""] = wardmote.words[name].split(`{${mark}}`);
    return wardmote.element("p", {}, before, ...links.flatMap((link, i) => (i ? [", ", link] : [link])), after);
  };
})(window.wardmote);
