// The page: one state, one update, everything else shows it.
//
// Enters: facts, the address. Leaves: the page. Invariant: numbers flow one way: values → columns → warnings → drawing,
// table, sentences; position n of n steps means that everything is computed.

// Pixels of the graph around the gate of a step; below the buttons.
const ROOM_AROUND = 70, UNDER_TOOLS = 50;
// In the header.
const MOST_GRADIENTS = 8;

function start() {
  const facts = JSON.parse(byId("facts").textContent), steps = stepsOf(facts);
  const svg = document.querySelector("svg.gradcli-graph");
  const page = {
    facts, steps, svg, last: steps.length, viewport: byId("viewport"), tell: notices(byId("notice")), timings: {},
    values: null, position: 0, selected: null, columns: facts.columns && savedColumns(facts.columns), warnings: [],
    waiting: null, saving: null, spoken: "",
  };
  addParts(page);
  addControls(page);
  readAddress(page);
  window.gradcliPage = outsideOf(page);
}

// What shows the state; each part asks for changes.
function addParts(page) {
  const { facts, steps, svg } = page, choose = (gate) => pick(page, gate), hovers = (gate) => point(page, gate);
  page.source = sourceView(byId("program"), facts, choose, hovers);
  page.inputs = inputsPanel(byId("inputs"), facts, (index, value) => change(page, page.values.with(index, value)));
  page.table = numbersTable(byId("table"), facts);
  page.tellStory = storyBox(byId("story"), facts, steps, choose);
  page.player = player(facts, steps, (...step) => goTo(page, ...step), (playing) => {
    page.player.showPlaying(playing);
    if (!playing) speak(page);
  });
  pictureOf(svg, facts);
  page.nodes = graphNodes(page, choose, hovers);
  page.zoom = zoomable(page.viewport, svg);
  startFolds(svg, facts, () => {
    page.nodes.show(current(page));
    requestAnimationFrame(() => follow(page));
  });
}

