/* What the scripts of the atlas share: fetching small files of data, words, and building elements. A classic script, since a page
 * that was opened straight from disk may load neither modules nor JSON. */
(function (root) {
  "use strict";
  const wardmote = (root.wardmote = root.wardmote || {});
  const waiting = new Map();
  const held = (wardmote.held = wardmote.held || {});
  const here = document.currentScript.src;
  const site = here.slice(0, here.indexOf("assets/js/"));
  const edition = new URL(here).search; // what this edition of the scripts reads was laid out by it

  /** Take in one file of data; the files call this themselves. */
  wardmote.put = (path, content) => { held[path] = content; };

  /** Return a promise of the content of a file of data, named without its ending. */
  wardmote.load = (path) => {
    if (Object.hasOwn(held, path)) return Promise.resolve(held[path]);
    if (!waiting.has(path)) {
      waiting.set(path, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `${site}${path}.js${edition}`;
        script.onload = () => resolve(held[path]);
        script.onerror = () => { waiting.delete(path); reject(new Error(path)); };
        document.head.append(script);
      }));
    }
    return waiting.get(path);
  };

  /** Return a word of the site with its marks filled in. */
  wardmote.say = (name, marks = {}) =>
    wardmote.words[name].replace(/\{(\w+)\}/g, (_, mark) => (mark in marks ? String(marks[mark]) : ""));

  /** Return a whole number with thousands marks. */
  wardmote.whole = (number) => number.toLocaleString(wardmote.words.language);

  /** Return a text that begins with a capital letter. */
  wardmote.initial = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  /** Return an element; texts among its children stay texts, so that nothing from data is read as HTML. */
  wardmote.element = (name, attributes = {}, ...children) => {
    const svg = ["svg", "path", "rect", "circle"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  };

  /** Return a link to a place or page, named from the folder of the site. */
  wardmote.link = (path, name) => wardmote.element("a", { href: site + path }, name);

  /** Return the FNV-1a digest of 64 bits of a text of ASCII letters; the same as the builder's. */
  const fnv = (text) => {
    let found = 0xcbf29ce484222325n;
    for (const c of text) found = BigInt.asUintN(64, (found ^ BigInt(c.charCodeAt(0))) * 0x100000001b3n);
    return found.toString(16).padStart(16, "0");
  };

  /** Return the name of the file that stands for a text; the same as the builder's, which says why (safe_name in building.py). */
  wardmote.fileName = (text) => {
    const name = [...text].map((c) => (/^[A-Za-z0-9-]$/.test(c) ? c : `_${c.codePointAt(0).toString(16)}_`)).join("");
    if (name.length <= 120) return name;
    let head = name.slice(0, 80);
    if ((head.match(/_/g) || []).length % 2) head = head.slice(0, head.lastIndexOf("_"));
    return `${head}_-${fnv(name)}`;
  };

  /** Return where the page of a place lies. */
  wardmote.pathOf = (level, code) =>
    level.paged === false || level.paged === "false"
      ? `place/${wardmote.fileName(level.level)}/index.html?code=${encodeURIComponent(code)}`
      : `place/${wardmote.fileName(level.level)}/${wardmote.fileName(code)}.html`;

  /** Return a promise of the list of files that searches may ask for. */
  wardmote.index = () => wardmote.load("data/find/index");

  /** Return the beginning of a code that names the file that holds its place; the same as the builder's. */
  wardmote.stem = (code) => {
    const letters = [...code];
    return wardmote.fileName(letters.length > 2 ? letters.slice(0, -2).join("") : code);
  };

  /** Return a promise of the words about one place, or null where there is none of that code; no file is asked for that is not there. */
  wardmote.place = async (level, code) => {
    const kind = (await wardmote.index()).levels.find((one) => one.figures && one.level === level);
    const stem = wardmote.stem(code);
    if (!kind || !kind.stems.includes(stem)) return null;
    const shard = await wardmote.load(`data/places/${wardmote.fileName(level)}/${stem}`);
    return Object.hasOwn(shard, code) ? shard[code] : null;
  };

  /** Return the state in the address: what stands after "#", which no server sees. What older links have after "?" moves there, but
   * for what `keep` refuses; what stands after "#" goes before it, since networks put marks of their own after "?" of links passed on. */
  wardmote.state = (keep = () => true) => {
    const [older, given] = [location.search, location.hash.slice(1)].map((text) => new URLSearchParams(text));
    if (![...older].length) return given;
    for (const [key, value] of older) if (!given.has(key)) given.set(key, value);
    wardmote.keep(Object.fromEntries([...given].filter(([key, value]) => keep(key, value))));
    return given;
  };

  /** Put a state after "#" into the address, so that it can be shared and is not sent to the server. */
  wardmote.keep = (state) => {
    const kept = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) if (value) kept.set(key, value);
    // Commas between codes may stand as they are.
    const text = kept.toString().replace(/%2C/g, ",");
    history.replaceState(null, "", location.pathname + (text ? `#${text}` : ""));
  };

  /** Hand rows over as a file of comma-separated values; cells that a spreadsheet would take for a formula are made text. */
  wardmote.download = (name, lines) => {
    const plain = (text) => (/^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.,]+%?$/.test(text) ? `'${text}` : text);
    const quote = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const text = lines.map((line) => line.map((cell) => quote(plain(String(cell)))).join(",")).join("\r\n");
    const link = wardmote.element("a", { href: URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  /** Put the state of a form into the address, so that it can be shared. */
  wardmote.remember = (state) => {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(state)) if (value) search.set(key, value);
    const text = search.toString();
    history.replaceState(null, "", text ? `?${text}` : location.pathname);
  };

  /** Return a text as it is compared: small letters and digits of any script, no accents, no apostrophes; the same as the builder's. */
  wardmote.fold = (text) =>
    text.normalize("NFD").replace(/[\u0300-\u036f'’]/g, "").replace(/&/g, " and ").toLowerCase().replace(/[^\p{L}\p{N}\p{M}]+/gu, " ").trim();

  /** Return the line from greatest to least need with a place on it, as the pages draw it. */
  wardmote.strip = (at, low, high) => {
    const e = wardmote.element;
    if (!(at >= 0)) return "";
    const drawing = e("svg", { class: "strip", viewBox: "0 0 400 20", "aria-hidden": "true", focusable: "false" },
      e("path", { class: "strip-line", d: "M0,10H400M0,5v10M40,7v6M80,7v6M120,7v6M160,7v6M200,5v10M240,7v6M280,7v6M320,7v6M360,7v6M400,5v10" }));
    if (low >= 0) drawing.append(e("rect", { class: "strip-band", x: low, y: 4, width: Math.max(high - low, 2), height: 12 }));
    drawing.append(e("circle", { class: "strip-dot", cx: at, cy: 10, r: 6 }));
    return drawing;
  };

  /** Return a table that can be scrolled by keyboard. */
  wardmote.table = (caption, header, rows) => {
    const e = wardmote.element;
    return e("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      e("table", {}, e("caption", {}, caption),
        e("thead", {}, e("tr", {}, ...header.map((cell) => e("th", { scope: "col" }, cell)))),
        e("tbody", {}, ...rows.map((row) => e("tr", {},
          ...row.map((cell, i) => (i ? e("td", {}, cell) : e("th", { scope: "row" }, cell))))))));
  };

  // The link past the menu moves the focus, as ever, but leaves the address alone: what stands after "#" is the state of the page.
  document.querySelector(".skip")?.addEventListener("click", (event) => {
    const main = document.getElementById("main");
    event.preventDefault();
    main.focus({ preventScroll: true });
    main.scrollIntoView();
  });
})(window);
