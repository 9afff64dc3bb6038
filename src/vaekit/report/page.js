"use strict";
// What readers can touch: pictures and rows that follow sliders, the map of codes, tables that sort.
// The page holds all numbers and pictures that this shows; without it the static figures stay.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const part = (root, name) => root.querySelector(`[data-part="${name}"]`);
  const given = (root) => JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const text = (number, digits = 3) => String(Number(number.toPrecision(digits))).replace("-", "−");
  const element = (name, words = "") => Object.assign(document.createElement(name), { textContent: words });
  const nearest = (values, value) => {
    const distances = values.map((each) => Math.abs(each - value));
    return distances.indexOf(Math.min(...distances));
  };
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  // A sheet of pictures of one size: draw the picture at a place of it onto a canvas.
  function sheet(source, [width, height], across) {
    const image = new Image();
    image.src = source;
    const ready = image.decode();
    return (canvas, place, left = 0) => ready.then(() => {
      const [x, y] = [(place % across) * width, Math.floor(place / across) * height];
      canvas.getContext("2d").drawImage(image, x, y, width, height, left, 0, width, height);
      canvas.dataset.place = place;
    });
  }

  // ---- sliders: frame 0 is the code itself, then each latent's steps, then each choice

  function explorer(root) {
    const data = given(root), steps = data.steps, sliders = all("input[type='range']", root);
    const said = part(root, "said"), choices = all("button[data-frame]", root), grid = part(root, "grid");
    const draw = data.sheets ? pictures(root, data) : columns(root, data);
    let start = 0, cell = [0, 0];

    // Show a frame; `moved` are the latents (by slider) that left the start, with their values.
    function show(frame, moved = {}, what = "", place = null) {
      draw(start, frame, place);
      sliders.forEach((slider, k) => {
        const value = moved[k] ?? data.own[start][k];
        const values = data.values[start][k];
        if (values[slider.value] !== value) slider.value = nearest(values, value);
        slider.setAttribute("aria-valuetext", text(value));
        slider.parentElement.querySelector("output").textContent = text(value);
        slider.parentElement.classList.toggle("moved", k in moved);
      });
      choices.forEach((each) => each.setAttribute("aria-pressed", Number(each.dataset.frame) === frame));
      const values = Object.keys(moved).map((k) => `${data.names[k]} = ${text(moved[k])}`);
      said.textContent = what || values.join(", ") || data.own_text;
      if (grid) grid.classList.toggle("on", place !== null);
    }

    sliders.forEach((slider, k) => slider.addEventListener("input", () => {
      const i = Number(slider.value);
      show(1 + k * steps + i, { [k]: data.values[start][k][i] });
    }));
    choices.forEach((each) => each.addEventListener("click", () =>
      show(Number(each.dataset.frame), {}, each.getAttribute("aria-label"))));
    part(root, "back").addEventListener("click", () => show(0));
    all("input[type='radio']", root).forEach((each) => each.addEventListener("change", () => {
      start = Number(each.value);
      if (grid) grid.querySelector("img").src = data.grids[start];
      show(0);
    }));
    if (grid) {
      const size = data.grid, dot = element("span");
      grid.append(dot);
      const go = (i, j) => {
        cell = [i, j].map((each) => Math.min(size - 1, Math.max(0, each)));
        dot.style.left = `${((cell[0] + 0.5) / size) * 100}%`;
        dot.style.bottom = `${((cell[1] + 0.5) / size) * 100}%`;
        const values = data.cells[start];
        show(-1, { 0: values[0][cell[0]], 1: values[1][cell[1]] }, "", (size - 1 - cell[1]) * size + cell[0]);
      };
      const point = (event) => {
        const box = grid.getBoundingClientRect();
        go(Math.floor(((event.clientX - box.left) / box.width) * size),
          Math.floor(((box.bottom - event.clientY) / box.height) * size));
      };
      grid.addEventListener("pointerdown", point);
      grid.addEventListener("pointermove", point);
      grid.tabIndex = 0;
      grid.addEventListener("focus", () => { if (!grid.matches(":hover")) go(size >> 1, size >> 1); });
      grid.addEventListener("keydown", (event) => {
        const step = arrows[event.key];
        if (!step) return;
        event.preventDefault();
        go(cell[0] + step[0], cell[1] + step[1]);
      });
    }
    show(0);
  }

  function pictures(root, data) {
    const canvas = part(root, "picture"), sheets = {};
    const of = (name, start, across) => sheets[name + start] ??= sheet(data[name][start], data.size, across);
    return (start, frame, place) => place === null
      ? of("sheets", start, data.across)(canvas, frame) : of("grids", start, data.grid)(canvas, place);
  }

  function columns(root, data) {
    const rows = all("[data-part='columns'] tr", root);
    return (start, frame) => rows.forEach((row, d) => {
      const [own, mark] = all("i", row), [low, high] = data.ends[d];
      const at = (value) => `${Math.min(100, Math.max(0, ((value - low) / (high - low || 1)) * 100))}%`;
      const value = data.frames[start][frame][d];
      mark.style.left = at(value);
      own.style.left = at(data.frames[start][0][d]);
      row.querySelector("output").textContent = text(value, 4);
    });
  }

  // ---- the map of codes

  function map(root) {
    const data = given(root), svg = root.querySelector("svg"), dots = part(root, "dots"), ring = part(root, "ring");
    const said = part(root, "said"), canvas = part(root, "picture"), rows = part(root, "rows");
    const field = part(root, "field"), plane = part(root, "plane"), legend = part(root, "legend");
    const draw = canvas && sheet(data.sheet, data.size, data.across);
    let chosen = -1, xy = data.points[0];

    function paint() {
      const { values, labels, ordered } = data.fields[field ? field.value : data.first];
      const last = labels.length - 1 || 1, paths = {};
      const colour = (v) => !ordered ? `var(--class-${v})`
        : `color-mix(in oklch, var(--series-1) ${Math.round((100 * v) / last)}%, var(--series-0))`;
      values.forEach((v, i) => { paths[v] = `${paths[v] ?? ""}M${xy[2 * i]} ${xy[2 * i + 1]}h0`; });
      dots.replaceChildren(...Object.entries(paths).map(([v, d]) => {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", d);
        path.style.stroke = colour(v);
        return path;
      }));
      const swatch = (v) => {
        const mark = element("i");
        mark.style.background = colour(v);
        return mark;
      };
      const entry = (...parts) => { const each = element("span"); each.append(...parts); return each; };
      legend.replaceChildren(...(ordered
        ? [entry(labels[0], ...labels.map((_, v) => swatch(v)), labels[last])]
        : labels.map((label, v) => entry(swatch(v), label))));
      legend.classList.toggle("ordered", ordered);
    }

    function choose(i) {
      if (i < 0 || i === chosen) return;
      chosen = i;
      ring.setAttribute("cx", xy[2 * i]);
      ring.setAttribute("cy", xy[2 * i + 1]);
      ring.removeAttribute("visibility");
      const known = data.fields.map(({ name, values, labels, numbers }) =>
        `${name} ${numbers ? text(numbers[i]) : labels[values[i]]}`);
      said.textContent = [data.names[i], ...known].join(" · ");
      if (canvas) [0, 1].forEach((k) => draw(canvas, 2 * i + k, k * (data.size[0] + 2)));
      if (rows) all("td", rows).forEach((cell, d) => {
        const value = data.rows[i][d];
        cell.textContent = typeof value === "string" ? value : text(value, 4);
      });
    }

    function closest(x, y, fits = () => true) {
      let [best, least] = [-1, Infinity];
      for (let i = 0; 2 * i < xy.length; i++) {
        const [dx, dy] = [xy[2 * i] - x, xy[2 * i + 1] - y], far = dx * dx + dy * dy;
        if (far < least && fits(dx, dy)) [best, least] = [i, far];
      }
      return best;
    }

    const point = (event) => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      choose(closest(at.x, at.y));
    };
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    const frame = part(root, "frame");
    frame.tabIndex = 0;
    frame.addEventListener("keydown", (event) => {
      const step = arrows[event.key];
      if (!step) return;
      event.preventDefault();
      const [x, y] = [xy[2 * chosen], xy[2 * chosen + 1]];
      choose(closest(x, y, (dx, dy) => {
        const along = dx * step[0] - dy * step[1];
        return along > 0 && along >= Math.abs(dx * step[1] + dy * step[0]);
      }));
    });
    if (field) field.addEventListener("change", paint);
    if (plane) plane.addEventListener("change", () => {
      xy = data.points[plane.value];
      part(root, "across").textContent = data.axes[plane.value];
      const again = chosen;
      chosen = -1;
      choose(again);
      paint();
    });
    paint();
    choose(closest(500, 320));
  }

  // ---- tables

  const number = (words) => {
    const plain = words.replace(/[,\s%]/g, "").replace(/−/g, "-").replace("∞", "Infinity");
    return plain === "" || plain === "–" ? null : parseFloat(plain);
  };

  function sortable(table) {
    const heads = all("thead th", table), body = table.tBodies[0];
    if (!body || body.rows.length < 2 || table.tHead.rows.length > 1 || heads.some((h) => h.colSpan > 1)) return;
    const plain = (row, place) => row.cells[place].textContent.trim();
    heads.forEach((head, place) => {
      if (!head.textContent.trim()) return;
      const button = element("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const keys = new Map([...body.rows].map((row) => [row, number(plain(row, place))]));
        const numeric = ![...keys.values()].some(Number.isNaN);
        const order = (a, b) => numeric ? keys.get(a) - keys.get(b)
          : plain(a, place).localeCompare(plain(b, place), undefined, { numeric: true });
        const [full, empty] = [true, false].map((there) =>
          [...body.rows].filter((row) => (keys.get(row) !== null) === there));
        full.sort((a, b) => (falling ? order(b, a) : order(a, b)));
        body.append(...full, ...empty);
      });
    });
  }

  all("[data-touch]").forEach((each) => each.removeAttribute("hidden"));
  all(".explorer").forEach(explorer);
  all(".map").forEach(map);
  all("table.numbers:not(.heat)").forEach(sortable);
})();
