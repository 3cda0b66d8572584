// The live picture: numbers, marks and light on the drawing of the graph.
//
// Enters: the SVG, the facts, columns of numbers, warnings, a step. Leaves: changed texts, plates and classes. Invariant:
// elements are looked for once, only what changed is written, and every class says what `gradcli dot` draws there.

const SVG_SPACE = "http://www.w3.org/2000/svg";
const NODE_TEXT = 11, EDGE_TEXT = 9, SMALL_TEXT = 9.5, WIDEST_NUMBER = "−8.88e−188";
const EDGE_KINDS = ["inactive", "zero", "nan"];
// Widths in DejaVu Sans, in em, rounded up: those that the layout reckons with.
const LETTERS = [
  [0.32, "'ijlIJ,.· \u00a0"], [0.4, "/:;\\|f-()[]t!²³r"], [0.52, "\"*_`∂sz⁻?"], [0.62, "cLFkvxyPTYoae"],
  [0.64, "hnuσEbdgpqS{}$√"], [0.7, "KAVXZBRC"], [0.78, "UNHDGOQ&"], [0.84, "#+<=>^~←↑−×÷w∞▸▾"], [1, "Mm⚠W%@…"],
];
const ADVANCES = new Map(LETTERS.flatMap(([width, letters]) => [...letters].map((letter) => [letter, width])));
const pictures = new WeakMap(), drawnBoxes = new WeakMap();

function letterWidth(letter) {
  return ADVANCES.get(letter) ?? (/\p{Nd}/u.test(letter) ? 0.637 : letter < "\u0500" ? 0.7 : 1);
}

// The width of a text, in pixels, or a little more.
function textWidth(text, size) {
  let width = 0;
  for (const letter of text) width += letterWidth(letter);
  return width * size;
}

// The text, or as much of it as fits so many pixels.
function cutText(text, size, room) {
  if (textWidth(text, size) <= room) return text;
  const letters = [...text];
  while (letters.length && textWidth(letters.join("") + "…", size) > room) letters.pop();
  return letters.join("").trimEnd() + "…";
}

