// Both passes as steps: buttons, a slider, keys, a clock.
//
// Enters: the facts. Leaves: positions: step 0 … n - 1, and n, where everything is computed. Invariant: only the page's
// state holds the position; the player shows it and asks for another one.

function stepsOf(facts) {
  const all = facts.gates.map((gate, index) => ({ gate: index, active: gate.active }));
  const forward = all.map(({ gate }) => ({ pass: "forward", gate }));
  const backward = all.filter(({ active }) => active).reverse().map(({ gate }) => ({ pass: "backward", gate }));
  return [...forward, ...backward];
}

// "forward 3 of 5: q = x + y"
function stepText(facts, steps, position) {
  if (position >= steps.length) return "Everything computed";
  const { pass, gate } = steps[position], count = facts.gates.length;
  const [nth, all] = pass === "forward" ? [position + 1, count] : [position - count + 1, steps.length - count];
  return `${pass} ${nth} of ${all}: ${gateTitle(facts, gate)}`;
}

// A gate with its name: q = x + y.
function gateTitle(facts, index) {
  const { text, kind } = facts.gates[index], label = labelOf(facts, index);
  return kind === "gate" && label !== text ? `${label} = ${text}` : text;
}

const SECONDS_PER_STEP = 1.3;

function player(facts, steps, onStep, onPlaying) {
  const last = steps.length, scrub = byId("scrub"), state = { position: last, clock: null };
  const go = (to, by = "user") => onStep(Math.max(0, Math.min(last, to)), by);
  const { stop, play } = playing(state, last, go, onPlaying);
  const moves = {
    first: () => go(0), back: () => go(state.position - 1), forward: () => go(state.position + 1), last: () => go(last),
  };
  const act = (name) => {
    const isRunning = state.clock !== null;
    stop();
    if (name !== "play") moves[name]();
    else if (!isRunning) play();
  };
  const buttons = [...document.querySelectorAll("[data-go]")];
  for (const button of buttons) {
    button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && act(button.dataset.go));
  }
  byId("speed").addEventListener("change", () => state.clock !== null && (stop(), play()));
  scrub.max = last;
  scrub.addEventListener("input", () => (stop(), go(Number(scrub.value))));
  byId("transport").style.setProperty("--turn", facts.gates.length / last);
  return {
    act, stop,
    show(now) {
      state.position = now;
      scrub.value = now;
      scrub.setAttribute("aria-valuetext", stepText(facts, steps, now));
      byId("transport").style.setProperty("--now", now / last);
      const end = { first: 0, back: 0, forward: last, last };
      for (const button of buttons) button.setAttribute("aria-disabled", now === end[button.dataset.go]);
    },
    showPlaying(isPlaying) {
      byId("transport").classList.toggle("playing", isPlaying);
      document.querySelector("[data-go=play]").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    },
  };
}

// The clock: from where the page stands to the end, from the end once more.
function playing(state, last, go, onPlaying) {
  const stop = () => {
    if (state.clock === null) return;
    clearInterval(state.clock);
    state.clock = null;
    onPlaying(false);
  };
  const tick = () => {
    if (state.position < last) go(state.position + 1, "clock");
    if (state.position >= last) stop();
  };
  const play = () => {
    if (state.position >= last) go(0, "clock");
    state.clock = setInterval(tick, (1000 * SECONDS_PER_STEP) / Number(byId("speed").value));
    onPlaying(true);
  };
  return { stop, play };
}

const KEYS = { ArrowRight: "forward", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };

// Keys of the whole page, but where they mean something else.
function pageKeys(act, help, leave) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const { key, target } = event, isScrub = target.id === "scrub";
    if (target.matches("input,select,textarea,.numbers *") && !(isScrub && key === " ")) return;
    if (key === " " && target.closest("button,summary,[role=button]:not(.gate,.input,.constant)")) return;
    if (key === "?") help();
    else if (key === "Escape") leave();
    else if (!event.shiftKey && key in KEYS) act(KEYS[key]);
    else return;
    event.preventDefault();
  });
}
