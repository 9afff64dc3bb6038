// One run: its pictures or columns, its sliders, and what can be done with a code.

import { controls } from "./controls.js";
import { alike, digits, element, latest } from "./tools.js";

class Panel {
  constructor(run, server) {
    this.run = run;
    this.server = server;
    this.place = document.getElementById("panel").content.cloneNode(true).firstElementChild;
    this.find = (name) => this.place.querySelector(name);
    this.draw = latest(() => this.tried(() => this.drawNow()));
    this.rate = latest(() => this.tried(() => this.rateNow()));
    this.example = null;
    this.ends = {};
    this.seed = -1;
  }

  // Do something; where it fails say so on the page, which goes on.
  async tried(work) {
    const place = this.find(".error");
    try {
      await work();
    } catch (error) {
      place.textContent = error.message;
      place.hidden = false;
      return false;
    }
    return true;
  }

  async did(work) {
    this.find(".error").hidden = true;
    return this.tried(work);
  }

  ask(name, query = {}) {
    return this.server.ask(name, { run: this.run, ...query });
  }

  // ---- opening

  async open() {
    await this.did(async () => {
      const about = await this.ask("open");
      this.about = about;
      this.z = new Array(about.width).fill(0);
      about.categories.forEach((one) => { this.z[one.start] = 1; });
      this.c = about.c;
      this.find(".title").textContent = about.folder;
      this.find(".facts").textContent = `${about.title} · ${about.facts}`;
      this.find(".figures").hidden = !about.image;
      this.find(".columns").hidden = about.image;
      if (about.image) this.place.style.setProperty("--ratio", about.shape[2] / about.shape[1]);
      this.find(".samples").hidden = !about.prior;
      this.find("[data-what=samples]").hidden = !about.prior;
      this.find(".hint").textContent = about.image
        ? "Or drop a picture anywhere here." : "Or drop a table anywhere here; its rows can be picked.";
      this.find(".file").accept = about.image ? "image/*,.npy,.npz" : "";
      if (about.note) this.note(about.note);
      this.fillControls(about);
      this.fillColumns(about);
      this.fillParts(about.parts);
      this.listen();
    });
  }

  note(text) {
    const place = this.find(".error");
    place.textContent = text;
    place.hidden = false;
  }

  fillControls(about) {
    const moved = () => this.draw(), code = () => this.z, told = () => this.c;
    const first = about.latents.filter((one) => one.first);
    const rest = about.latents.filter((one) => !one.first);
    const shown = [
      controls(this.find(".first"), [...about.categories, ...first], code, moved),
      controls(this.find(".rest div"), rest, code, moved),
      controls(this.find(".conditions div"), about.conditions, told, moved),
    ];
    this.showValues = () => shown.forEach((each) => each());
    this.find(".conditions").hidden = !about.conditions.length;
    this.find(".rest").hidden = !rest.length;
    this.find(".rest summary").textContent = `${rest.length} more ${rest.length > 1 ? "latents" : "latent"}`;
    this.find(".measure").textContent = about.measure && `In the order of ${about.measure}.`;
    this.find(".moved").append(...about.latents.map((one) => new Option(one.label, one.entry)));
    this.showValues();
  }

  fillColumns(about) {
    this.find(".left-out").textContent = about.left ? `The first ${about.columns.length} columns; ${about.left} more are in what is saved.` : "";
    const cell = () => element("td", { className: "right" });
    this.rows = about.columns.map((name) => {
      const row = element("tr", {}, element("th", { textContent: name, scope: "row" }), cell(), cell(), cell());
      return row;
    });
    this.find(".columns tbody").replaceChildren(...this.rows);
  }

  fillParts(parts, chosen) {
    this.parts = parts;
    const box = this.find(".part");
    const before = chosen ?? box.value;
    box.replaceChildren(...Object.entries(parts).map(([name, n]) => new Option(`${name} (${n.toLocaleString("en")})`, name)));
    if (before in parts) box.value = before;
    const none = !Object.keys(parts).length;
    for (const name of [".part", ".index", ".next", ".random"]) this.find(name).disabled = none;
  }

