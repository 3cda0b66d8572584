// Frames that fold: their captions are buttons, and so are the boxes in their places.
//
// Enters: the SVG, the facts. Leaves: elements moved, hidden, led to other ends, as `foldedLayout` says. Invariant:
// unfolded, every attribute is what it was; a line that stands for several edges has their common kind and light.

const BOX_HEIGHT = 64;

// The geometry of a picture, as `foldedLayout` takes it.
function geometryOf(picture) {
  const { svg, facts } = picture, parts = new Map();
  const frames = facts.frames.flatMap((frame) => {
    const group = svg.querySelector(`g.frame[id="${frame.id}"]`), caption = svg.querySelector(`[data-frame="${frame.id}"]`);
    if (!group || !caption) return [];
    const outline = group.querySelector(".outline");
    const found = { ...frame, name: frame.caption, rect: shapeBox([outline]), caption: shapeBox([caption.querySelector(".plate")]) };
    parts.set(frame.id, { frame: found, group, outline, written: outline.getAttribute("d"), button: caption });
    return [found];
  });
  const edges = [...picture.edges.values()].map(({ id, gate, operand, group, label }) => {
    const line = group.querySelector(".line"), tip = group.querySelector(".tip");
    const written = { d: line.getAttribute("d"), points: tip.getAttribute("points") };
    parts.set(id, { line, tip, written });
    const curves = { points: readPoints(written.d), tip: readPoints(written.points) };
    return { id, tail: operand, head: gate, ...curves, label: label?.box ?? null };
  });
  const boxes = Object.fromEntries(frames.map((frame) => [frame.id, boxPlace(frame, leavingOf(frame, facts), picture.nodes)]));
  return { nodes: picture.nodes.map((node) => node?.box ?? null), edges, frames, boxes, parts };
}

// The box of a folded frame stands in its middle, and is no larger.
function boxPlace({ rect, caption, gates }, leaving, nodes) {
  const texts = [gatesText(gates), `← ${WIDEST_NUMBER}`], several = `mean ${WIDEST_NUMBER}, ${WIDEST_NUMBER} … ${WIDEST_NUMBER}`;
  const [only] = leaving.length === 1 ? [nodes[leaving[0]]?.box] : [];
  const widest = only ? only.right - only.left : textWidth(leaving.length > 1 ? several : texts[1], NODE_TEXT);
  const wanted = Math.max(widest, textWidth(texts[0], NODE_TEXT), caption.right - caption.left + 12) + 16, [x, y] = centreOf(rect);
  const halfWidth = Math.min(wanted, rect.right - rect.left) / 2, halfHeight = Math.min(BOX_HEIGHT, rect.bottom - rect.top) / 2;
  return { left: x - halfWidth, top: y - halfHeight, right: x + halfWidth, bottom: y + halfHeight };
}

function gatesText([first, end]) {
  return `▸ ${end - first} gates`;
}

// Fold and unfold the frames of a picture: its captions are buttons, and so are the boxes.
function clusters(svg, facts, onChange) {
  const picture = pictureOf(svg, facts), geometry = geometryOf(picture), { frames, parts } = geometry;
  const boxes = new Map(), folded = new Set();
  picture.content = drawnBox(svg);
  const show = () => {
    const layout = foldedLayout(geometry, folded);
    showLayout(picture, geometry, layout, boxes, toggle);
    picture.content = layout.identity ? drawnBox(svg) : contentOf(geometry, layout);
    svg.dispatchEvent(new CustomEvent("content"));
    onChange?.([...folded]);
  };
  const toggle = (id) => {
    if (!folded.delete(id)) folded.add(id);
    show();
    (folded.has(id) ? boxes.get(id)?.group : parts.get(id).button).focus({ preventScroll: true });
  };
  const set = (ids) => {
    folded.clear();
    for (const id of ids) if (parts.has(id)) folded.add(id);
    show();
  };
  for (const frame of frames) captionButton(parts.get(frame.id).button, frame, toggle);
  if (facts.folded?.length) set(facts.folded);
  return {
    toggle, fold: set, folded: () => [...folded], count: frames.length,
    foldAll: () => set(frames.map(({ id }) => id)), unfoldAll: () => set([]),
  };
}

