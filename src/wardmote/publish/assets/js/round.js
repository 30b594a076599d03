/* Rows of a funding round, picked out by region and by how firm they are. Without it all rows stand. */
(function (wardmote) {
  "use strict";
  const { say, whole } = wardmote;
  const forms = [...document.querySelectorAll("form.pick")];
  const given = new URLSearchParams(location.search);

  const paint = (form) => {
    const wanted = Object.fromEntries(new FormData(form));
    const lists = [...document.querySelectorAll(`[data-list="${form.dataset.lists}"]`)];
    const rows = lists.map((list) => [...list.children]);
    for (const row of rows.flat())
      row.hidden = Object.entries(wanted).some(([name, value]) => value && row.dataset[name] !== value);
    const shown = rows[0].filter((row) => !row.hidden).length;
    // Whoever picks some out wants to see them: a long list is folded at first, and then no row is shown.
    const fold = lists[0].closest("details.fold");
    if (fold && Object.values(wanted).some(Boolean)) fold.open = true;
    form.querySelector("[role=status]").textContent = !fold || fold.open ? say("showing", { shown: whole(shown), total: whole(rows[0].length) }) : "";
  };

  const remember = () => wardmote.remember(Object.fromEntries(forms.flatMap((form) =>
    [...new FormData(form)].map(([name, value]) => [`${name}-${form.dataset.lists}`, value]))));

  for (const form of forms) {
    for (const field of form.querySelectorAll("select")) {
      const value = given.get(field.id);
      if ([...field.options].some((option) => option.value === value)) field.value = value;
    }
    form.addEventListener("input", () => { paint(form); remember(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    paint(form);
  }
})(window.wardmote);
