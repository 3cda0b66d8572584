// Zoom and pan: the view box is what of the picture the viewport shows.
//
// Enters: the viewport and the SVG in it. Leaves: view boxes. Invariant: a page that scrolls is never trapped (the plain
// wheel scrolls it), and the picture can't be lost: some of it is always in view.

const MOST_ZOOM = 6, LARGEST_FIT = 1.4, ZOOM_STEP = 1.25, PAN_STEP = 60, DRAG_START = 4;
// Pixels per unit: of a whole picture the least, of one that does not fit.
const LEAST_WHOLE = 0.62, READABLE = 0.85;
// Where the first view may begin; pixels before a gate there.
const FIRST_GATES = 12, ROOM_BEFORE = 16;

// The scale at which all of a content is in the viewport.
function fitScale(content, width, height) {
  return Math.min(width / (content.right - content.left), height / (content.bottom - content.top), LARGEST_FIT);
}

// The scale to begin with: all of it, but readable.
function firstScale(content, width, height) {
  const scale = fitScale(content, width, height);
  return scale < LEAST_WHOLE ? READABLE : scale;
}

// A view {x, y, scale} that shows something: what is smaller than the viewport stands in it, what is larger fills it.
function clampView(view, content, width, height) {
  const least = Math.min(fitScale(content, width, height), 1) * 0.5;
  const scale = Math.min(Math.max(view.scale, least), MOST_ZOOM);
  const along = (place, low, high, room) => {
    const spare = high - low - room;
    return spare < 0 ? Math.min(Math.max(place, low + spare), low) : Math.min(Math.max(place, low), low + spare);
  };
  const x = along(view.x, content.left, content.right, width / scale);
  return { x, y: along(view.y, content.top, content.bottom, height / scale), scale };
}

// The view in which a content stands in the middle; what is too wide or too high begins at its left or top.
function centred(content, scale, width, height) {
  const along = (low, high, room) => (high - low > room ? low : (low + high - room) / 2);
  const x = along(content.left, content.right, width / scale);
  return { x, y: along(content.top, content.bottom, height / scale), scale };
}

// All of it.
function wholeView(content, boxes, width, height) {
  return centred(content, fitScale(content, width, height), width, height);
}

// The view to begin with: all of it where it can be read, else where most gates are whole, of which the first ones
// count most. boxes: of the gates, in their order.
function firstView(content, boxes, width, height) {
  const scale = firstScale(content, width, height), begun = centred(content, scale, width, height);
  const starts = boxes.slice(0, FIRST_GATES), before = ROOM_BEFORE / scale;
  let best = begun, most = -1;
  for (const x of [begun.x, ...starts.map(({ left }) => left - before)]) {
    for (const y of [begun.y, ...starts.map(({ top }) => top - before)]) {
      const view = clampView({ x, y, scale }, content, width, height);
      const right = view.x + width / scale, bottom = view.y + height / scale;
      const isWhole = (box) => box.left >= view.x && box.right <= right && box.top >= view.y && box.bottom <= bottom;
      const found = boxes.reduce((sum, box, order) => sum + (isWhole(box) ? 1 / (order + 2) : 0), 0);
      if (found > most) [best, most] = [view, found];
    }
  }
  return best;
}

// The same point of the picture stays under the point (x, y) of the viewport.
function scaledAt(view, factor, x, y) {
  const scale = Math.min(view.scale * factor, MOST_ZOOM);
  return { x: view.x + x / view.scale - x / scale, y: view.y + y / view.scale - y / scale, scale };
}

// The view moved just so far that a box {left, top, right, bottom} is in it.
function viewWith(view, box, width, height, margin = 24) {
  const along = (place, low, high, room) => {
    if (high - low > room) return (low + high - room) / 2;
    return Math.min(Math.max(place, high - room), low);
  };
  const [w, h, m] = [width / view.scale, height / view.scale, margin / view.scale];
  return { ...view, x: along(view.x, box.left - m, box.right + m, w), y: along(view.y, box.top - m, box.bottom + m, h) };
}