function buttonOf(group, name, isOpen, act) {
  for (const [key, value] of [["role", "button"], ["tabindex", "0"], ["aria-label", name], ["aria-expanded", isOpen]]) {
    group.setAttribute(key, value);
  }
  group.addEventListener("click", (event) => { event.stopPropagation(); act(); });
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
}

// A caption with its mark; the plate grows with it.
function captionButton(group, frame, toggle) {
  const plate = group.querySelector(".plate"), wider = textWidth("▾ ", 10) / 2 + 1;
  group.querySelector("text").prepend("▾ ");
  frame.caption = { ...frame.caption, left: frame.caption.left - wider, right: frame.caption.right + wider };
  plate.setAttribute("x", frame.caption.left.toFixed(1));
  plate.setAttribute("width", (frame.caption.right - frame.caption.left).toFixed(1));
  buttonOf(group, `${frame.name}, ${gatesText(frame.gates).slice(2)}, fold`, true, () => toggle(frame.id));
}

// The box in the place of a folded frame.
function makeBox(frame, place, { facts, glyph }, toggle) {
  const { left, top, right } = place, x = (left + right) / 2, room = right - left - 10;
  const text = (row, content, more) => {
    const element = svgElement("text", { x: x.toFixed(1), y: (top + row).toFixed(1), ...more });
    element.append(content);
    return element;
  };
  const output = facts.output >= frame.gates[0] && facts.output < frame.gates[1];
  const group = svgElement("g", { class: `node folded${output ? " output" : ""}`, "data-box": frame.id });
  const size = { x: left, y: top, width: right - left, height: place.bottom - top };
  const value = text(42, "", { "data-line": "value" }), gradient = text(56, glyph, { "data-line": "gradient" });
  group.append(
    svgElement("rect", { class: "box", ...size }), text(15, cutText(frame.name, NODE_TEXT, room), { class: "head" }),
    text(28.5, gatesText(frame.gates), { class: "small" }), value, gradient,
  );
  value.append(document.createTextNode(""));
  const lines = { value: lineOf(value, value.firstChild, NODE_TEXT, room), gradient: lineOf(gradient, gradient.firstChild, NODE_TEXT, room) };
  buttonOf(group, `${frame.name}, ${gatesText(frame.gates).slice(2)}, unfold`, false, () => toggle(frame.id));
  return { frame, group, box: place, lines, mark: "", badge: null, leaving: leavingOf(frame, facts) };
}

// The gates of a frame that are used outside it, or are the output.
function leavingOf({ gates: [first, end] }, facts) {
  const isIn = (gate) => gate >= first && gate < end, found = new Set(isIn(facts.output) ? [facts.output] : []);
  facts.gates.forEach((gate, index) => {
    if (!isIn(index)) for (const operand of gate.operands) if (isIn(operand)) found.add(operand);
  });
  return [...found].sort((a, b) => a - b);
}

// What a box says: the numbers of the gate that leaves it, of several as of an array.
function drawBox(picture, box, columns, marks) {
  const { leaving, frame: { gates: [first, end] } } = box, room = picture.facts.room ?? 10;
  const together = (column) => {
    if (leaving.length === 1) return column[leaving[0]];
    const found = leaving.map((gate) => column[gate]).filter((x) => x != null);
    return found.length ? found.flatMap(elements) : null;
  };
  writeLine(box.lines.value, together(columns.values), brief, room);
  const gradient = together(columns.global_gradients);
  if (gradient == null) box.lines.gradient.node.data = box.lines.gradient.text = "";
  else writeLine(box.lines.gradient, gradient, sizeText, room);
  const held = marks.slice(first, end);
  markNode(box, held.includes("bad") ? "bad" : held.includes("warn") ? "warn" : "");
}

// Moves a group; where what stood in a box stands then.
function placeAt(group, { left, top, right, bottom }, dx, dy) {
  if (dx || dy) group.setAttribute("transform", `translate(${dx.toFixed(2)},${dy.toFixed(2)})`);
  else group.removeAttribute("transform");
  return { left: left + dx, top: top + dy, right: right + dx, bottom: bottom + dy };
}

