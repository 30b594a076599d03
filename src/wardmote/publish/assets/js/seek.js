/* The search of the start page: what is typed goes to the page that searches after "#", which no server sees. A postcode does not even
 * go there, since addresses are passed on and kept: it is handed over in the memory of the browser's tab. */
(function (root) {
  "use strict";
  const wardmote = (root.wardmote = root.wardmote || {});
  const HANDED = "wardmote-search";

  /** A postcode of the United Kingdom anywhere in a text: its district and the rest. */
  wardmote.POSTCODE = /\b([A-Z]{1,2}[0-9][A-Z0-9]?)\s*([0-9][A-Z]{2})\b/i;

  /** Return whether a text is a postcode or the beginning of one. */
  wardmote.isPostcode = (text) => /^\s*[A-Z]{1,2}[0-9][A-Z0-9]?\s*([0-9][A-Z]{0,2})?\s*$/i.test(text);

  /** Return whether a text may not stand in the address. */
  wardmote.isPrivate = (text) => wardmote.isPostcode(text) || wardmote.POSTCODE.test(text);

  /** Return what the start page handed over, once. */
  wardmote.handedOver = () => {
    try {
      const text = sessionStorage.getItem(HANDED);
      sessionStorage.removeItem(HANDED);
      return text || "";
    } catch {
      return ""; // a browser that keeps nothing: it is typed once more
    }
  };

  const handOver = (text) => {
    try {
      sessionStorage.setItem(HANDED, text);
    } catch {
      // as above
    }
  };

  const form = document.querySelector("form.seek");
  if (!form) return;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = form.elements.q.value.trim();
    const page = form.getAttribute("action");
    if (wardmote.isPrivate(text)) handOver(text);
    location.href = text && !wardmote.isPrivate(text) ? `${page}#${new URLSearchParams({ q: text })}` : page;
  });
})(window);
