/* What if: reads the controls, works it out, tells what changes. Loaded last; the arithmetic is in whatif-engine.js. */
(function () {
  "use strict";
  const held = window.wardmote.held, engine = window.wardmoteEngine;
  const { fileName, pathOf } = window.wardmote;
  const list = (level, what) => held[`data/columns/${fileName(level)}/${what}`];
  const raw = held["whatif/data"], codes = raw && list(raw.level.name, "codes");
  if (!raw || !codes) return; // the note that this needs scripts stays
  /** Return the places of a level as pages tell them: names, codes, people, where their pages are. */
  const placesOf = (level) => {
    const known = list(level.name, "codes"), people = list(level.name, "population");
    return { level, codes: known.codes, names: known.names, paged: known.paged, people: people ? people.values : [] };
  };
  const small = placesOf(raw.level), data = engine.open(raw, codes, small.people);
  const words = data.words, run = engine.model(data), round = data.round, all = placesOf(round.level);
  // The places of a round, in its own order.
  const pick = (values) => Array.from(round.at, (at) => values[at]);
  const large = { ...all, codes: pick(all.codes), names: pick(all.names), people: all.people.length ? pick(all.people) : [] };
  const byId = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat("en-GB");
  const say = (text, parts) => text.replace(/\{(\w+)\}/g, (_, name) => parts[name] ?? "");
  // Names in one list: few while a slider moves, so that each change is quick; all that anyone reads once it rests.
  const FEW = 10, MOST = 2000;
  // Places shown on either side of a line.
  const NEAR = 4;

  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const same = (a, b) => a.every((x, i) => x === b[i]);
  // Weights are held exactly, as points of 100; a slider shows the nearest half.
  const pointsOf = (weights) => { const total = sum(weights); return weights.map((weight) => (100 * weight) / total); };
  const shown = (point) => Math.round(2 * point) / 2;
  const percents = (share) => Math.round(share / 1e4);

  /** Return what stands published: the stated weights, the definition's share, the round's own rules. */
  function published() {
    return {
      weights: data.indices.map((index) => index.sets[0].weights),
      points: data.indices.map((index) => pointsOf(index.sets[0].weights)),
      bases: data.indices.map((index) => index.sets[0]),
      sets: data.indices.map((index) => index.sets[0].id),
      share: data.need ? data.need.share : 100000,
      both: !!data.need && round.eligible !== "share",
      places: round.places, award: round.award, budget: round.budget,
      caps: round.groups.map((group) => group.cap),
      minimums: round.groups.map((group) => group.minimum),
    };
  }
  const stated = published();
  let setting = published();
  const before = (() => {
    const result = run(stated);
    return { indices: result.indices.map((one) => one.inside), both: result.both, funded: round.funded };
  })();

  // ---- the controls

  const fields = [...document.querySelectorAll("fieldset[data-index]")].map((field) => ({
    set: field.querySelector("[data-set]"),
    sliders: [...field.querySelectorAll("[data-weight]")],
    problem: field.querySelector("[data-problem]"),
  }));
  const output = (input) => input.parentElement.querySelector("output");

  // Each number of the money: its box, where the setting holds it, how the address calls it, and what an empty box says.
  const amounts = [
    { id: "places", list: "places", name: "places", empty: words.no_limit },
    { id: "award", list: "award", name: "award" },
    { id: "budget", list: "budget", name: "budget", empty: words.no_limit },
    ...round.groups.flatMap((group, k) => [
      { id: `cap-${k}`, list: "caps", at: k, name: `cap.${group.by}`, empty: words.no_limit },
      { id: `minimum-${k}`, list: "minimums", at: k, name: `minimum.${group.by}`, empty: words.no_minimum },
    ]),
  ].map((one) => ({ ...one, box: byId(one.id) })).filter((one) => one.box);
  const amountOf = (from, one) => (one.at === undefined ? from[one.list] : from[one.list][one.at]);
  function setAmount(one, number) {
    if (one.at === undefined) setting[one.list] = number;
    else setting[one.list][one.at] = number;
  }

  function showAmount(one) {
    const number = amountOf(setting, one), places = number === 1 ? words.place_shown : words.places_shown;
    const text = one.box.hasAttribute("data-pounds") ? words.pounds_shown : places;
    output(one.box).textContent = number == null ? one.empty : say(text, { count: whole.format(number) });
  }

  /** Say what is wrong with a number, or that nothing is. */
  function complain(one, text) {
    const problem = byId(`${one.id}-problem`);
    problem.hidden = !text;
    if (problem.textContent !== text) problem.textContent = text;
    if (text) { one.box.setAttribute("aria-invalid", "true"); output(one.box).textContent = ""; }
    else one.box.removeAttribute("aria-invalid");
  }

  function showWeights(i) {
    const weights = setting.weights[i], total = sum(weights);
    fields[i].sliders.forEach((slider, j) => {
      const percent = ((100 * weights[j]) / total).toFixed(1).replace(/\.0$/, "");
      output(slider).textContent = `${percent}%`;
      slider.setAttribute("aria-valuetext", say(words.share_of, { percent }));
    });
  }

  function showShare() {
    output(byId("share")).textContent = `${setting.share / 1e4}%`;
    byId("share").setAttribute("aria-valuetext", `${setting.share / 1e4}%`);
  }

  /** Put the setting into the controls. */
  function fill() {
    fields.forEach((field, i) => {
      field.set.value = setting.sets[i];
      field.sliders.forEach((slider, j) => { slider.value = shown(setting.points[i][j]); });
      field.problem.hidden = true;
      showWeights(i);
    });
    byId("share").value = percents(setting.share);
    showShare();
    if (byId("eligible")) byId("eligible").value = setting.both ? "both" : "share";
    for (const one of amounts) {
      one.box.value = amountOf(setting, one) ?? "";
      complain(one, "");
      showAmount(one);
    }
  }

  /** Take points into the setting: those of the set they began from are its own weights, to the last digit. */
  function setPoints(i, points) {
    const index = data.indices[i], base = setting.bases[i], total = sum(points);
    setting.points[i] = points;
    if (same(points, pointsOf(base.weights))) {
      setting.weights[i] = base.weights;
      setting.sets[i] = base.id;
    } else if (total > 0) {
      // The sum stays that of the stated weights, so that scores stay on their scale.
      setting.weights[i] = points.map((point) => (point / total) * sum(index.sets[0].weights));
      setting.sets[i] = "own";
    }
    return total > 0;
  }

  function setBase(i, set) {
    setting.bases[i] = set;
    setPoints(i, pointsOf(set.weights));
  }

  /** Read one control of weights into the setting; returns false where it holds nothing that can be used. */
  function readWeights(i, target) {
    const field = fields[i];
    let usable = true;
    if (target === field.set) {
      const chosen = data.indices[i].sets.find((one) => one.id === target.value);
      if (!chosen) return false;
      setBase(i, chosen);
      field.sliders.forEach((slider, j) => { slider.value = shown(setting.points[i][j]); });
    } else {
      // Only the slider that moved is read: the others may show their exact weights only nearly.
      const j = field.sliders.indexOf(target), given = Number(target.value), points = [...setting.points[i]];
      const exact = pointsOf(setting.bases[i].weights)[j];
      points[j] = given === shown(exact) ? exact : given;
      usable = setPoints(i, points);
      field.set.value = setting.sets[i];
    }
    field.problem.hidden = usable;
    if (usable) showWeights(i);
    return usable;
  }

  /** Return the number in a box (null where it is empty) and what is wrong with it. */
  function numberIn(one) {
    const { value, validity, min } = one.box, number = Number(value);
    if (value === "" && !validity.badInput && one.empty) return { number: null, wrong: "" };
    const fits = value !== "" && Number.isSafeInteger(number) && number >= Number(min);
    return { number, wrong: fits ? "" : say(words.problem_number, { least: min }) };
  }

  function readAmount(one) {
    const { number, wrong } = numberIn(one);
    complain(one, wrong);
    if (wrong) return false;
    const first = amounts[0], last = amounts.find((other) => other.id === "budget");
    if ((one === first || one === last) && [first, last].every((each) => numberIn(each).number === null)) {
      complain(one, words.problem_empty);
      return false;
    }
    if (one === first || one === last) {
      const other = one === first ? last : first;
      if (!numberIn(other).wrong) { complain(other, ""); setAmount(other, numberIn(other).number); showAmount(other); }
    }
    setAmount(one, number);
    showAmount(one);
    return true;
  }

  /** Read one control into the setting; returns false where it holds nothing that can be used. */
  function read(target) {
    const i = fields.findIndex((field) => field.set === target || field.sliders.includes(target));
    if (i >= 0) return readWeights(i, target);
    const amount = amounts.find((one) => one.box === target);
    if (amount) return readAmount(amount);
    if (target.id === "share") {
      setting.share = Number(target.value) === percents(stated.share) ? stated.share : Math.round(target.value * 1e4);
      showShare();
    } else if (target.id === "eligible") setting.both = target.value === "both";
    return true;
  }

  // ---- the address holds the setting: for weights the set they began from, and the points of those parts that were moved

  function toAddress() {
    const parts = new URLSearchParams();
    data.indices.forEach((index, i) => {
      const base = setting.bases[i], exact = pointsOf(base.weights), from = base === index.sets[0] ? "" : `${base.id}:`;
      if (setting.sets[i] === "own") {
        parts.set(`w.${index.id}`, from + setting.points[i].map((point, j) => (point === exact[j] ? "" : point)).join("-"));
      } else if (from) parts.set(`w.${index.id}`, base.id);
    });
    for (const name of ["share", "both"]) if (setting[name] !== stated[name]) parts.set(name, setting[name]);
    for (const one of amounts) {
      const number = amountOf(setting, one);
      if (number !== amountOf(stated, one)) parts.set(one.name, number ?? "none");
    }
    const text = parts.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  function weightsFrom(i, told) {
    const index = data.indices[i], [first, rest] = told.includes(":") ? told.split(":") : ["", told];
    const named = index.sets.find((one) => one.id === (first || told));
    if (named) setBase(i, named);
    if (named && !first) return;
    const exact = pointsOf(setting.bases[i].weights);
    const points = rest.split("-").map((text, j) => (text === "" ? exact[j] : Number(text)));
    if (points.length === exact.length && points.every((x) => x >= 0 && x <= 100) && sum(points) > 0) setPoints(i, points);
  }

  function fromAddress() {
    const parts = new URLSearchParams(location.hash.slice(1));
    data.indices.forEach((index, i) => { if (parts.get(`w.${index.id}`)) weightsFrom(i, parts.get(`w.${index.id}`)); });
    const share = Number(parts.get("share"));
    if (Number.isInteger(share) && share >= 1e4 && share <= Math.max(3e5, stated.share)) setting.share = share;
    if (parts.has("both") && byId("eligible") && data.need) setting.both = parts.get("both") === "true";
    for (const one of amounts) {
      const told = parts.get(one.name), number = Number(told);
      if (told === "none" && one.empty) setAmount(one, null);
      else if (told && Number.isSafeInteger(number) && number >= Number(one.box.min)) setAmount(one, number);
    }
    if (setting.places === null && setting.budget === null) Object.assign(setting, { places: stated.places, budget: stated.budget });
  }

  // ---- what changes

  /** Return a list item that leads to a place; `close` marks what the published result cannot settle. */
  function link(places, at, close) {
    const code = places.codes[at], name = places.names[at];
    const a = document.createElement("a"), item = document.createElement("li");
    a.href = `../${pathOf({ level: places.level.name, paged: places.paged }, code)}`;
    a.textContent = name;
    item.append(a);
    const add = (kind, text) => item.append(" ", Object.assign(element("span", text), { className: kind }));
    if (name !== code) add("code", code);
    if (close && close[at]) add("word", words.too_close);
    return item;
  }

  const initial = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

  /** Return how many places and people a result holds, and what changes; `alone` compares with nothing. */
  function told(places, flags, moved, alone) {
    let count = 0, living = 0, known = places.people.length > 0;
    for (let i = 0; i < flags.length; i++) {
      if (!flags[i]) continue;
      count++;
      if (places.people[i] == null) known = false;
      else living += places.people[i];
    }
    const same = !moved.enters.length && !moved.leaves.length;
    const text = words[(known ? "told" : "told_plain") + (alone ? "_alone" : same ? "_same" : "")];
    return say(text, {
      count: whole.format(count), areas: count === 1 ? places.level.one : places.level.many, people: whole.format(living), ...verbs(moved),
    });
  }

  const verbs = (moved) => ({
    enters: whole.format(moved.enters.length), leaves: whole.format(moved.leaves.length),
    enter: moved.enters.length === 1 ? words.enter_one : words.enter_many,
    leave: moved.leaves.length === 1 ? words.leave_one : words.leave_many,
  });

  /** Make a list with its heading: what stands in it is changed in place, so that a sliding hand costs few new elements. */
  function named(word, title, scrolls) {
    const part = document.createElement("div"), heading = element("h4", ""), names = document.createElement("ul");
    if (scrolls) names.tabIndex = 0;
    part.append(heading, names);
    return { word, title, part, heading, names, shown: "" };
  }

  /** Write places into a list, only where they differ from what stands there; returns whether it holds any. */
  function write(each, one, list, most) {
    if (!list.length) { each.shown = ""; return false; }
    const first = list.slice(0, most), shown = `${first.join(" ")}/${list.length}`;
    if (each.shown === shown) return true;
    each.shown = shown;
    const heading = say(each.word, { count: whole.format(list.length) });
    each.heading.textContent = heading;
    each.names.setAttribute("aria-label", `${one.title}: ${heading}`);
    const items = first.map((at) => link(one.places, at, one.close));
    if (list.length > most) items.push(element("li", say(words.more, { count: whole.format(list.length - most) })));
    each.names.replaceChildren(...items);
    return true;
  }

  /** Show those lists of a box that hold places. */
  function stand(box, parts, after) {
    const now = [...box.children];
    if (now.length !== parts.length || now.some((part, i) => part !== parts[i])) box.replaceChildren(...parts);
    if (!parts.length) box.remove();
    else if (!box.parentNode) after.after(box);
  }

  /** Make the frame of one result. */
  function frame(one) {
    const box = document.createElement("section"), sentence = element("p", ""), moves = document.createElement("div");
    const edges = document.createElement("div");
    moves.className = "moves";
    edges.className = "moves edges";
    box.append(element("h3", one.title), sentence);
    const headings = one.alone ? [words.trial_list] : [words.enters, words.leaves];
    return {
      ...one, box, sentence, moves, edges,
      lists: headings.map((word) => named(word, one.title, true)),
      near: [words.edge_inside, words.edge_outside].map((word) => named(word, one.title, false)),
    };
  }

  /** Write a result into its frame; returns the short sentence of what changes. */
  function fillIn(one, { is, edges, more, refused }, most) {
    const moved = engine.changes(one.was, is), parts = { title: one.short, ...verbs(moved) };
    const sentence = refused || [told(one.places, is, moved, one.alone), ...more].join(" ");
    if (one.sentence.textContent !== sentence) one.sentence.textContent = sentence;
    const lists = refused ? [] : one.alone ? [moved.enters] : [moved.enters, moved.leaves];
    stand(one.moves, one.lists.filter((each, i) => lists[i] && write(each, one, lists[i], most)).map((each) => each.part), one.sentence);
    const near = refused || !edges ? [] : [edges.inside, edges.outside];
    const last = one.moves.parentNode ? one.moves : one.sentence;
    stand(one.edges, one.near.filter((each, i) => near[i] && write(each, one, near[i], NEAR)).map((each) => each.part), last);
    if (refused) return `${one.short}: ${refused}`;
    if (one.alone) return say(words.moves_alone, { title: one.short, count: parts.enters });
    return say(moved.enters.length || moved.leaves.length ? words.moves : words.moves_none, parts);
  }

  /** Return why a round's rules cannot be kept, or "". */
  function refusal(unmet) {
    const list = unmet.slice(0, 3).map((one) => say(words.unmet_one, {
      group: round.groups[one.grouping].names[one.group], got: whole.format(one.got), wanted: whole.format(one.wanted),
    }));
    return list.length ? say(words.unmet, { list: list.join("; ") }) : "";
  }

  const frames = [];
  if (data.need) {
    const title = initial(say(words.both_title, { title: data.need.title }));
    frames.push(frame({ kind: "both", title, short: title, places: small, was: before.both, close: data.need.close }));
  }
  frames.push(frame({
    kind: "funded", places: large, was: before.funded, close: round.followed ? round.close : null, alone: !round.followed,
    title: round.followed ? say(words.funded_title, { title: round.title }) : words.trial_title,
    short: round.followed ? words.funded_short : words.trial_title,
  }));
  data.indices.forEach((index, i) => {
    const title = say(words.share_title, { title: index.title });
    frames.push(frame({ kind: i, title, short: title, places: small, was: before.indices[i], close: null }));
  });
  byId("result").append(...frames.map((one) => one.box));

  /** Return what a frame holds of a result. */
  function heldBy(one, result) {
    if (one.kind === "both") return { is: result.both, edges: result.edges.both, more: [] };
    if (one.kind !== "funded") {
      return { is: result.indices[one.kind].inside, edges: result.edges.indices && result.edges.indices[one.kind], more: [] };
    }
    const spent = setting.award * sum(result.funded), more = [say(words.spent, { pounds: whole.format(spent) })];
    if (result.left !== null) more.push(say(words.left, { pounds: whole.format(result.left) }));
    if (one.alone) more.push(words.trial_said);
    return { is: result.funded, edges: result.edges.funded, more, refused: refusal(result.unmet) };
  }

  /** Fill in all results; returns the short sentences of the first two, which are what most is asked of. */
  function fillAll(result, most) {
    return frames.map((one) => fillIn(one, heldBy(one, result), most)).slice(0, 2).join(" ");
  }

  let wanted = 0, resting = 0, first = true;
  function show() {
    wanted = 0;
    const result = run(setting, NEAR), sentences = fillAll(result, FEW), brief = byId("brief"), opening = first;
    first = false;
    window.wardmote.last = { setting, result }; // for tests
    if (brief.textContent !== sentences) brief.textContent = sentences; // on a phone the controls hide the result
    // Once the hand rests: all names, and the short sentences aloud, since a voice cannot keep up with a slider.
    clearTimeout(resting);
    resting = setTimeout(() => {
      if (!opening) byId("spoken").textContent = sentences;
      if (!byId("result").contains(document.activeElement)) fillAll(result, MOST);
    }, 800);
  }

  function later() {
    if (!wanted) wanted = requestAnimationFrame(show);
  }

  /** Begin with what is published, then with what the address says. */
  function begin() {
    setting = published();
    fromAddress();
    fill();
  }

  const controls = byId("controls");
  controls.addEventListener("input", (event) => {
    setting = {
      ...setting, weights: [...setting.weights], points: [...setting.points], bases: [...setting.bases], sets: [...setting.sets],
      caps: [...setting.caps], minimums: [...setting.minimums],
    };
    if (read(event.target)) later();
  });
  controls.addEventListener("change", toAddress);
  controls.addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => { setting = published(); fill(); toAddress(); later(); });
  window.addEventListener("hashchange", () => { begin(); later(); });

  byId("whatif").hidden = false;
  byId("no-script").hidden = true;
  byId("close-note").hidden = !frames.some((one) => one.close && one.close.some((flag) => flag));
  begin();
  show();
})();
