// Heat maps: arrays as cells, coloured by sign and size.
//
// Enters: nested arrays. Leaves: one path per colour, which is quick to change. Invariant: colour never stands alone: negative
// cells have a bar, those that are not finite a cross, the cell pointed at its number, and the whole a text.

const HEAT_STEPS = 8, MOST_CELLS = 64, MOST_SLICES = 16, SIGN_ROOM = 9;

// How an array lies on a plane: slices of rows and columns, of which so many are shown.
function heatPlan(shape, most = MOST_CELLS) {
  const columns = shape.length ? shape.at(-1) : 1, rows = shape.length > 1 ? shape.at(-2) : 1;
  const slices = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const shown = (count, limit) => Array.from({ length: Math.min(count, limit) }, (_, i) => Math.floor((i * count) / Math.min(count, limit)));
  return { shape, rows, columns, slices, showRows: shown(rows, most), showColumns: shown(columns, most), showSlices: shown(slices, MOST_SLICES) };
}

// What is shown of the array where that is not all of it; else nothing.
function sampledText({ rows, columns, slices, showRows, showColumns, showSlices }) {
  if (showRows.length === rows && showColumns.length === columns && showSlices.length === slices) return "";
  const parts = [`${showRows.length} of ${rows} rows`, `${showColumns.length} of ${columns} columns`];
  return `sampled: ${parts.join(", ")}${slices > 1 ? `, ${showSlices.length} of ${slices} slices` : ""}`;
}

// Least, largest, norm, how many are not finite, and what the strongest colour stands for.
function heatScale(numbers) {
  let low = Infinity, high = -Infinity, lost = 0;
  for (const x of numbers) {
    if (!Number.isFinite(x)) lost += 1;
    else [low, high] = [Math.min(low, x), Math.max(high, x)];
  }
  return { low, high, lost, most: Math.max(Math.abs(low), Math.abs(high)), norm: lost ? NaN : norm(numbers) };
}

// The step of a number: 0 for 0, ±1 to ±8 for a number, null for one that is not finite.
function heatStep(x, most) {
  if (!Number.isFinite(x)) return null;
  if (x === 0 || !Number.isFinite(most)) return 0;
  return Math.sign(x) * Math.max(1, Math.ceil((Math.abs(x) / most) * HEAT_STEPS));
}

// The place of every cell shown: [x, y, index in the flat array], column by column of slices.
function heatCells(plan, wide, high, gap) {
  const cells = [];
  plan.showSlices.forEach((slice, s) => plan.showRows.forEach((row, r) => plan.showColumns.forEach((column, c) => {
    cells.push([s * (plan.showColumns.length * wide + gap) + c * wide, r * high, (slice * plan.rows + row) * plan.columns + column]);
  })));
  return cells;
}

// For every step the path of its cells; signs apart. Keys: plus3, minus8, zero, lost, bars, crosses.
function heatPaths(numbers, cells, wide, high, most, withSigns) {
  const paths = {}, put = (key, d) => { paths[key] = (paths[key] ?? "") + d; }, n = (z) => Math.round(z * 100) / 100;
  for (const [x, y, index] of cells) {
    const step = heatStep(numbers[index], most);
    const key = step === null ? "lost" : step === 0 ? "zero" : `${step > 0 ? "plus" : "minus"}${Math.abs(step)}`;
    put(key, `M${n(x)},${n(y)}h${n(wide)}v${n(high)}h${n(-wide)}z`);
    if (!withSigns || (step !== null && step >= 0)) continue;
    const size = Math.min(wide, high) / 4, a = n(x + wide / 2 - size), b = n(y + high / 2), s = n(2 * size);
    if (step === null) put("crosses", `M${a},${n(b - size)}l${s},${s}m0,${-s}l${-s},${s}`);
    else put(step < -HEAT_STEPS / 2 ? "bars-light" : "bars", `M${a},${b}h${s}`);
  }
  return paths;
}

