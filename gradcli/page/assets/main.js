// The page: one state, one update, everything else shows it.
//
// Enters: facts, the address. Leaves: the page. Invariant: numbers flow one way: values → columns → warnings → drawing,
// table, sentences; position n of n steps means that everything is computed.

function start() {
  const facts = JSON.parse(byId("facts").textContent);
  const svg = document.querySelector("svg.gradcli-graph"), viewport = byId("viewport");
  const steps = stepsOf(facts), last = steps.length, tell = notices(byId("notice"));
  const state = { ...readLink(facts, location.hash, last), selected: null, pointed: null };
  const saved = facts.columns && savedColumns(facts.columns), timings = {};
  let columns = null, warnings = [], waiting = null, saving = null, spoken = "";

  setText(byId("title"), document.title.replace(/^#\s*/, ""));
  themeButton(byId("theme"));
  copyButton(byId("copy"), saveLink, tell);
  byId("print").addEventListener("click", () => window.print());
  printInLight();
  const help = helpDialog(byId("keys"), byId("help"));
  const source = sourceView(byId("program"), facts, pick, point);
  const inputs = inputsPanel(byId("inputs"), facts, (index, value) => change(state.values.with(index, value)));
  const table = numbersTable(byId("table"), facts);
  const tellStory = storyBox(byId("story"), facts, steps, pick);
  const play = player(facts, steps, goTo, (playing) => (play.showPlaying(playing), playing || speak()));
  const nodes = graphNodes(svg, facts, pick, point);
  const zoom = zoomable(viewport, svg);
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", zoom[button.dataset.zoom]);
  startFolds(svg, facts, () => nodes.show(current()));

  // What the page is about now: a gate, or null.
  function current() {
    return steps[state.position]?.gate ?? state.selected;
  }

  function change(values) {
    state.values = values;
    schedule({ numbers: true });
  }

  function goTo(position, by) {
    const inGraph = viewport.contains(document.activeElement);
    [state.position, state.selected] = [position, null];
    update({ numbers: false });
    if (inGraph && current() !== null) nodes.focus(current());
    if (by === "user") speak();
  }

  // A gate in the pass that is shown; at the end both of its passes are told.
  function pick(gate) {
    play.stop();
    const { pass } = steps[state.position] ?? {};
    const position = steps.findIndex((step) => step.gate === gate && step.pass === pass);
    if (pass && position >= 0) state.position = position;
    else [state.position, state.selected] = [last, gate];
    update({ numbers: false });
    speak();
  }

  function point(gate) {
    state.pointed = gate;
    hover(svg, gate);
    source.mark(gate, "hovered");
  }

  function schedule(what) {
    waiting = { numbers: what.numbers || waiting?.numbers, frame: waiting?.frame ?? requestAnimationFrame(() => update(waiting)) };
  }

  function update(what) {
    if (waiting) cancelAnimationFrame(waiting.frame);
    const numbers = what.numbers || waiting?.numbers;
    waiting = null;
    const clock = stopwatch(timings);
    if (numbers) {
      columns = facts.live ? gradcliTrace(...state.values) : saved;
      clock("compute");
      warnings = warningsOf(facts, columns);
      clock("warnings");
      drawNumbers(svg, facts, columns, warnings);
      if (facts.arrays) drawMaps(svg, facts, columns);
    }
    light(svg, facts, steps[state.position] ?? (state.selected === null ? null : { pass: "both", gate: state.selected }));
    clock("drawing");
    if (numbers) {
      table.update(columns);
      clock("table");
      inputs.write(state.values, facts.inputs.map(({ gate }) => columns.global_gradients[gate]));
      showResult(facts, columns);
      showWarnings(facts, warnings, pick);
      byId("reset").hidden = linkOf(facts, state.values, last, last) === "";
      clock("inputs");
    }
    if (tellStory({ ...state, columns, warnings })) requestAnimationFrame(follow);
    source.mark(current(), "now");
    nodes.show(current());
    play.show(state.position);
    document.documentElement.dataset.pass = steps[state.position]?.pass ?? "both";
    clearTimeout(saving);
    saving = setTimeout(saveLink, 250);
    clock("sentence");
    clock.end();
  }

  // What the step is about comes into view: all is measured first, since measuring after a change costs a layout each time.
  function follow() {
    const gate = current(), around = viewport.getBoundingClientRect(), box = gate === null ? null : nodes.place(gate);
    const isHidden = box && (box.left < around.left || box.right > around.right || box.top < around.top || box.bottom > around.bottom - UNDER_TOOLS);
    const target = isHidden && grown(nodes.box(gate, zoom.view()), ROOM_AROUND / zoom.view().scale);
    source.follow();
    byId("story").scrollTop = 0;
    if (target) zoom.reveal(target);
  }

  // To screen readers: what a person asked for, once, not every gate while it plays.
  function speak() {
    const text = `${stepText(facts, steps, state.position)}. ${[...byId("story").querySelectorAll(".line")].map((line) => line.textContent).join(". ")}`;
    if (text !== spoken) byId("spoken").textContent = spoken = text;
  }

  function saveLink() {
    clearTimeout(saving);
    const link = linkOf(facts, state.values, state.position, last);
    try {
      if (link !== location.hash) history.replaceState(null, "", link || location.pathname + location.search);
    } catch { /* some places have no history; the page works without */ }
  }

  function readAddress() {
    const { troubles } = Object.assign(state, readLink(facts, location.hash, last), { selected: null });
    tell(troubles.length ? `In the address: ${troubles.join("; ")}.` : facts.note ?? "");
    update({ numbers: true });
  }

  byId("reset").addEventListener("click", () => {
    change(facts.inputs.map(({ value }) => plainNumber(value)));
    byId("inputs").querySelector("input:enabled,button")?.focus();
  });
  window.addEventListener("hashchange", () => { play.stop(); readAddress(); });
  pageKeys(play.act, help, () => state.selected !== null && goTo(last, "user"));
  readAddress();
  window.gradcliPage = {
    columns: () => columns,
    warnings: () => warnings,
    steps: () => steps,
    timings: () => ({ ...timings }),
    step: (position) => goTo(Math.max(0, Math.min(last, position)), "test"),
    set(name, value) {
      const index = facts.inputs.findIndex((input) => input.name === name);
      state.values = state.values.with(index, value);
      update({ numbers: true });
    },
  };
}

const ROOM_AROUND = 70, UNDER_TOOLS = 50; // pixels of the graph around the gate of a step; below the buttons

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
function graphNodes(svg, facts, pick, point) {
  const groups = facts.gates.map((_, index) => svg.querySelector(`g.node[id="g${index}"]`));
  let stop = null;
  const gateOf = (event) => {
    const group = event.target.closest("g.node[id]");
    return group ? groups.indexOf(group) : -1;
  };
  svg.setAttribute("tabindex", "-1"); // an SVG that listens to focus is a stop of its own else
  groups.forEach((group, index) => {
    if (!group) return;
    group.setAttribute("role", "button");
    group.setAttribute("tabindex", "-1");
    group.setAttribute("aria-label", gateTitle(facts, index));
  });
  const on = (name, act) => svg.addEventListener(name, (event) => gateOf(event) >= 0 && act(gateOf(event), event));
  on("click", (gate) => pick(gate));
  on("mouseover", (gate) => point(gate));
  svg.addEventListener("mouseout", (event) => gateOf(event) >= 0 && point(null));
  on("focusin", (gate) => point(gate));
  svg.addEventListener("focusout", () => point(null));
  on("keydown", (gate, event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    pick(gate);
  });
  const shape = (gate) => svg.querySelector(".active .box") ?? groups[gate];
  const isShown = (group) => group && !group.classList.contains("away");
  return {
    show(gate) {
      const wanted = groups[gate ?? facts.output];
      const next = isShown(wanted) ? wanted : groups.find(isShown);
      if (next !== stop) stop?.setAttribute("tabindex", "-1");
      next?.setAttribute("tabindex", "0");
      for (const group of [stop, wanted]) group?.setAttribute("aria-pressed", group === wanted && gate !== null);
      stop = next;
    },
    place: (gate) => shape(gate)?.getBoundingClientRect(),
    box: (gate, view) => boxOnScreen(svg.parentNode, shape(gate), view),
    focus: (gate) => isShown(groups[gate]) && groups[gate].focus({ preventScroll: true }),
  };
}

function startFolds(svg, facts, onChange) {
  if (!facts.frames.length) return;
  const folds = clusters(svg, facts, onChange);
  byId("folds").hidden = folds.count === 0;
  byId("fold").addEventListener("click", folds.foldAll);
  byId("unfold").addEventListener("click", folds.unfoldAll);
}

const MOST_GRADIENTS = 8; // in the header

function showResult(facts, columns) {
  const value = columns.values[facts.output];
  byId("result").replaceChildren(build("span", { class: "name" }, `${labelOf(facts, facts.output)} = `), build("output", { class: inkOf(value, "v"), title: Array.isArray(value) ? "" : full(value) }, brief(value)));
  const active = facts.inputs.filter(({ gate }) => columns.global_gradients[gate] !== null);
  const items = active.slice(0, MOST_GRADIENTS).map(({ name, gate }) => {
    const x = columns.global_gradients[gate];
    return build("li", {}, `∂/∂${name} `, build("b", { class: inkOf(x, "g"), title: Array.isArray(x) ? "" : full(x) }, sizeText(x)));
  });
  const more = active.length - MOST_GRADIENTS;
  byId("gradients").replaceChildren(...items, ...(more > 0 ? [build("li", {}, `and ${more} more`)] : []));
}

function showWarnings(facts, warnings, pick) {
  const key = JSON.stringify(warnings), list = byId("warning-list");
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  byId("warnings").hidden = !warnings.length;
  setText(byId("warnings-title"), warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`);
  list.replaceChildren(...warnings.map(({ kind, gate, message }) => {
    const button = build("button", { type: "button", onclick: () => pick(gate) }, build("b", { class: BAD_KINDS.has(kind) ? "bad" : "warn" }, `⚠ ${kind}`), ` ${message}`);
    return build("li", {}, button);
  }));
}

start();
