// Sliders and choices over the entries of a vector, each with its label.

import { decimals, element } from "./tools.js";

let count = 0;

// A slider of one entry. `set` shows a value, and widens the range where it lies outside.
function slider(control, vector, moved) {
  const id = `entry-${++count}`;
  const input = element("input", { type: "range", id, min: control.low, max: control.high, step: "any" });
  const value = element("span", { className: "number" });
  const show = () => { value.textContent = decimals(Number(input.value), 2); };
  input.addEventListener("input", () => {
    vector()[control.entry] = Number(input.value);
    show();
    moved();
  });
  const set = () => {
    const now = vector()[control.entry];
    input.min = Math.min(control.low, now);
    input.max = Math.max(control.high, now);
    input.value = now;
    show();
  };
  const label = element("label", { htmlFor: id, textContent: control.label });
  return { made: element("div", { className: "slider" }, label, input, value), set };
}

// A choice among the entries of a one-hot; a code that is between them says how much the largest has.
function choice(control, vector, moved) {
  const id = `entry-${++count}`;
  const select = element("select", { id });
  select.append(...control.options.map(([entry, text]) => new Option(text, entry)));
  const value = element("span", { className: "number" });
  select.addEventListener("change", () => {
    vector().fill(0, control.start, control.stop);
    vector()[Number(select.value)] = 1;
    value.textContent = "";
    moved();
  });
  const set = () => {
    const part = vector().slice(control.start, control.stop);
    const most = Math.max(...part);
    select.value = control.start + part.indexOf(most);
    value.textContent = most > 0.995 ? "" : `${Math.round(100 * most)} %`;
  };
  const label = element("label", { htmlFor: id, textContent: control.label });
  return { made: element("div", { className: "slider choice" }, label, select, value), set };
}

// Fill a place with controls of a vector; what is returned shows its values.
function controls(place, given, vector, moved) {
  const each = given.map((one) => ("options" in one ? choice : slider)(one, vector, moved));
  place.replaceChildren(...each.map((one) => one.made));
  return () => each.forEach((one) => one.set());
}

export { controls };
