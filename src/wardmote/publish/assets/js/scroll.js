/* Boxes that can be scrolled are stops of the keyboard, so that nobody needs a pointer to read what they hold. A box in which all fits
 * would be a stop that does nothing: here it is left out for as long as that is so. Without scripts all stay stops. */
(function () {
  "use strict";
  const SCROLLED = ".scroll[tabindex], .place-list[tabindex], .moves ul[tabindex]";
  const boxes = new Set();
  let waiting = 0;

  const look = (box) => {
    const more = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (more) box.tabIndex = 0;
    else if (box !== document.activeElement) box.removeAttribute("tabindex"); // who stands on it is not thrown off
  };
  const sizes = new ResizeObserver((seen) => seen.forEach((one) => look(one.target)));

  const all = () => {
    waiting = 0;
    for (const box of document.querySelectorAll(SCROLLED)) {
      if (!boxes.has(box)) sizes.observe(box);
      boxes.add(box);
    }
    for (const box of boxes) {
      if (box.isConnected) look(box);
      else { boxes.delete(box); sizes.unobserve(box); }
    }
  };
  all();
  // What scripts write comes in many pieces, some of them within one frame: it is looked at when they rest.
  new MutationObserver(() => { clearTimeout(waiting); waiting = setTimeout(all, 250); })
    .observe(document.getElementById("main"), { childList: true, subtree: true });
})();
