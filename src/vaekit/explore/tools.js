// Elements, numbers as a reader takes them, and work that does not queue up.

function element(name, options = {}, ...children) {
  const made = Object.assign(document.createElement(name), options);
  made.append(...children);
  return made;
}

const digits = (value) => (value === null || value === undefined ? "–"
  : Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−"));

function decimals(value, places) {
  const options = { minimumFractionDigits: places, maximumFractionDigits: places, signDisplay: "negative" };
  return value.toLocaleString("en", options).replace("-", "−");
}

// Write numbers of one row with as many decimals as four digits of the largest need.
function alike(...values) {
  const most = Math.max(...values.map((value) => Math.abs(value ?? 0)));
  const places = Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(most || 1))));
  return (value) => (value === null ? "–" : decimals(value, places));
}

// Work on the latest of many wishes, one at a time: those in between are left out.
function latest(work) {
  let wanted = false, busy = false;
  return async () => {
    wanted = true;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      await work();
    }
    busy = false;
  };
}

export { alike, decimals, digits, element, latest };