// Make a picture zoomable. Its content is what `clusters` says, else its first view box.
function zoomable(viewport, svg) {
  const state = { viewport, svg, original: drawnBox(svg), view: null, viewFor: null, size: null, isPrinting: false };
  const move = (view) => { state.viewFor = null; showView(state, view); };
  const place = (viewFor) => placeView(state, viewFor);
  const zoom = (factor, ...point) => {
    const [x, y] = point.length ? point : measured(state).map((size) => size / 2);
    move(scaledAt(state.view, factor, x, y));
  };
  const pan = (dx, dy) => move(pannedBy(state.view, dx, dy));
  const reveal = (box) => showView(state, viewWith(state.view, box, ...measured(state)));
  svg.classList.add("zoomed");
  svg.removeAttribute("width");
  svg.removeAttribute("height");
  if (!viewport.hasAttribute("tabindex")) viewport.tabIndex = 0;
  setHeight(state);
  place(firstView);
  placeAgain(state);
  // Of the viewport: an SVG that listens to focus is a stop of its own.
  viewport.addEventListener("focusin", ({ target }) => {
    if (target !== viewport) reveal(boxOnScreen(viewport, target, state.view));
  });
  svg.addEventListener("lit", (event) => reveal(event.detail));
  const api = {
    fit: () => place(state.viewFor === wholeView ? firstView : wholeView), in: () => zoom(ZOOM_STEP),
    out: () => zoom(1 / ZOOM_STEP), reveal, pan, zoom, view: () => state.view,
  };
  zoomByWheel(viewport, api);
  zoomByKeys(viewport, api);
  zoomByPointers(viewport, api);
  return api;
}

// What there is to be seen.
function contentBox({ svg, original }) {
  return pictures.get(svg)?.content ?? original;
}

// The viewport's width and height, measured once per resize.
function measured(state) {
  return (state.size ??= [state.viewport.clientWidth || 1, state.viewport.clientHeight || 1]);
}

function setHeight(state) {
  const height = Math.ceil(wantedHeight(contentBox(state), measured(state)[0]));
  state.viewport.style.setProperty("--picture-height", `${height}px`);
  state.size = null;
}

function showView(state, view) {
  const [width, height] = measured(state), content = contentBox(state), { svg, viewport } = state;
  state.view = clampView(view, content, width, height);
  const { x, y, scale } = state.view;
  if (state.isPrinting) return;
  const written = [x, y, width / scale, height / scale].map((z) => z.toFixed(2)).join(" ");
  if (written !== svg.getAttribute("viewBox")) svg.setAttribute("viewBox", written);
  hideFar(pictures.get(svg), { left: x, top: y, right: x + width / scale, bottom: y + height / scale });
  const touch = (content.bottom - content.top) * scale > height + 1 ? "none" : "pan-y";
  if (viewport.style.touchAction !== touch) viewport.style.touchAction = touch;
}

// viewFor: wholeView or firstView; it is taken anew when something else stands there, or elsewhere.
function placeView(state, viewFor) {
  state.viewFor = viewFor;
  showView(state, viewFor(contentBox(state), standing(pictures.get(state.svg)), ...measured(state)));
}

