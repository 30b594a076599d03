/* What a page says on paper that its controls say on a screen: the settings in words, and the address that brings them back. */
(function () {
  "use strict";
  const make = (name, text) => Object.assign(document.createElement(name), { textContent: text });

  /** Return what one control is set to, in the words that stand beside it; "" where it is left blank. */
  const told = (field) => {
    const control = field.querySelector("select, input");
    if (!control.value) return "";
    if (control.selectedOptions) return control.selectedOptions[0].textContent;
    return field.querySelector("output")?.textContent || control.value;
  };

  const settings = (form) => [...form.querySelectorAll("fieldset")].flatMap((group) => {
    const rows = [...group.querySelectorAll(".field, .slider")].map((field) => [field.querySelector("label").textContent, told(field)]);
    const list = document.createElement("ul");
    list.append(...rows.filter(([, value]) => value).map(([label, value]) => make("li", `${label}: ${value}`)));
    return list.children.length ? [make("h3", group.querySelector("legend").textContent), list] : [];
  });

  const write = () => {
    for (const box of document.querySelectorAll("[data-settings]")) box.replaceChildren(...settings(document.getElementById(box.dataset.settings)));
    for (const place of document.querySelectorAll("[data-address]")) place.textContent = location.href;
  };
  // Browsers tell of paper in one way or the other, some in both.
  addEventListener("beforeprint", write);
  matchMedia("print").addEventListener("change", (media) => { if (media.matches) write(); });
})();