function svgElement(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG_SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// The numbers of a path or a polygon, as points.
function readPoints(written) {
  const found = (written.match(/-?[0-9.]+(?:e-?[0-9]+)?/g) ?? []).map(Number), points = [];
  for (let i = 0; i + 1 < found.length; i += 2) points.push([found[i], found[i + 1]]);
  return points;
}

function boxOf(points) {
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

// The rectangle around an element's shapes, from their attributes: nothing has to be drawn for it.
function shapeBox(shapes) {
  return boxOf(shapes.flatMap((shape) => {
    if (shape.tagName !== "rect") return readPoints(shape.getAttribute("d") ?? shape.getAttribute("points") ?? "");
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(shape.getAttribute(name)));
    return [[x, y], [x + width, y + height]];
  }));
}

function readBox(written) {
  const [left, top, width, height] = written.split(/[ ,]+/).map(Number);
  return { left, top, right: left + width, bottom: top + height };
}

// What is known of the picture; its elements are looked for once.
function pictureOf(svg, facts) {
  if (!pictures.has(svg) && facts) pictures.set(svg, findPicture(svg, facts));
  return pictures.get(svg);
}

// The room that the drawing takes: the view box that it came with.
function drawnBox(svg) {
  if (!drawnBoxes.has(svg)) drawnBoxes.set(svg, readBox(svg.getAttribute("viewBox")));
  return drawnBoxes.get(svg);
}

function findPicture(svg, facts) {
  const byId = new Map([...svg.querySelectorAll("g[id]")].map((group) => [group.id, group]));
  const labels = new Map([...svg.querySelectorAll("g[data-edge]")].map((group) => [group.dataset.edge, group]));
  const picture = { svg, facts, nodes: [], edges: new Map(), boxes: [], home: null, drawnBy: null, step: null };
  facts.gates.forEach((gate, index) => {
    picture.nodes.push(findNode(byId.get(`g${index}`), index));
    gate.operands.forEach((operand, position) => {
      const id = `g${index}-${position}`, group = byId.get(id);
      if (!group) return;
      const kind = EDGE_KINDS.find((name) => group.classList.contains(name)) ?? "";
      const label = findLabel(labels.get(id), [gate.shape, facts.gates[operand].shape]);
      picture.edges.set(id, { id, gate: index, operand, position, group, label, kind, own: kind, lit: "", members: null });
    });
  });
  picture.glyph = picture.nodes.find((node) => node?.lines.gradient)?.lines.gradient.before ?? "← ";
  svg.prepend(svgElement("defs", {}, backMarker()));
  return picture;
}

function findNode(group, index) {
  if (!group) return null;
  const shapes = [...group.querySelectorAll(".box,.ring")];
  const box = shapeBox(shapes);
  const lines = findLines(group, NODE_TEXT, box.right - box.left - 6);
  return { index, group, box, lines, mark: "", badge: null, ahead: false };
}

function findLabel(group, shapes) {
  if (!group) return null;
  const plate = group.querySelector(".plate"), at = shapeBox([plate]), middle = (at.left + at.right) / 2;
  const half = Math.max(at.right - at.left, ...shapes.map(labelRoom)) / 2;
  const box = { ...at, left: middle - half, right: middle + half };
  const still = [...group.querySelectorAll("text:not([data-line])")].map((text) => textWidth(text.textContent, EDGE_TEXT));
  return { group, plate, box, middle, still: Math.max(0, ...still), width: 0, lines: findLines(group, EDGE_TEXT, Infinity) };
}

// The width that the layout keeps for a label, whatever its numbers become.
function labelRoom(shape) {
  const count = shape.reduce((product, size) => product * size, 1), number = WIDEST_NUMBER;
  const text = !shape.length ? number : count > 3 ? `${number} … ${number}` : `[${Array(count).fill(number).join("; ")}]`;
  return textWidth(`← ${text}`, EDGE_TEXT) + 5;
}

// The texts that change, by what they say.
function findLines(group, size, room) {
  const lines = {};
  for (const element of group.querySelectorAll("text[data-line]")) {
    const name = element.dataset.line;
    const node = element.firstChild ?? element.appendChild(document.createTextNode(""));
    lines[name] = lineOf(element, node, name === "small" ? SMALL_TEXT : size, room);
  }
  return lines;
}

function lineOf(element, node, size, room) {
  const text = node.data, before = /^[∂←↑] /u.exec(text)?.[0] ?? "";
  return { element, node, size, room, before, text, isSingle: isSingle(text), isBad: false, last: undefined };
}

// Whether a text is one number. The room for it is, then, though a column may repeat it to an array's shape.
function isSingle(text) {
  return !/all |…|\[|finite/.test(text);
}

function allFinite(x) {
  return Array.isArray(x) ? x.every(allFinite) : Number.isFinite(x);
}

// A number in its room; whether the text has changed.
function writeLine(line, x, write, room) {
  if (!line || x == null || (typeof x === "number" && Object.is(line.last, x))) return false;
  line.last = x;
  const isBad = !allFinite(x);
  const long = line.before + (Array.isArray(x) ? write(x) : fitted(x, room));
  const text = Array.isArray(x) ? cutText(long, line.size, line.room) : long;
  if (isBad !== line.isBad) line.element.classList.toggle("bad", (line.isBad = isBad));
  if (text === line.text) return false;
  line.node.data = line.text = text;
  return true;
}

// The kind of an edge by what flows back along it.
function flowKind(contribution) {
  const numbers = Array.isArray(contribution) ? elements(contribution) : [contribution];
  return numbers.some(Number.isNaN) ? "nan" : numbers.some((x) => x !== 0) ? "" : "zero";
}

// One line drawn for several edges: what it is like.
function commonKind(kinds) {
  const active = kinds.filter((kind) => kind !== "inactive");
  return active.includes("nan") ? "nan" : active.includes("") ? "" : active.length ? "zero" : "inactive";
}

// All numbers and marks of a point.
function drawNumbers(svg, facts, columns, warnings) {
  const picture = pictureOf(svg, facts), room = facts.room ?? 10;
  picture.drawnBy = [columns, warnings];
  const marks = marksOf(facts, warnings);
  for (const node of picture.nodes) {
    if (!node) continue;
    writeLine(node.lines.value, columns.values[node.index], brief, room);
    writeLine(node.lines.gradient, columns.global_gradients[node.index], sizeText, room);
    markNode(node, marks[node.index]);
  }
  for (const edge of picture.edges.values()) drawEdge(edge, columns, room);
  for (const box of picture.boxes) drawBox(picture, box, columns, marks);
  showKinds(picture);
}

function marksOf(facts, warnings) {
  const marks = new Array(facts.gates.length).fill("");
  for (const { kind, gate } of warnings) if (marks[gate] !== "bad") marks[gate] = NOT_FINITE.has(kind) ? "bad" : "warn";
  return marks;
}

function drawEdge(edge, columns, room) {
  const contribution = columns.contributions[edge.gate]?.[edge.position];
  if (contribution == null) return;
  edge.own = flowKind(contribution);
  if (!edge.label) return;
  const { lines } = edge.label, slope = columns.local_gradients[edge.gate]?.[edge.position];
  const isSame = lines.local?.isSingle && slope !== null;
  const local = writeLine(lines.local, isSame ? elements(slope)[0] : slope, slopeText, room);
  if (writeLine(lines.contribution, contribution, flowText, room) || local || !edge.label.width) fitPlate(edge.label);
}

// The plate is as wide as its texts.
function fitPlate(label) {
  const widths = Object.values(label.lines).map((line) => textWidth(line.text, line.size) * (line.isBad ? 1.1 : 1));
  const width = Math.max(label.still, ...widths) + 5;
  if (Math.abs(width - label.width) < 0.05) return;
  label.width = width;
  label.plate.setAttribute("x", (label.middle - width / 2).toFixed(1));
  label.plate.setAttribute("width", width.toFixed(1));
}

// Every line drawn has the kind of its edge, or of all edges that it stands for.
function showKinds(picture) {
  for (const edge of picture.edges.values()) {
    const kind = edge.members ? commonKind(edge.members.map((one) => one.own)) : edge.own;
    if (kind === edge.kind) continue;
    if (edge.kind) edge.group.classList.remove(edge.kind);
    if (kind) edge.group.classList.add(kind);
    edge.kind = kind;
  }
}

function markNode(node, mark) {
  if (mark === node.mark) return;
  node.group.classList.toggle("warn", mark === "warn");
  node.group.classList.toggle("bad", mark === "bad");
  node.mark = mark;
  if (mark && !node.badge) node.group.append((node.badge = badgeAt(node.box)));
  if (node.badge) node.badge.classList.toggle("away", !mark);
}

// A warning triangle at the corner of a box.
function badgeAt({ right, top }) {
  const place = `translate(${(right - 3).toFixed(1)},${(top + 3).toFixed(1)})`;
  const sign = svgElement("path", { class: "badge-sign", d: "M0,-2.6V1.2M0,2.7V3.3" });
  const outline = svgElement("path", { class: "badge-outline", d: "M0,-6 6.2,5 -6.2,5Z" });
  return svgElement("g", { class: "badge", transform: place, "aria-hidden": "true" }, outline, sign);
}

// The arrowhead at the beginning of an edge whose gradient flows back.
function backMarker() {
  const shape = { id: "gradcli-back", viewBox: "0 0 8 8", refX: "1", refY: "4", markerWidth: "9", markerHeight: "9" };
  const more = { orient: "auto", markerUnits: "userSpaceOnUse" };
  return svgElement("marker", { ...shape, ...more }, svgElement("path", { class: "back-tip", d: "M0,4 8,0 8,8Z" }));
}

// Light a step {pass, gate}: the gate, the edges along which numbers flow in it, and what is not reached yet. The pass
// may be neither: then a gate is chosen, and everything is reached. null: nothing is lit.
function light(svg, facts, step) {
  const picture = pictureOf(svg, facts), before = picture.step, { pass, gate: now } = step ?? {};
  picture.step = step;
  for (const name of ["forward", "backward"]) svg.classList.toggle(`pass-${name}`, pass === name);
  const isAhead = (gate) => (pass === "forward" ? gate > now : pass === "backward" && gate < now);
  for (const node of picture.nodes) if (node) lightNode(node, node.index === now, isAhead(node.index));
  for (const edge of picture.edges.values()) {
    const members = edge.members ?? [edge];
    const found = members.map((one) => edgeLight(one, pass, now)).sort((a, b) => b.length - a.length)[0];
    lightEdge(edge, found, members.every((one) => isAhead(one.gate)), isAhead(edge.gate));
  }
  for (const box of picture.boxes) {
    const [first, end] = box.frame.gates, holds = now >= first && now < end;
    lightNode(box, holds, !holds && isAhead(pass === "forward" ? first : end - 1));
  }
  const lit = picture.home?.[now] ?? picture.nodes[now];
  if (lit && before?.gate !== now) svg.dispatchEvent(new CustomEvent("lit", { detail: lit.at ?? lit.box }));
}

function lightNode(node, active, ahead) {
  if (node.active !== active) node.group.classList.toggle("active", (node.active = active));
  if (node.ahead !== ahead) node.group.classList.toggle("ahead", (node.ahead = ahead));
}

// What a step does with an edge: the longest word counts where one line stands for several edges.
function edgeLight(edge, pass, now) {
  if (edge.gate !== now) return edge.operand === now ? "near" : "";
  if (pass === "forward") return "flow-forward";
  return pass === "backward" && edge.own !== "inactive" ? "flow-backward" : "near";
}

function lightEdge(edge, found, ahead, labelAhead) {
  if (found !== edge.lit) {
    for (const group of [edge.group, edge.label?.group]) {
      if (group && edge.lit) group.classList.remove(edge.lit);
      if (group && found) group.classList.add(found);
    }
    edge.lit = found;
  }
  if (edge.ahead !== ahead) edge.group.classList.toggle("ahead", (edge.ahead = ahead));
  if (!edge.label || edge.label.ahead === labelAhead) return;
  edge.label.group.classList.toggle("ahead", (edge.label.ahead = labelAhead));
}

// Mark a gate that is pointed at, or none; one that is folded away by the box in its place.
function hover(svg, gate) {
  const picture = pictureOf(svg);
  if (!picture || picture.hovered === gate) return;
  const shown = (index) => picture.home?.[index] ?? picture.nodes[index];
  if (picture.hovered != null) shown(picture.hovered)?.group.classList.remove("hovered");
  picture.hovered = gate;
  if (gate != null) shown(gate)?.group.classList.add("hovered");
}
