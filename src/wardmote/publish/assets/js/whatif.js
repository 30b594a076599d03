/* What if: reads the controls, works it out, tells what changes. Loaded last; the arithmetic is in whatif-engine.js. */
(function () {
  "use strict";
  const held = window.wardmote.held, engine = window.wardmoteEngine;
  const codes = Object.entries(held).find(([path]) => path.endsWith("/codes"));
  const people = Object.entries(held).find(([path]) => path.endsWith("/population"));
  if (!held["whatif/data"] || !codes) return; // the note that this needs scripts stays
  const data = engine.open(held["whatif/data"], codes[1]);
  const population = people ? people[1].values : [];
  const unknown = Uint8Array.from(data.codes, (_, i) => (population[i] == null ? 1 : 0));
  const words = data.words, run = engine.model(data);
  const byId = (id) => document.getElementById(id);
  const whole = new Intl.NumberFormat("en-GB");
  const say = (text, parts) => text.replace(/\{(\w+)\}/g, (_, name) => parts[name] ?? "");
  // Names in one list: few while a slider moves, so that each change is quick; all that anyone reads once it rests.
  const FEW = 20, MOST = 2000;

  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const points = (weights) => weights.map((weight) => Math.round((2000 * weight) / (10 * sum(weights))) / 2);

  // What stands published: the stated weights, the definition's share, the money as the page proposes it.
  const published = {
    weights: data.indices.map((index) => index.sets[0].weights),
    sets: data.indices.map(() => "stated"),
    share: data.need ? data.need.share : 100000,
    both: data.money.both && !!data.need,
    award: data.money.award, budget: data.money.budget,
    by: data.parents.some((one) => one.level === data.money.by) && data.money.cap ? data.money.by : "",
    cap: data.money.cap,
  };
  let setting = { ...published };
  const copy = (result) => ({
    indices: result.indices.map((one) => ({ id: one.id, inside: one.inside })), both: result.both, funded: result.funded,
  });
  const before = copy(run(published));

  // ---- the controls

  const fields = [...document.querySelectorAll("fieldset[data-index]")].map((field) => ({
    set: field.querySelector("[data-set]"),
    sliders: [...field.querySelectorAll("[data-weight]")],
    problem: field.querySelector("[data-problem]"),
  }));
  const output = (input) => input.parentElement.querySelector("output");

  function showWeights(i) {
    const weights = setting.weights[i], total = sum(weights);
    fields[i].sliders.forEach((slider, j) => {
      const percent = ((100 * weights[j]) / total).toFixed(1).replace(/\.0$/, "");
      output(slider).textContent = `${percent}%`;
      slider.setAttribute("aria-valuetext", say(words.share_of, { percent }));
    });
  }

  /** Put the setting into the controls. */
  function fill() {
    fields.forEach((field, i) => {
      field.set.value = setting.sets[i];
      points(setting.weights[i]).forEach((point, j) => { field.sliders[j].value = point; });
      field.problem.hidden = true;
      showWeights(i);
    });
    byId("share").value = setting.share / 1e4;
    output(byId("share")).textContent = `${setting.share / 1e4}%`;
    byId("eligible").value = setting.both ? "both" : "share";
    byId("award").value = setting.award;
    byId("budget").value = setting.budget;
    if (byId("by")) {
      byId("by").value = setting.by;
      byId("cap").value = setting.cap || 1;
      byId("cap").disabled = !setting.by;
    }
  }

  /** Read one control into the setting; returns false where it holds nothing that can be used. */
  function read(target) {
    const i = fields.findIndex((field) => field.set === target || field.sliders.includes(target));
    if (i >= 0) {
      const field = fields[i], index = data.indices[i], stated = index.sets[0].weights;
      if (target === field.set) {
        const chosen = index.sets.find((one) => one.id === target.value);
        if (!chosen) return true;
        setting.weights[i] = chosen.weights;
        points(chosen.weights).forEach((point, j) => { field.sliders[j].value = point; });
      } else {
        const given = field.sliders.map((slider) => Number(slider.value)), total = sum(given);
        field.problem.hidden = total > 0;
        if (!total) return false;
        // The sum stays that of the stated weights, so that scores stay on their scale.
        setting.weights[i] = given.map((point) => (point / total) * sum(stated));
        field.set.value = "own";
      }
      setting.sets[i] = field.set.value;
      field.problem.hidden = true;
      showWeights(i);
      return true;
    }
    if (target.id === "share") {
      setting.share = Math.round(target.value * 1e4);
      output(target).textContent = `${target.value}%`;
    } else if (target.id === "eligible") setting.both = target.value === "both";
    else if (target.id === "by") {
      setting.by = target.value;
      byId("cap").disabled = !target.value;
      setting.cap = target.value ? Number(byId("cap").value) || 1 : 0;
    } else if (target.id) {
      const number = Math.floor(Number(target.value));
      if (!(number >= Number(target.min)) || target.value === "") return false;
      setting[target.id] = number;
    }
    return true;
  }

  // ---- the address holds the setting

  function toAddress() {
    const parts = new URLSearchParams();
    data.indices.forEach((index, i) => {
      if (setting.sets[i] !== "stated") {
        parts.set(`w.${index.id}`, setting.sets[i] === "own" ? fields[i].sliders.map((s) => s.value).join("-") : setting.sets[i]);
      }
    });
    for (const name of ["share", "both", "award", "budget", "by", "cap"]) {
      if (setting[name] !== published[name]) parts.set(name, setting[name]);
    }
    const text = parts.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  function fromAddress() {
    const parts = new URLSearchParams(location.hash.slice(1));
    data.indices.forEach((index, i) => {
      const told = parts.get(`w.${index.id}`);
      if (!told) return;
      const set = index.sets.find((one) => one.id === told);
      const given = told.split("-").map(Number);
      if (set) { setting.weights[i] = set.weights; setting.sets[i] = told; }
      else if (given.length === index.children.length && given.every((x) => x >= 0 && x <= 100) && sum(given) > 0) {
        setting.weights[i] = given.map((point) => (point / sum(given)) * sum(index.sets[0].weights));
        setting.sets[i] = "own";
      }
    });
    const number = (name, low, high) => {
      const value = Number(parts.get(name));
      if (parts.has(name) && Number.isInteger(value) && value >= low && value <= high) setting[name] = value;
    };
    number("share", 1e4, 3e5); number("award", 1, 1e12); number("budget", 0, 1e15); number("cap", 1, 1e6);
    if (parts.has("both") && data.need) setting.both = parts.get("both") === "true";
    if (parts.has("by")) setting.by = data.parents.some((one) => one.level === parts.get("by")) ? parts.get("by") : "";
  }

  // ---- what changes

  const safe = (text) => text.replace(/[^A-Za-z0-9-]/gu, (c) => `_${c.codePointAt(0).toString(16)}_`);
  const folder = `../place/${safe(data.level.name)}/`;
  function link(at) {
    const code = data.codes[at], name = data.names[at];
    const a = document.createElement("a");
    a.href = data.paged ? `${folder}${safe(code)}.html` : `${folder}index.html?code=${safe(code)}`;
    a.textContent = name;
    const item = document.createElement("li");
    item.append(a);
    if (name !== code) {
      const small = document.createElement("span");
      small.className = "code";
      small.textContent = ` ${code}`;
      item.append(small);
    }
    return item;
  }

  const initial = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

  function told(flags, moved) {
    let count = 0, living = 0, known = true;
    for (let i = 0; i < flags.length; i++) {
      if (!flags[i]) continue;
      count++;
      if (known) { if (unknown[i]) known = false; else living += population[i]; }
    }
    const same = !moved.enters.length && !moved.leaves.length;
    const text = words[(known && population.length ? "told" : "told_plain") + (same ? "_same" : "")];
    return say(text, {
      count: whole.format(count), areas: count === 1 ? data.level.one : data.level.many, people: whole.format(living),
      enters: whole.format(moved.enters.length), leaves: whole.format(moved.leaves.length),
      enter: moved.enters.length === 1 ? words.enter_one : words.enter_many,
      leave: moved.leaves.length === 1 ? words.leave_one : words.leave_many,
    });
  }

  /** Make the frame of one result: what stands in it is changed in place, so that a sliding hand costs few new elements. */
  function frame(title) {
    const box = document.createElement("section"), sentence = element("p", ""), moves = document.createElement("div");
    moves.className = "moves";
    const parts = [words.enters, words.leaves].map((word) => {
      const part = document.createElement("div"), heading = element("h4", ""), names = document.createElement("ul");
      names.tabIndex = 0;
      part.append(heading, names);
      return { word, part, heading, names, shown: "" };
    });
    box.append(element("h3", title), sentence);
    return { title, box, sentence, moves, parts };
  }

  /** Write what changes into a frame: only what differs from what stands there. Returns the sentence with its title. */
  function fillIn(one, was, is, most, more) {
    const moved = engine.changes(was, is), sentence = told(is, moved) + (more ? ` ${more}` : "");
    if (one.sentence.textContent !== sentence) one.sentence.textContent = sentence;
    const standing = [];
    one.parts.forEach((each, i) => {
      const list = i ? moved.leaves : moved.enters;
      if (!list.length) { each.shown = ""; return; }
      standing.push(each.part);
      const first = list.slice(0, most), shown = `${first.join(" ")}/${list.length}`;
      if (each.shown === shown) return;
      each.shown = shown;
      const heading = say(each.word, { count: whole.format(list.length) });
      each.heading.textContent = heading;
      each.names.setAttribute("aria-label", `${one.title}: ${heading}`);
      const items = first.map(link);
      if (list.length > most) items.push(element("li", say(words.more, { count: whole.format(list.length - most) })));
      each.names.replaceChildren(...items);
    });
    const now = [...one.moves.children];
    if (now.length !== standing.length || now.some((part, i) => part !== standing[i])) one.moves.replaceChildren(...standing);
    if (standing.length && !one.moves.parentNode) one.box.append(one.moves);
    if (!standing.length) one.moves.remove();
    return `${one.title}: ${sentence}`;
  }

  const frames = new Map();
  /** Fill in all results; returns their sentences. */
  function fillAll(result, most) {
    const wanted = [];
    if (result.both) wanted.push([initial(say(words.both_title, { title: data.need.title })), before.both, result.both]);
    result.indices.forEach((one, i) => {
      wanted.push([say(words.share_title, { title: data.indices[i].title }), before.indices[i].inside, one.inside]);
    });
    wanted.push([words.funded_title, before.funded, result.funded, say(words.left, { pounds: whole.format(result.left) })]);
    return wanted.map(([title, was, is, more], i) => {
      if (!frames.has(i)) {
        frames.set(i, frame(title));
        byId("result").append(frames.get(i).box);
      }
      return fillIn(frames.get(i), was, is, most, more);
    });
  }

  let wanted = 0, resting = 0;
  function show() {
    wanted = 0;
    const result = run(setting), sentences = fillAll(result, FEW), brief = byId("brief");
    window.wardmote.last = { setting, result }; // for tests
    if (brief.textContent !== sentences[0]) brief.textContent = sentences[0]; // on a phone the controls hide the result
    // Once the hand rests: all names, and the sentences aloud, since a voice cannot keep up with a slider.
    clearTimeout(resting);
    resting = setTimeout(() => {
      byId("spoken").textContent = sentences.join(" ");
      if (!byId("result").contains(document.activeElement)) fillAll(result, MOST);
    }, 800);
  }

  function later() {
    if (!wanted) wanted = requestAnimationFrame(show);
  }

  const controls = byId("controls");
  controls.addEventListener("input", (event) => {
    setting = { ...setting, weights: [...setting.weights], sets: [...setting.sets] };
    if (read(event.target)) later();
  });
  controls.addEventListener("change", toAddress);
  controls.addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => { setting = { ...published }; fill(); toAddress(); later(); });

  byId("whatif").hidden = false;
  byId("no-script").hidden = true;
  setting = { ...published, weights: [...published.weights], sets: [...published.sets] };
  fromAddress();
  fill();
  show();
})();
