// The page: asks the server, keeps what it answered, shows it. Texts are only ever set as text, never as markup.

import { LatentMap, posteriorChart } from "./charts.js";

const WAIT = 120;     // ms after the last movement of a slider until it is decoded
const SLIDERS = 8;    // units with a slider
const CHARTED = 32;   // units in the chart of a posterior
const HINT = "Hover over a point to read its text; click to make it text A (or use the arrow keys and Enter). The ring is z.";
const byId = (id) => document.getElementById(id);
const state = { start: null, compared: null, z: null, map: null };
const latest = {};
let waiting = 0;

// An answer, or null where a later question of its kind was asked meanwhile or the server refused, which is shown.
async function ask(kind, question = {}) {
  const turn = latest[kind] = (latest[kind] ?? 0) + 1;
  byId("busy").textContent = ++waiting ? "…" : "";
  try {
    const response = await fetch(`api/${kind}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
    });
    const answer = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
    if (turn !== latest[kind]) return null;
    complain(answer.error ?? "");
    return answer.error ? null : answer;
  } catch {
    complain("the server does not answer; is vaescope explore still running?");
    return null;
  } finally {
    byId("busy").textContent = --waiting ? "…" : "";
  }
}

function complain(message) {
  byId("error").textContent = message;
  byId("error").hidden = !message;
}

function make(tag, text = "", kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

const nats = (value) => value === null ? "–" : value.toFixed(2).replace("-0.00", "0.00").replace("-", "−");
const ending = (point) => point.finished ? point.text : `${point.text} … (cut off at ${state.start.max_tokens} tokens)`;

function showText(index, text) {
  const place = byId(`text${index}`);
  const cut = text.read === text.text ? "" : `only the first ${text.tokens - 1} tokens are read`;
  place.querySelector(".note").textContent = cut || `${text.tokens} tokens`;
  const numbers = {
    "rate": nats(text.rate),
    "distortion": `${nats(text.distortion)} ± ${nats(text.distortion_se)}`,
    "ELBO": nats(text.elbo),
    [`KL(${"AB"[index]} ‖ ${"BA"[index]})`]: nats(state.compared.kl[index]),
  };
  place.querySelector(".numbers").replaceChildren(...Object.entries(numbers).map(([name, value]) => {
    const pair = make("div");
    pair.append(make("dt", name), make("dd", value));
    return pair;
  }));
  const units = state.start.order.slice(0, CHARTED);
  place.querySelector(".chart").replaceChildren(posteriorChart(text, units, state.start.prior === "standard"));
  place.querySelector(".score").textContent = `log p(x|z) ${nats(text.reconstruction.log_p_x_z)}`;
  place.querySelector(".quote").textContent = ending(text.reconstruction);
  place.querySelector("ul").replaceChildren(...text.samples.map((sample) => make("li", sample)));
}

function showPath() {
  const rows = state.compared.path.map((point, i, all) => {
    const row = make("tr", "", i && all[i - 1].text === point.text ? "same" : "");
    row.append(make("td", point.t.toFixed(2)), make("td", ending(point)),
      make("td", nats(point.log_p_x_z)), make("td", nats(point.log_p_z)));
    row.title = "move z here";
    row.tabIndex = 0;
    row.addEventListener("click", () => moveTo(point.z));
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") moveTo(point.z); });
    return row;
  });
  byId("steps-table").tBodies[0].replaceChildren(...rows);
}

async function compare() {
  const [a, b] = [0, 1].map((i) => byId(`text${i}`).querySelector("textarea").value);
  const answer = await ask("compare", { a, b, steps: Number(byId("steps").value) || 0, path: byId("path").value });
  if (!answer) return;
  const before = state.compared;
  state.compared = answer;
  answer.texts.forEach((text, i) => showText(i, text));
  showPath();
  if (before?.texts[0].text !== answer.texts[0].text) moveTo(answer.texts[0].mean);
  showMarks();
}

function makeSliders() {
  byId("sliders").replaceChildren(...state.start.order.slice(0, SLIDERS).map((d) => {
    const label = make("label"), slider = make("input"), shown = make("output");
    Object.assign(slider, { type: "range", min: -3, max: 3, step: 0.05 });
    slider.dataset.unit = d;
    const what = state.start.prior === "standard" ? "mean rate" : "variance of the posterior means";
    label.title = `${what} over the validation texts: ${state.start.activity[d].toFixed(3)}`;
    slider.addEventListener("input", () => {
      state.z[d] = Number(slider.value);
      shown.textContent = nats(state.z[d]);
      showMarks();
      decodeSoon();
    });
    label.append(make("span", `z[${d}]`), slider, shown);
    return label;
  }));
}

function moveTo(z) {
  state.z = [...z];
  for (const label of byId("sliders").children) {
    const slider = label.querySelector("input"), value = z[slider.dataset.unit];
    slider.value = value;
    label.querySelector("output").textContent = nats(value);
  }
  showMarks();
  decode();
}

let timer;
function decodeSoon() {
  clearTimeout(timer);
  timer = setTimeout(decode, WAIT);
}

async function decode() {
  clearTimeout(timer);
  const answer = await ask("decode", { z: state.z });
  if (!answer) return;
  byId("decoded").replaceChildren(ending(answer),
    make("span", `log p(x|z) ${nats(answer.log_p_x_z)}   log p(z) ${nats(answer.log_p_z)}`));
}

function showMarks() {
  if (!state.compared || !state.z) return;
  const [a, b] = state.compared.texts.map((text) => text.mean);
  state.map.mark([{ z: a, tone: "a", letter: "A" }, { z: b, tone: "b", letter: "B" }, { z: state.z, tone: "c", letter: "" }],
    state.compared.path.map((point) => point.z));
}

async function showMap() {
  const seen = await ask("map", { view: byId("view").value });
  if (!seen) return;
  state.map.draw(seen, byId("colour").value);
  showMarks();
}

function hovered(i) {
  const { seen } = state.map;
  byId("hover").textContent = i < 0 ? HINT
    : `${seen.texts[i]}  (${seen.length[i]} tokens, rate ${nats(seen.rate[i])}${seen.label ? `, label ${seen.label[i]}` : ""})`;
}

function chosen(i) {
  byId("text0").querySelector("textarea").value = state.map.seen.texts[i];
  compare();
}

function makeTexts() {
  state.start.texts.forEach((text, i) => {
    const place = byId(`text${i}`);
    place.append(byId("text-template").content.cloneNode(true));
    place.querySelector(".name b").textContent = `Text ${"AB"[i]}`;
    const box = place.querySelector("textarea");
    box.id = `box${i}`;
    place.querySelector("label").htmlFor = box.id;
    box.value = text;
    box.addEventListener("change", () => { if (box.value.trim() !== state.compared?.texts[i].text) compare(); });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      compare();
    });
  });
}

async function begin() {
  const start = state.start = await ask("start");
  if (!start) return;
  byId("name").textContent = start.name;
  document.title = `${start.name} – vaescope explore`;
  byId("facts").textContent = `${start.size} latent units, prior ${start.prior}, `
    + `mean rate ${nats(start.rate)}; all numbers in nats per text`;
  byId("collapse").textContent = start.collapse;
  byId("collapse").hidden = !start.collapse;
  byId("colour").replaceChildren(...start.colours.map((colour) => make("option", colour)));
  state.map = new LatentMap(byId("map"), { hovered, chosen });
  hovered(-1);
  makeTexts();
  makeSliders();
  for (const id of ["steps", "path"]) byId(id).addEventListener("change", compare);
  for (const id of ["view", "colour"]) byId(id).addEventListener("change", showMap);
  for (const i of [0, 1]) byId(`from${i}`).addEventListener("click", () => moveTo(state.compared.texts[i].mean));
  byId("zero").addEventListener("click", () => moveTo(Array(start.size).fill(0)));
  byId("pair").addEventListener("submit", (event) => event.preventDefault());
  await Promise.all([compare(), showMap()]);
}

begin();
