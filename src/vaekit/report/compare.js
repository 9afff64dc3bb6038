"use strict";
// The boxes above the tables choose which runs and numbers are shown, in tables, pictures and plots.
// `data-runs` lists runs of which one must be chosen, `data-line` runs that must all be.
(() => {
  const chooser = document.querySelector(".chooser");
  if (!chooser) return;
  const rules = [
    ["runs", "data-runs", "some"],
    ["runs", "data-line", "every"],
    ["number", "data-number", "some"],
  ];
  const chosen = (of) => {
    const boxes = chooser.querySelectorAll(`[data-of="${of}"] input:checked`);
    return new Set(Array.from(boxes, (box) => box.value));
  };
  const update = () => {
    for (const [of, name, how] of rules) {
      const shown = chosen(of);
      for (const element of document.querySelectorAll(`[${name}]`)) {
        const value = element.getAttribute(name);
        const parts = of === "runs" ? value.split(" ") : [value];
        element.classList.toggle("off", !parts[how]((part) => shown.has(part)));
      }
    }
  };
  chooser.hidden = false;
  chooser.addEventListener("change", update);
  update(); // a browser that goes back keeps its boxes
})();
