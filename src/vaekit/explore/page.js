// The page: which runs stand beside one another, and what all of them share.

import { Panel } from "./panel.js";

const status = document.getElementById("status");

// Ask the server; what it refuses is an error with its words.
async function ask(name, query) {
  let answer;
  try {
    answer = await fetch(name, { method: "POST", body: JSON.stringify(query) });
  } catch {
    throw new Error("The server does not answer: it may have been ended. Start it again.");
  }
  const saved = answer.headers.get("X-Name");
  if (saved) return { name: saved, content: await answer.blob() };
  const result = await answer.json();
  if (result.error !== undefined && typeof result.error === "string") throw new Error(result.error);
  return result;
}

async function add(run, file) {
  if (file.size > 64 * 2 ** 20) throw new Error(`${file.name} is larger than 64 MB.`);
  const query = new URLSearchParams({ run, name: file.name });
  const answer = await fetch(`add?${query}`, { method: "POST", body: file });
  const result = await answer.json();
  if (typeof result.error === "string") throw new Error(result.error);
  return result;
}

function say(text) {
  status.textContent = text;
}

const server = { ask, add, say };
const panels = document.getElementById("panels");

// Show one run, or two side by side; the right one follows the examples of the left.
async function show(numbers) {
  const made = numbers.map((run) => new Panel(run, server));
  panels.replaceChildren(...made.map((panel) => panel.place));
  document.body.classList.toggle("two", made.length > 1);
  for (const panel of made) await panel.open();
  const [left, right] = made;
  head(left, right);
  const alike = right && left.about && right.about
    && String(left.about.shape) === String(right.about.shape);
  if (alike) left.leads(right);
  for (const panel of made) if (!(alike && panel === right)) await panel.start();
}

// One run gives the page its title; two have titles of their own.
function head(left, right) {
  const about = right ? { title: "Side by side", facts: "", folder: "" } : left.about ?? {};
  for (const name of ["title", "facts", "folder"]) {
    document.getElementById(name).textContent = about[name] ?? "";
  }
  document.title = `${about.title ?? "no run"} · vaekit explore`;
}

function choose(names) {
  const boxes = ["left", "right"].map((id) => document.getElementById(id));
  boxes.forEach((box, at) => {
    box.append(...names.map((name, run) => new Option(name, run, false, run === at)));
    box.addEventListener("change", () => show(boxes.map((each) => Number(each.value))));
  });
  document.getElementById("choose").hidden = names.length < 3;
}

const { runs } = await ask("runs", {});
choose(runs);
await show(runs.map((_, run) => run).slice(0, 2));
document.body.dataset.ready = "yes";