function addControls(page) {
  setText(byId("title"), document.title.replace(/^#\s*/, ""));
  themeButton(byId("theme"));
  copyButton(byId("copy"), () => saveLink(page), page.tell);
  byId("print").addEventListener("click", () => window.print());
  printInLight();
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", page.zoom[button.dataset.zoom]);
  }
  byId("reset").addEventListener("click", () => {
    change(page, page.facts.inputs.map(({ value }) => plainNumber(value)));
    byId("inputs").querySelector("input:enabled,button")?.focus();
  });
  window.addEventListener("hashchange", () => { page.player.stop(); readAddress(page); });
  const leave = () => page.selected !== null && goTo(page, page.last, "user");
  pageKeys(page.player.act, helpDialog(byId("keys"), byId("help")), leave);
}

// What tests look at.
function outsideOf(page) {
  return {
    columns: () => page.columns,
    warnings: () => page.warnings,
    steps: () => page.steps,
    timings: () => ({ ...page.timings }),
    step: (position) => goTo(page, Math.max(0, Math.min(page.last, position)), "test"),
    set(name, value) {
      page.values = page.values.with(page.facts.inputs.findIndex((input) => input.name === name), value);
      update(page, true);
    },
  };
}

// What the page is about now: a gate, or null.
function current({ steps, position, selected }) {
  return steps[position]?.gate ?? selected;
}

// New values are shown with the next frame, however many there are until then.
function change(page, values) {
  page.values = values;
  page.waiting ??= requestAnimationFrame(() => update(page, true));
}

function goTo(page, position, by) {
  const inGraph = page.viewport.contains(document.activeElement);
  [page.position, page.selected] = [position, null];
  update(page, false);
  if (inGraph && current(page) !== null) page.nodes.focus(current(page));
  if (by === "user") speak(page);
}

// A gate in the pass that is shown; at the end both of its passes are told.
function pick(page, gate) {
  page.player.stop();
  const { pass } = page.steps[page.position] ?? {};
  const position = page.steps.findIndex((step) => step.gate === gate && step.pass === pass);
  if (pass && position >= 0) page.position = position;
  else [page.position, page.selected] = [page.last, gate];
  update(page, false);
  speak(page);
}

function point(page, gate) {
  hover(page.svg, gate);
  page.source.mark(gate, "hovered");
}

// Show the state. withNumbers: values have changed, too.
function update(page, withNumbers) {
  const isNew = withNumbers || page.waiting !== null, clock = stopwatch(page.timings), { facts, svg } = page;
  if (page.waiting) cancelAnimationFrame(page.waiting);
  page.waiting = null;
  if (isNew) computeAndDraw(page, clock);
  const chosen = page.selected === null ? null : { pass: "both", gate: page.selected };
  light(svg, facts, page.steps[page.position] ?? chosen);
  clock("drawing");
  if (isNew) tellNumbers(page, clock);
  showStep(page);
  clearTimeout(page.saving);
  page.saving = setTimeout(() => saveLink(page), 250);
  clock("sentence");
  clock.end();
}

function computeAndDraw(page, clock) {
  const { facts, svg } = page;
  if (facts.live) page.columns = gradcliTrace(...page.values);
  clock("compute");
  page.warnings = warningsOf(facts, page.columns);
  clock("warnings");
  drawNumbers(svg, facts, page.columns, page.warnings);
  if (facts.arrays) drawMaps(svg, facts, page.columns);
}

// Numbers beside the picture.
function tellNumbers(page, clock) {
  const { facts, columns, values, last } = page;
  page.table.update(columns);
  clock("table");
  page.inputs.write(values, facts.inputs.map(({ gate }) => columns.global_gradients[gate]));
  showResult(facts, columns);
  showWarnings(facts, page.warnings, (gate) => pick(page, gate));
  byId("reset").hidden = linkOf(facts, values, last, last) === "";
  clock("inputs");
}

function showStep(page) {
  if (page.tellStory(page)) requestAnimationFrame(() => follow(page));
  page.source.mark(current(page), "now");
  page.nodes.show(current(page));
  page.player.show(page.position);
  const step = page.steps[page.position], isAhead = step?.pass === "forward" && step.gate !== page.facts.output;
  document.documentElement.dataset.pass = step?.pass ?? "both";
  byId("result").classList.toggle("ahead", isAhead);
}

// What the step is about comes into view. All is measured first: measuring after a change costs a layout each time.
function follow(page) {
  const gate = current(page), { nodes, zoom } = page, view = zoom.view();
  const isHidden = gate !== null && !isInSight(nodes.place(gate), page.viewport.getBoundingClientRect());
  const target = isHidden && grown(nodes.box(gate, view), ROOM_AROUND / view.scale);
  page.source.follow();
  byId("story").scrollTop = 0;
  if (target) zoom.reveal(target);
}

// Whether a box is inside another one, above the buttons there; what has no box is.
function isInSight(box, { left, right, top, bottom }) {
  if (!box) return true;
  return box.left >= left && box.right <= right && box.top >= top && box.bottom <= bottom - UNDER_TOOLS;
}

// To screen readers: what a person asked for, once, not every gate while it plays.
function speak(page) {
  const lines = [...byId("story").querySelectorAll(".line")].map((line) => line.textContent);
  const text = [stepText(page.facts, page.steps, page.position), ...lines].join(". ");
  if (text !== page.spoken) byId("spoken").textContent = page.spoken = text;
}

function saveLink(page) {
  clearTimeout(page.saving);
  const link = linkOf(page.facts, page.values, page.position, page.last);
  try {
    if (link !== location.hash) history.replaceState(null, "", link || location.pathname + location.search);
  } catch { /* some places have no history; the page works without */ }
}

function readAddress(page) {
  const { troubles, values, position } = readLink(page.facts, location.hash, page.last);
  Object.assign(page, { values, position, selected: null });
  page.tell(troubles.length ? `In the address: ${troubles.join("; ")}.` : page.facts.note ?? "");
  update(page, true);
}

function savedColumns(saved) {
  return Object.fromEntries(Object.entries(saved).map(([name, column]) => [name, plainNumber(column)]));
}

// Milliseconds of the parts of an update.
function stopwatch(timings) {
  const begun = performance.now();
  let before = begun;
  for (const name of Object.keys(timings)) timings[name] = 0;
  const clock = (name) => {
    const now = performance.now();
    timings[name] = now - before;
    before = now;
  };
  clock.end = () => (timings.total = performance.now() - begun);
  return clock;
}

// The gates of the graph as buttons: one of them is in the order of tabs.
function graphNodes({ svg, viewport, facts }, choose, hovers) {
  const groups = facts.gates.map((_, index) => svg.querySelector(`g.node[id="g${index}"]`));
  const isShown = (group) => group && !group.classList.contains("away");
  const shape = (gate) => svg.querySelector(".active .box") ?? groups[gate];
  let stop = null;
  groups.forEach((group, index) => {
    if (!group) return;
    group.setAttribute("role", "button");
    group.setAttribute("tabindex", "-1");
    group.setAttribute("aria-label", gateTitle(facts, index));
  });
  listenToGates(viewport, groups, choose, hovers);
  return {
    show(gate) {
      const wanted = groups[gate ?? facts.output], next = isShown(wanted) ? wanted : groups.find(isShown);
      if (next !== stop) stop?.setAttribute("tabindex", "-1");
      next?.setAttribute("tabindex", "0");
      for (const group of [stop, wanted]) group?.setAttribute("aria-pressed", group === wanted && gate !== null);
      stop = next;
    },
    place: (gate) => shape(gate)?.getBoundingClientRect(),
    box: (gate, view) => boxOnScreen(viewport, shape(gate), view),
    focus: (gate) => isShown(groups[gate]) && groups[gate].focus({ preventScroll: true }),
  };
}

// Listeners of the viewport: an SVG that listens to focus is a stop of its own.
function listenToGates(viewport, groups, choose, hovers) {
  const on = (name, act) => viewport.addEventListener(name, (event) => {
    const gate = groups.indexOf(event.target.closest("g.node[id]") ?? undefined);
    if (gate >= 0) act(gate, event);
  });
  on("click", choose);
  on("mouseover", hovers);
  on("mouseout", () => hovers(null));
  on("focusin", hovers);
  on("focusout", () => hovers(null));
  on("keydown", (gate, event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    choose(gate);
  });
}

function startFolds(svg, facts, onChange) {
  if (!facts.frames.length) return;
  const folds = clusters(svg, facts, onChange);
  byId("folds").hidden = folds.count === 0;
  byId("fold").addEventListener("click", folds.foldAll);
  byId("unfold").addEventListener("click", folds.unfoldAll);
}

function showResult(facts, columns) {
  const number = (tag, x, ink, write) => {
    return build(tag, { class: inkOf(x, ink), title: Array.isArray(x) ? "" : full(x) }, write(x));
  };
  const name = build("span", { class: "name" }, `${labelOf(facts, facts.output)} = `);
  byId("result").replaceChildren(name, number("output", columns.values[facts.output], "v", brief));
  const active = facts.inputs.filter(({ gate }) => columns.global_gradients[gate] !== null);
  const items = active.slice(0, MOST_GRADIENTS).map((input) => {
    const gradient = number("b", columns.global_gradients[input.gate], "g", sizeText);
    return build("li", {}, `∂/∂${input.name} `, gradient);
  });
  const more = active.length - MOST_GRADIENTS;
  byId("gradients").replaceChildren(...items, ...(more > 0 ? [build("li", {}, `and ${more} more`)] : []));
}

function showWarnings(facts, warnings, choose) {
  const key = JSON.stringify(warnings), list = byId("warning-list");
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  byId("warnings").hidden = !warnings.length;
  setText(byId("warnings-title"), warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`);
  list.replaceChildren(...warnings.map(({ kind, gate, message }) => {
    const title = build("b", { class: NOT_FINITE.has(kind) ? "bad" : "warn" }, `⚠ ${kind}`);
    return build("li", {}, build("button", { type: "button", onclick: () => choose(gate) }, title, ` ${message}`));
  }));
}

start();