  // Let another panel see the same examples.
  leads(other) {
    this.follower = other;
    other.leader = this;
    other.find(".picker").hidden = true;
    other.find(".hint").hidden = true;
    other.find(".follows").hidden = false;
  }

  async start() {
    const { start } = this.about ?? {};
    if (!this.about) return;
    if (start) await this.pick(start.part, start.index);
    else await this.draw();
  }

  // ---- what the reader does

  listen() {
    const on = (name, event, work) => this.find(name).addEventListener(event, work);
    const part = () => this.find(".part").value, index = () => Number(this.find(".index").value);
    on(".part", "change", () => this.pick(part(), 0));
    on(".index", "change", () => this.pick(part(), index()));
    on(".next", "click", () => this.pick(part(), (index() + 1) % this.parts[part()]));
    on(".random", "click", () => this.pick(part(), Math.floor(Math.random() * this.parts[part()])));
    on(".file", "change", (event) => {
      const [file] = event.target.files;
      if (file) this.add(file);
      event.target.value = "";
    });
    on(".reset", "click", () => this.reset());
    on(".keep-a", "click", () => this.keep("a"));
    on(".keep-b", "click", () => this.keep("b"));
    on(".along", "input", () => this.along(Number(this.find(".along").value)));
    on(".draw", "click", () => this.sample());
    this.find(".moved").closest(".row").hidden = !this.about.latents.length;
    for (const button of this.place.querySelectorAll("[data-what]")) {
      button.addEventListener("click", () => this.save(button.dataset.what));
    }
    this.place.addEventListener("dragover", (event) => event.preventDefault());
    this.place.addEventListener("drop", (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) (this.leader ?? this).add(file);
    });
  }

  async add(file) {
    await this.did(async () => {
      this.server.say(`Reading ${file.name} …`);
      const { part, parts, note } = await this.server.add(this.run, file);
      this.fillParts(parts, part);
      await this.pick(part, 0);
      if (note) this.note(note);
    });
    this.server.say("");
  }

  async pick(part, index) {
    const example = { of: this.run, part, index };
    if (await this.see(example)) {
      this.find(".part").value = part;
      this.find(".index").value = index;
      this.find(".index").max = this.parts[part] - 1;
    }
    if (this.follower) await this.follower.see(example);
  }

  // Show an example: its code, and soon its reconstruction and its scores.
  see(example) {
    return this.did(async () => {
      const wanted = this.c ? { ...example, c: this.c } : example;
      const seen = await this.ask("example", { example: wanted });
      this.example = wanted;
      this.own = { z: seen.z, c: seen.c };
      this.find(".examples h3").textContent = `Example ${seen.name}`;
      this.put("original", seen);
      if (seen.note) this.note(seen.note);
      this.reset();
      this.rate();
    });
  }

  // ---- codes

  reset() {
    if (this.example) this.take(this.own.z, this.own.c);
    else if (this.last) this.see(this.last);
  }

  // Go to a code that is of no example.
  leave(z) {
    this.last = this.example ?? this.last;
    this.example = null;
    this.put("original", {});
    this.find(".apart").removeAttribute("src");
    this.find(".score tbody").replaceChildren();
    this.find(".said").textContent = "A code by itself has no scores.";
    this.take(z);
  }

  take(z, c) {
    this.z = [...z];
    if (c) this.c = [...c];
    this.showValues();
    return this.draw();
  }

  keep(end) {
    this.ends[end] = { z: [...this.z], c: this.c && [...this.c] };
    const thumb = this.find(`.thumb.${end}`), button = this.find(`.keep-${end}`);
    thumb.hidden = !this.about.image;
    thumb.src = this.find(".decoded").src;
    button.setAttribute("aria-pressed", "true");
    this.find(".along").value = end === "a" ? 0 : 1;
    const both = Boolean(this.ends.a && this.ends.b);
    this.find(".along").disabled = !both;
    this.find("[data-what=line]").disabled = !both;
  }

  along(t) {
    const { a, b } = this.ends;
    const between = (p, q) => p.map((value, i) => value + t * (q[i] - value));
    this.take(between(a.z, b.z), a.c && between(a.c, b.c));
  }

  async sample() {
    await this.did(async () => {
      this.seed += 1;
      const { samples } = await this.ask("samples", { c: this.c, seed: this.seed });
      this.drawn = { c: this.c, seed: this.seed };
      this.find("[data-what=samples]").disabled = false;
      this.find(".sheet").replaceChildren(...samples.map((one, i) => {
        const button = element("button", { type: "button", className: "sample" });
        const name = `sample ${i + 1}`;
        if (one.picture) button.append(element("img", { className: "pixels", src: one.picture, alt: name }));
        else Object.assign(button, { textContent: `${i + 1}`, ariaLabel: name });
        button.addEventListener("click", () => this.leave(one.z));
        return button;
      }));
    });
  }

  // ---- showing

  async drawNow() {
    const seen = await this.ask("decode", { z: this.z, c: this.c, example: this.example });
    this.put("decoded", seen);
    const apart = this.find(".apart");
    if (seen.difference) apart.src = seen.difference;
    const mean = this.example && this.z.every((value, i) => value === this.own.z[i]);
    this.find(".seen").textContent = this.example
      ? `Squared error at ${mean ? "the mean code" : "this code"} ${digits(seen.error)}${seen.difference ? ` · difference from −${digits(seen.bound)}, black, to ${digits(seen.bound)}, white` : ""}`
      : "A code by itself, beside no example.";
  }

  // Put a picture into its place, or values into their column, with the difference beside.
  put(name, seen) {
    const image = this.find(`.${name}`);
    if (seen.picture) image.src = seen.picture;
    else image.removeAttribute("src");
    this.values = { ...this.values, [name]: seen.values };
    const { original, decoded } = this.values;
    this.rows.forEach((row, i) => {
      const [x, y] = [original?.[i] ?? null, decoded?.[i] ?? null];
      const words = typeof (x ?? y) === "string";
      const write = words ? (cell) => cell ?? "–" : alike(x, y);
      row.cells[1].textContent = write(x);
      row.cells[2].textContent = write(y);
      const apart = words ? (x === y ? "" : "≠") : x - y;
      row.cells[3].textContent = write(x === null || y === null ? null : apart);
    });
  }

  async rateNow() {
    const place = this.find(".said"), example = this.example;
    if (!example) return;
    place.textContent = "Being computed …";
    const { scores, absent, count, note } = await this.ask("score", { example });
    if (this.example !== example) return;
    this.find(".score tbody").replaceChildren(...scores.map((one) => element("tr", {},
      element("th", { textContent: one.title, scope: "row" }),
      element("td", { className: "right", textContent: digits(one.value) }),
      element("td", { className: "right", textContent: one.percentile === null ? "–" : `${one.percentile.toFixed(0)} %` }))));
    const left = [...new Set(Object.values(absent))].map((why) => `No rate: ${why}.`);
    const among = count ? `Over draws of the code, where it has a width; in nats, all but the squared error. Percentile: how many of ${count} training examples score lower.` : note;
    place.textContent = [among, ...left].join(" ");
  }

  save(what) {
    return this.did(async () => {
      const { name, content } = await this.ask("save", {
        what, z: this.z, c: this.c, entry: Number(this.find(".moved").value), ...this.ends,
        ...(what === "samples" ? this.drawn : {}),
      });
      const link = element("a", { href: URL.createObjectURL(content), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      this.server.say(`Saved ${name}.`);
    });
  }
}

export { Panel };
