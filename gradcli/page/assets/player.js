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
  const place = pass === "forward" ? `${position + 1} of ${count}` : `${position - count + 1} of ${steps.length - count}`;
  return `${pass} ${place}: ${gateTitle(facts, gate)}`;
}

// A gate with its name: q = x + y.
function gateTitle(facts, index) {
  const { text, kind } = facts.gates[index], label = labelOf(facts, index);
  return kind === "gate" && label !== text ? `${label} = ${text}` : text;
}

const SECONDS_PER_STEP = 1.3;

function player(facts, steps, onStep, onPlaying) {
  const last = steps.length, scrub = byId("scrub"), buttons = new Map();
  let position = last, clock = null;
  const go = (to, by = "user") => onStep(Math.max(0, Math.min(last, to)), by);
  const stop = () => {
    if (clock === null) return;
    clearInterval(clock);
    clock = null;
    onPlaying(false);
  };
  const tick = () => {
    if (position < last) go(position + 1, "clock");
    if (position >= last) stop();
  };
  const play = () => {
    if (position >= last) go(0, "clock");
    clock = setInterval(tick, (1000 * SECONDS_PER_STEP) / Number(byId("speed").value));
    onPlaying(true);
  };
  const toggle = () => (clock === null ? play() : stop());
  const moves = {
    first: () => go(0), back: () => go(position - 1), forward: () => go(position + 1), last: () => go(last),
  };
  const act = (name) => {
    if (name === "play") return toggle();
    stop();
    return moves[name]();
  };
  for (const button of document.querySelectorAll("[data-go]")) {
    buttons.set(button.dataset.go, button);
    button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && act(button.dataset.go));
  }
  byId("speed").addEventListener("change", () => clock !== null && (stop(), play()));
  scrub.max = last;
  scrub.addEventListener("input", () => (stop(), go(Number(scrub.value))));
  byId("transport").style.setProperty("--turn", facts.gates.length / last);
  return {
    act, stop,
    show(now) {
      position = now;
      scrub.value = now;
      scrub.setAttribute("aria-valuetext", stepText(facts, steps, now));
      byId("transport").style.setProperty("--now", now / last);
      for (const [name, off] of [["first", now === 0], ["back", now === 0], ["forward", now === last], ["last", now === last]]) {
        buttons.get(name).setAttribute("aria-disabled", off);
      }
    },
    showPlaying(playing) {
      byId("transport").classList.toggle("playing", playing);
      buttons.get("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    },
  };
}

const KEYS = { ArrowRight: "forward", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };

// Keys of the whole page, but where they mean something else.
function pageKeys(act, help, leave) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { key, target } = event, isScrub = target.id === "scrub";
    if (target.matches("input,select,textarea,.numbers *") && !(isScrub && key === " ")) return;
    if (key === " " && target.closest("button,summary,[role=button]:not(.gate,.input,.constant)")) return;
    const asked = key === "?" ? help : key === "Escape" ? leave : !event.shiftKey && key in KEYS ? () => act(KEYS[key]) : null;
    if (!asked) return;
    event.preventDefault();
    asked();
  });
}