function placeAgain(state) {
  const again = () => (state.viewFor ? placeView(state, state.viewFor) : showView(state, state.view));
  new ResizeObserver(() => { state.size = null; setHeight(state); again(); }).observe(state.viewport);
  state.svg.addEventListener("content", again);
  const print = (on) => {
    state.isPrinting = on;
    if (!on) return showView(state, state.view);
    state.svg.setAttribute("viewBox", viewBoxOf(contentBox(state)));
    return hideFar(pictures.get(state.svg), contentBox(state));
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
}

// The boxes of a picture that are not folded away, in the order of gates.
function standing(picture) {
  if (!picture) return [];
  const nodes = picture.nodes.filter((node) => node && !picture.home?.[node.index]);
  const found = [...nodes.map((node) => [node.index, node]), ...picture.boxes.map((box) => [box.frame.gates[0], box])];
  return found.sort(([a], [b]) => a - b).map(([, part]) => part.at ?? part.box);
}

// Texts out of sight have no place: when one text changes, a browser lays out all that have one.
function hideFar(picture, view) {
  const labels = [...(picture?.edges.values() ?? [])].map(({ label }) => label);
  for (const part of [...(picture?.nodes ?? []), ...labels]) {
    if (!part) continue;
    const { left, top, right, bottom } = part.at ?? part.box;
    const isFar = left > view.right || right < view.left || top > view.bottom || bottom < view.top;
    if (part.isFar !== isFar) part.group.classList.toggle("far", (part.isFar = isFar));
  }
}

function pannedBy(view, dx, dy) {
  return { ...view, x: view.x + dx / view.scale, y: view.y + dy / view.scale };
}

function viewBoxOf({ left, top, right, bottom }) {
  return [left, top, right - left, bottom - top].join(" ");
}

// How high a viewport of that width should be to show the picture.
function wantedHeight(content, width) {
  return (content.bottom - content.top) * firstScale(content, width, Infinity);
}

// Where an element stands, in the picture's units.
function boxOnScreen(viewport, element, { x, y, scale }) {
  const outer = viewport.getBoundingClientRect(), inner = element.getBoundingClientRect();
  const across = (z) => x + (z - outer.left - viewport.clientLeft) / scale;
  const down = (z) => y + (z - outer.top - viewport.clientTop) / scale;
  return { left: across(inner.left), top: down(inner.top), right: across(inner.right), bottom: down(inner.bottom) };
}

function pointIn(viewport, event) {
  const { left, top } = viewport.getBoundingClientRect();
  return [event.clientX - left - viewport.clientLeft, event.clientY - top - viewport.clientTop];
}

// Ctrl and wheel, which a pinch on a touchpad is too; and the double click.
function zoomByWheel(viewport, { zoom }) {
  viewport.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    zoom(Math.exp(-Math.min(Math.max(pixels, -80), 80) * 0.006), ...pointIn(viewport, event));
  }, { passive: false });
  viewport.addEventListener("dblclick", (event) => {
    if (event.target.closest(".caption,.folded,button")) return;
    event.preventDefault();
    zoom(event.shiftKey ? 1 / 1.8 : 1.8, ...pointIn(viewport, event));
  });
}

function zoomByKeys(viewport, { zoom, pan, fit }) {
  const pans = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  viewport.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey && pans[event.key];
    if (step) pan(step[0] * PAN_STEP, step[1] * PAN_STEP);
    else if (event.key === "+" || event.key === "=") zoom(ZOOM_STEP);
    else if (event.key === "-" || event.key === "−") zoom(1 / ZOOM_STEP);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

// Drag with one pointer, pinch with two. A drag is no click on what it began at.
function zoomByPointers(viewport, { zoom, pan }) {
  const pointers = new Map();
  let dragged = false, travelled = 0;
  const middle = () => {
    const [a, b = a] = [...pointers.values()];
    return { x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2, apart: Math.hypot(a[0] - b[0], a[1] - b[1]) };
  };
  viewport.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    if (!pointers.size) [dragged, travelled] = [false, 0];
    pointers.set(event.pointerId, pointIn(viewport, event));
  });
  viewport.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    if (event.pointerType === "mouse" && !event.buttons) return void pointers.delete(event.pointerId);
    const before = middle();
    pointers.set(event.pointerId, pointIn(viewport, event));
    const after = middle(), dx = before.x - after.x, dy = before.y - after.y;
    travelled += Math.hypot(dx, dy) + Math.abs(after.apart - before.apart);
    if (!dragged && travelled < DRAG_START) return;
    if (!dragged) viewport.setPointerCapture(event.pointerId);
    dragged = true;
    viewport.classList.add("dragging");
    pan(dx, dy);
    if (before.apart && after.apart) zoom(after.apart / before.apart, after.x, after.y);
  });
  const end = (event) => {
    pointers.delete(event.pointerId);
    if (!pointers.size) viewport.classList.remove("dragging");
  };
  viewport.addEventListener("pointerup", end);
  viewport.addEventListener("pointercancel", end);
  viewport.addEventListener("click", (event) => {
    if (dragged) event.stopPropagation();
    dragged = false;
  }, true);
}

function grown({ left, top, right, bottom }, margin) {
  return { left: left - margin, top: top - margin, right: right + margin, bottom: bottom + margin };
}