// The paths written into a group; those that are there are used again.
function writePaths(group, kind, paths, written) {
  for (const key of new Set([...Object.keys(written), ...Object.keys(paths)])) {
    const d = paths[key] ?? "", [, sign, step] = /^([a-z-]+)(\d?)$/.exec(key);
    if (written[key]?.d === d) continue;
    if (!written[key]) {
      const path = svgElement("path", { class: `heat-${sign} heat-${kind}` });
      if (step) path.setAttribute("fill-opacity", (0.15 + (0.85 * step) / HEAT_STEPS).toFixed(2));
      if (/bars|crosses/.test(sign)) group.append(path);
      else group.prepend(path);
      written[key] = { path, d: "" };
    }
    written[key].path.setAttribute("d", d);
    written[key].d = d;
  }
}

// The same in words: shape, range and size.
function heatText(plan, scale, label) {
  const lost = scale.lost ? `, ${scale.lost} not finite` : "";
  const range = Number.isFinite(scale.low) ? `, least ${short(scale.low)}, largest ${short(scale.high)}` : "";
  const size = scale.lost ? "" : `, norm ${short(scale.norm)}`;
  return `${label ? `${label}: ` : ""}${plan.shape.join(" × ")}${range}${size}${lost}`;
}

// The small maps in the nodes of the picture.
function drawMaps(svg, facts, columns) {
  const picture = pictureOf(svg, facts);
  picture.maps ??= [...svg.querySelectorAll("rect.map")].map((place) => smallMap(place, facts));
  const sources = { value: columns.values, gradient: columns.global_gradients };
  for (const map of picture.maps) {
    const x = sources[map.kind][map.gate];
    if (x == null) continue;
    const numbers = elements(x), { most } = heatScale(numbers);
    writePaths(map.group, map.kind, heatPaths(numbers, map.cells, map.wide, map.high, most, Math.min(map.wide, map.high) >= SIGN_ROOM), map.written);
  }
}

