// Two pictures: a posterior by unit, and the map. Texts are only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const BINS = 5, KINDS = 8;

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// q(z|x) of each unit: its mean and one standard deviation to either side, before one and two of the prior's;
// below, what the unit costs. `units` says which units, in which order.
export function posteriorChart(text, units, standardPrior) {
  const width = 340, top = 4, height = 104, below = 30, left = 22, right = width - 4;
  const highest = Math.max(3, ...units.map((d) => Math.abs(text.mean[d]) + text.std[d]));
  const y = (value) => top + height / 2 - value / highest * height / 2;
  const step = (right - left) / units.length, x = (i) => left + step * (i + .5);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${top + height + below + 14}`, role: "img" },
    svg("title", {}, "q(z|x) by unit: mean and standard deviation; below, the rate of each unit"));
  for (const sd of standardPrior ? [1, 2] : []) {
    chart.append(svg("rect", { x: left, width: right - left, y: y(sd), height: y(-sd) - y(sd), class: "prior" }));
  }
  for (const tick of [-2, 0, 2]) {
    chart.append(svg("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "axis" }),
      svg("text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, tick));
  }
  const base = top + height + below, dearest = Math.max(1, ...(text.unit_rates ?? []));
  units.forEach((d, i) => {
    const { mean: { [d]: mean }, std: { [d]: std } } = text, rate = text.unit_rates?.[d];
    const column = svg("g", {}, svg("title", {}, `z[${d}]: mean ${mean.toFixed(2)}, std ${std.toFixed(2)}`
      + (rate === undefined ? "" : `, rate ${rate.toFixed(2)} nats`)));
    column.append(svg("rect", { x: x(i) - step / 2, width: step, y: 0, height: base, fill: "transparent" }),
      svg("line", { x1: x(i), x2: x(i), y1: y(mean - std), y2: y(mean + std), class: "bar" }),
      svg("circle", { cx: x(i), cy: y(mean), r: Math.min(4, step / 2.5), class: "mean" }));
    if (rate !== undefined) {
      const tall = Math.max(0, rate / dearest * (below - 6)), wide = Math.min(14, step * .7);
      column.append(svg("rect", { x: x(i) - wide / 2, width: wide, y: base - tall, height: tall, class: "rate" }));
    }
    if (units.length <= 16) column.append(svg("text", { x: x(i), y: base + 12, "text-anchor": "middle" }, d));
    chart.append(column);
  });
  chart.append(svg("line", { x1: left, x2: right, y1: base, y2: base, class: "axis" }));
  if (text.unit_rates) {
    chart.append(svg("text", { x: left - 5, y: base - below + 15, "text-anchor": "end" }, Number(dearest.toPrecision(2))));
  }
  return chart;
}

// Cut values into five groups of like size, or names into as many as there are colours; what is left shares the last.
export function groups(values) {
  if (typeof values[0] === "string") {
    const count = new Map();
    for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
    const names = [...count.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    const kept = names.length > KINDS ? [...names].sort((a, b) => count.get(b) - count.get(a)).slice(0, KINDS - 1) : names;
    const place = new Map(names.filter((name) => kept.includes(name)).map((name, i) => [name, i]));
    const legend = [...place].map(([name, i]) => [`k${i}`, name]);
    if (kept.length < names.length) legend.push([`k${KINDS - 1}`, `${names.length - kept.length} others`]);
    return { classes: values.map((value) => `k${place.get(value) ?? KINDS - 1}`), legend };
  }
  const sorted = [...values].sort((a, b) => a - b);
  const cuts = [...Array(BINS - 1).keys()].map((i) => sorted[Math.floor((i + 1) * sorted.length / BINS)]);
  const bin = (value) => cuts.filter((cut) => value >= cut).length;
  const show = (value) => Number.isInteger(value) ? value : Number(value.toPrecision(2));
  const members = [...Array(BINS).keys()].map((i) => sorted.filter((value) => bin(value) === i));
  const legend = members.map((m, i) => [`s${i}`, m]).filter(([, m]) => m.length)
    .map(([c, m]) => [c, m[0] === m.at(-1) ? `${show(m[0])}` : `${show(m[0])} – ${show(m.at(-1))}`]);
  return { classes: values.map((value) => `s${bin(value)}`), legend };
}

// The map: draw it once for a view and a colouring, then move its marks.
export class LatentMap {
  constructor(place, { hovered, chosen }) {
    Object.assign(this, { place, hovered, chosen });
  }

  draw(seen, colour) {
    this.seen = seen;
    this.near = -1;
    const width = 520, height = 410, edge = 26;
    const all = [...seen.points, ...(seen.prior ?? [[-2.1, -2.1], [2.1, 2.1]])];
    const reach = Math.max(...all.flat().map(Math.abs)) * 1.05, scale = (height - 2 * edge) / 2 / reach;
    this.x = (value) => width / 2 + value * scale;
    this.y = (value) => height / 2 - value * scale;
    const { classes, legend } = groups(seen[colour]);
    this.marks = svg("g");
    this.ring = svg("circle", { r: 6, class: "ring", visibility: "hidden" });
    const about = "Posterior means of the validation texts; dashed: one and two standard deviations of the prior. "
      + "Arrow keys go to the next text in their direction, Enter makes it text A.";
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "application", tabindex: 0, "aria-label": about });
    picture.append(
      svg("line", { x1: edge, x2: width - edge, y1: this.y(0), y2: this.y(0), class: "axis" }),
      svg("line", { x1: this.x(0), x2: this.x(0), y1: edge / 2, y2: height - edge, class: "axis" }),
      svg("text", { x: width - 2, y: this.y(0) - 5, "text-anchor": "end" }, seen.names[0]),
      svg("text", { x: this.x(0) + 5, y: edge / 2 + 4 }, seen.names[1]));
    for (const [x, y] of seen.prior ?? []) picture.append(this.#circle(x, y, 1.5, "sample"));
    for (const [i, [x, y]] of seen.points.entries()) picture.append(this.#circle(x, y, 2.6, `dot ${classes[i]}`));
    for (const sd of seen.prior ? [] : [1, 2]) {
      picture.append(this.#circle(0, 0, sd * scale, "contour"),
        svg("text", { x: this.x(sd * .707) + 3, y: this.y(sd * .707) - 2, class: "over" }, `${sd} sd`));
    }
    picture.append(this.marks, this.ring);
    picture.addEventListener("pointermove", (event) => this.#point(event));
    picture.addEventListener("pointerleave", () => this.#hover(-1));
    picture.addEventListener("keydown", (event) => this.#key(event));
    picture.addEventListener("click", (event) => { if (this.#point(event) >= 0) this.chosen(this.near); });
    const names = document.createElement("div");
    names.className = "legend";
    for (const [kind, name] of legend) {
      const item = document.createElement("span"), spot = document.createElement("i");
      spot.className = kind;
      item.append(spot, name);
      names.append(item);
    }
    this.place.replaceChildren(picture, names);
  }

  // Where texts and the point of the sliders are: [{ z, tone, letter }], and the points of the path.
  mark(marks, path) {
    if (!this.seen) return;
    const at = (z) => this.seen.directions.map((direction) => direction.reduce((sum, v, d) => sum + v * z[d], 0));
    const line = path.map(at).map(([x, y]) => `${this.x(x)},${this.y(y)}`).join(" ");
    this.marks.replaceChildren(svg("polyline", { points: line, class: "way" }), ...marks.flatMap(({ z, tone, letter }) => {
      const [x, y] = at(z);
      return [this.#circle(x, y, letter ? 8 : 12, `mark ${tone}`),
        svg("text", { x: this.x(x), y: this.y(y), class: "label" }, letter)];
    }));
  }

  #circle(x, y, r, kind) {
    return svg("circle", { cx: this.x(x).toFixed(1), cy: this.y(y).toFixed(1), r, class: kind });
  }

  #point(event) {
    const matrix = event.currentTarget.getScreenCTM().inverse();
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    let near = -1, least = 12 ** 2;
    this.seen.points.forEach((point, i) => {
      const distance = (this.x(point[0]) - x) ** 2 + (this.y(point[1]) - y) ** 2;
      if (distance < least) [near, least] = [i, distance];
    });
    this.#hover(near);
    return near;
  }

  // An arrow goes to the nearest text that lies more in its direction than aside; the first one starts in the middle.
  #key(event) {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Enter" && this.near >= 0) this.chosen(this.near);
    if (!way) return;
    event.preventDefault();
    const from = this.near >= 0 ? this.seen.points[this.near] : [0, 0];
    let next = this.near, least = Infinity;
    this.seen.points.forEach(([x, y], i) => {
      const [dx, dy] = [x - from[0], y - from[1]];
      const ahead = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      const distance = Math.hypot(dx, dy);
      if ((this.near < 0 || (ahead > 0 && aside <= ahead)) && distance < least) [next, least] = [i, distance];
    });
    this.#hover(next);
  }

  #hover(near) {
    this.near = near;
    this.ring.setAttribute("visibility", near < 0 ? "hidden" : "visible");
    if (near >= 0) {
      this.ring.setAttribute("cx", this.x(this.seen.points[near][0]));
      this.ring.setAttribute("cy", this.y(this.seen.points[near][1]));
    }
    this.hovered(near);
  }
}