// Writes a layout into the picture.
function showLayout(picture, geometry, layout, boxes, toggle) {
  const { parts } = geometry, { homes, mapX, mapY } = layout;
  const move = ([x, y]) => [mapX(x), mapY(y)];
  const shift = (group, from, to = from) => placeAt(group, from, mapX(to.left) - from.left, mapY(to.top) - from.top);
  for (const node of picture.nodes) {
    if (!node) continue;
    node.group.classList.toggle("away", Boolean(homes[node.index]));
    node.at = shift(node.group, node.box);
  }
  for (const frame of geometry.frames) {
    const { group, outline, written, button } = parts.get(frame.id), isOpen = layout.open.includes(frame);
    for (const part of [group, button]) part.classList.toggle("away", !isOpen);
    outline.setAttribute("d", layout.identity ? written : roundPath(move([frame.rect.left, frame.rect.top]), move([frame.rect.right, frame.rect.bottom])));
    shift(button, frame.caption);
  }
  for (const edge of geometry.edges) showEdge(picture, edge, parts.get(edge.id), layout, move, shift);
  const place = picture.svg.querySelector(".captions") ?? picture.svg.querySelector(".labels");
  for (const box of boxes.values()) box.group.classList.add("away");
  picture.boxes = layout.standing.map((id) => {
    if (!boxes.has(id)) boxes.set(id, makeBox(parts.get(id).frame, geometry.boxes[id], picture, toggle));
    const box = boxes.get(id);
    if (!box.group.parentNode) place.before(box.group);
    box.group.classList.remove("away");
    box.at = shift(box.group, box.box);
    return box;
  });
  const shown = new Map(picture.boxes.map((box) => [box.frame.id, box]));
  picture.home = homes.map((id) => shown.get(id) ?? null);
  if (picture.drawnBy) drawNumbers(picture.svg, picture.facts, ...picture.drawnBy);
  if (picture.step) light(picture.svg, picture.facts, picture.step);
}

// A rectangle with round corners.
function roundPath([left, top], [right, bottom], radius = 12) {
  const r = Math.min(radius, (right - left) / 2, (bottom - top) / 2), w = right - left - 2 * r, h = bottom - top - 2 * r;
  const arc = (x, y) => `a${r},${r} 0 0 1 ${x},${y}`;
  return `M${left + r},${top}h${w}${arc(r, r)}v${h}${arc(-r, r)}h${-w}${arc(-r, -r)}v${-h}${arc(r, -r)}z`;
}

function showEdge(picture, edge, { line, tip, written }, layout, move, shift) {
  const part = picture.edges.get(edge.id), shown = layout.edges.get(edge.id), label = part.label?.group;
  part.group.classList.toggle("away", !shown);
  label?.classList.toggle("away", !shown?.label);
  part.members = null;
  if (!shown) return;
  part.members = shown.members?.map((id) => picture.edges.get(id)) ?? null;
  line.setAttribute("d", layout.identity ? written.d : writePath(mappedCurve(shown.points, move)));
  const [x, y] = centreOf(boxOf(shown.tip)), [a, b] = move([x, y]);
  const moved = shown.tip.map(([tx, ty]) => [(tx + a - x).toFixed(2), (ty + b - y).toFixed(2)].join(","));
  tip.setAttribute("points", layout.identity ? written.points : moved.join(" "));
  if (label && shown.label) part.label.at = shift(label, edge.label, shown.label);
}

// Everything that stands, and a margin.
function contentOf(geometry, layout) {
  const found = [];
  const add = ({ left, top, right, bottom }) => found.push([layout.mapX(left), layout.mapY(top)], [layout.mapX(right), layout.mapY(bottom)]);
  geometry.nodes.forEach((box, gate) => { if (box && !layout.homes[gate]) add(box); });
  for (const id of layout.standing) add(geometry.boxes[id]);
  for (const frame of layout.open) add(frame.rect);
  for (const edge of layout.edges.values()) {
    if (edge.label) add(edge.label);
    add(boxOf(edge.points));
  }
  return grown(boxOf(found), CONTENT_MARGIN);
}