function smallMap(place, facts) {
  const node = place.closest("g.node"), gate = Number(node.id.slice(1)), box = shapeBox([place]);
  const full = { width: box.right - box.left, height: box.bottom - box.top };
  const plan = heatPlan(facts.gates[gate].shape, 16), gap = 2;
  plan.showSlices = plan.showSlices.slice(0, 3);
  const count = plan.showSlices.length;
  const wide = Math.min(12, (full.width - gap * (count - 1)) / (count * plan.showColumns.length)), high = Math.min(12, full.height / plan.showRows.length);
  const cells = heatCells(plan, wide, high, gap);
  const used = [count * plan.showColumns.length * wide + gap * (count - 1), plan.showRows.length * high];
  const x = box.left + (full.width - used[0]) / 2, y = box.top + (full.height - used[1]) / 2;
  const group = svgElement("g", { class: "heat", "data-map": place.dataset.map, transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`, "aria-hidden": "true" });
  const colours = svgElement("g");
  group.append(svgElement("rect", { class: "heat-frame", width: used[0].toFixed(1), height: used[1].toFixed(1) }), colours);
  place.classList.add("away");
  place.after(group);
  return { gate, kind: place.dataset.map, group: colours, cells, wide, high, written: {} };
}

// A large map with legend and readout: the cell that is pointed at, or chosen by arrow keys, says its number.
// Returns {element, update(x)}.
function heatMap(parent, x, shape, kind, label) {
  const plan = heatPlan(shape), across = plan.showColumns.length * plan.showSlices.length;
  const side = Math.min(24, Math.max(4, Math.floor(360 / across)), Math.max(4, Math.floor(240 / plan.showRows.length))), gap = 6;
  const cells = heatCells(plan, side, side, gap);
  const width = across * side + gap * (plan.showSlices.length - 1), height = plan.showRows.length * side;
  const group = svgElement("g", { class: "heat" }), cursor = svgElement("rect", { class: "heat-cursor away", width: side, height: side });
  const picture = svgElement("svg", { viewBox: `-1 -1 ${width + 2} ${height + 2}`, width: width + 2, height: height + 2, class: "heat-cells" });
  picture.append(svgElement("rect", { class: "heat-frame", width, height }), group, cursor);
  const part = (tag, name) => Object.assign(document.createElement(tag), { className: name });
  const element = part("div", "heat-map"), legend = part("div", "heat-legend"), readout = part("output", "heat-readout");
  picture.setAttribute("role", "img");
  picture.setAttribute("tabindex", "0");
  element.append(picture, legend, readout);
  parent.append(element);
  const state = { numbers: [], at: null, written: {} };
  const point = (i) => {
    state.at = i;
    cursor.classList.toggle("away", i === null);
    if (i !== null) for (const [name, z] of [["x", cells[i][0]], ["y", cells[i][1]]]) cursor.setAttribute(name, z);
    readout.textContent = i === null ? "" : `${cellText(plan, cells[i][2])} = ${full(state.numbers[cells[i][2]])}`;
  };
  const update = (now) => {
    state.numbers = elements(now);
    const scale = heatScale(state.numbers), text = heatText(plan, scale, label);
    writePaths(group, kind, heatPaths(state.numbers, cells, side, side, scale.most, side >= SIGN_ROOM), state.written);
    if (picture.getAttribute("aria-label") !== text) picture.setAttribute("aria-label", text);
    writeLegend(legend, plan, scale, kind);
    if (state.at !== null) point(state.at);
  };
  heatEvents(picture, { cells, side, plan, state, point });
  update(x);
  return { element, update };
}

// [2, 3], counted as the language counts: from 0.
function cellText({ shape }, index) {
  const places = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    places.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${places.join(", ")}]`;
}

function heatEvents(picture, { cells, side, plan, state, point }) {
  const under = (event) => {
    const box = picture.getBoundingClientRect(), scale = picture.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale - 1, y = (event.clientY - box.top) * scale - 1;
    const found = cells.findIndex(([a, b]) => x >= a && x < a + side && y >= b && y < b + side);
    return found < 0 ? null : found;
  };
  const inSlice = plan.showRows.length * plan.showColumns.length, wide = plan.showColumns.length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide, PageUp: -inSlice, PageDown: inSlice };
  picture.addEventListener("pointermove", (event) => point(under(event)));
  picture.addEventListener("pointerleave", () => point(null));
  picture.addEventListener("blur", () => point(null));
  picture.addEventListener("focus", () => state.at === null && cells.length && point(0));
  picture.addEventListener("click", (event) => point(under(event)));
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !cells.length) return;
    if (event.key === "Home" || event.key === "End") point(event.key === "Home" ? 0 : cells.length - 1);
    else if (event.key in steps) {
      const next = (state.at ?? 0) + steps[event.key];
      if (next >= 0 && next < cells.length) point(next);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

// The colours from the least to the largest, and what is not said by them.
function writeLegend(legend, plan, scale, kind) {
  const known = Number.isFinite(scale.low), texts = known ? [`min ${short(scale.low)}`, `max ${short(scale.high)}`] : [];
  if (known && scale.low < 0) texts.push("− negative");
  if (scale.lost) texts.push(`× ${scale.lost} not finite`);
  if (sampledText(plan)) texts.push(sampledText(plan));
  if (!legend.firstChild) legend.append(legendBar(kind), document.createElement("span"));
  const text = texts.join(" · ");
  legend.lastChild.textContent = text;
  const ends = legend.querySelectorAll("text");
  ends[0].textContent = known ? `−${short(scale.most)}` : "";
  ends[2].textContent = known ? short(scale.most) : "";
  if (scale.most === 0) ends[0].textContent = ends[2].textContent = "";
}

// A bar of all steps with 0 in its middle.
function legendBar(kind) {
  const size = 9, wide = (2 * HEAT_STEPS + 1) * size, cells = Array.from({ length: 2 * HEAT_STEPS + 1 }, (_, i) => [i * size, 0, i]);
  const numbers = cells.map((_, i) => i - HEAT_STEPS), group = svgElement("g", { class: "heat" });
  writePaths(group, kind, heatPaths(numbers, cells, size, size, HEAT_STEPS, false), {});
  const text = (x, anchor, content) => svgElement("text", { x, y: size + 11, "text-anchor": anchor }, content);
  const frame = svgElement("rect", { class: "heat-frame", width: wide, height: size });
  const texts = [text(0, "start", ""), text(wide / 2, "middle", "0"), text(wide, "end", "")];
  return svgElement("svg", { class: "heat-bar", viewBox: `-1 -1 ${wide + 2} ${size + 16}`, width: wide + 2, height: size + 16, "aria-hidden": "true" }, frame, group, ...texts);
}
