// The inputs: a slider, a number field and the gradient of each; of an array those of its chosen element.
//
// Enters: the facts, values, gradients. Leaves: new values, by onChange(index, value). Invariant: only a person changes a
// value; showing one never does. The field holds the exact number.

// Of a slider.
const POSITIONS = 1000;
const MOST_BUTTONS = 400;

function inputsPanel(element, facts, onChange) {
  const panels = facts.inputs.map((input, index) => {
    const make = input.shape.length ? arrayPanel : numberPanel;
    return make(input, !facts.live, (value) => onChange(index, value));
  });
  const hint = (text) => element.append(build("p", { class: "hint" }, text));
  if (!facts.live) hint("This program is too large to be computed in the page: its inputs stand still.");
  if (!facts.inputs.length) hint("This program has no inputs.");
  element.append(...panels.map(({ part }) => part));
  return {
    // Values and gradients by input.
    write: (values, gradients) => panels.forEach((panel, index) => panel.write(values[index], gradients[index])),
  };
}

// A field that takes what readNumber takes. Other text is told, and changes nothing.
function numberField(label, off, change) {
  const field = build("input", {
    type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false", "aria-label": label, disabled: off,
  });
  const fault = build("span", { class: "fault", role: "status" });
  let shown = null;
  const mark = (wrong) => {
    field.setAttribute("aria-invalid", wrong);
    setText(fault, wrong ? `no number: ${full(shown)} stays` : "");
    field.title = field.value;
  };
  field.addEventListener("input", () => {
    const x = readNumber(field.value);
    mark(x === null);
    if (x !== null) change((shown = x));
  });
  // What is left in the field is the number in full; text that is none stays, to be mended.
  const settle = (always) => {
    if (shown === null || (!always && field.getAttribute("aria-invalid") === "true")) return;
    field.value = full(shown);
    mark(false);
  };
  field.addEventListener("change", () => settle(false));
  field.addEventListener("keydown", ({ key }) => (key === "Enter" || key === "Escape") && settle(key === "Escape"));
  return {
    field, fault,
    write(x) {
      if (shown !== null && Object.is(shown, x)) return;
      shown = x;
      field.value = full(x);
      mark(false);
    },
  };
}

// A slider between low and high, and further where the value is beyond them.
function numberSlider(label, [low, high], off, change) {
  const about = { type: "range", min: 0, max: POSITIONS, step: 1, "aria-label": label, disabled: off };
  const slider = build("input", about);
  let usual = [low, high], range = usual, shown = null;
  slider.addEventListener("input", () => {
    shown = atPosition(range, Number(slider.value));
    slider.setAttribute("aria-valuetext", full(shown));
    change(shown);
  });
  return {
    slider,
    write(x, bounds) {
      if (bounds) usual = bounds;
      if (shown !== null && Object.is(shown, x) && !bounds) return;
      if (Number.isFinite(x)) range = [Math.min(usual[0], x), Math.max(usual[1], x)];
      shown = x;
      const share = Number.isFinite(x) ? x / (range[1] - range[0]) - range[0] / (range[1] - range[0]) : x > 0 ? 1 : 0;
      slider.value = Math.round(POSITIONS * share);
      slider.setAttribute("aria-valuetext", full(x));
    },
  };
}

// The number at a place of the slider, with no more digits than the places differ in.
function atPosition([low, high], position) {
  const step = high / POSITIONS - low / POSITIONS;
  if (position === 0 || position === POSITIONS) return position ? high : low;
  const digits = Math.min(100, Math.max(0, Math.ceil(-Math.log10(step))));
  const x = low + step * position;
  return digits < 100 && Math.abs(x) < 1e20 ? Number(x.toFixed(digits)) + 0 : x;
}

function gradientText(x) {
  return x === null || x === undefined ? "" : `←\u00a0${Array.isArray(x) ? sizeText(x) : fitted(x, 9)}`;
}

function gradientCell() {
  const cell = build("span", { class: "g gradient" });
  const write = (x) => {
    const text = gradientText(x);
    setText(cell, text);
    cell.className = `gradient ${inkOf(x ?? 0, "g")}`;
    if (!Array.isArray(x)) cell.title = text && full(x);
  };
  return { cell, write };
}

function numberPanel(input, off, change) {
  const { name, low, high } = input;
  const gradient = gradientCell();
  const field = numberField(`${name}, value`, off, (x) => (slider.write(x), change(x)));
  const slider = numberSlider(`${name}, slider`, [low, high], off, (x) => (field.write(x), change(x)));
  const about = { class: "input", role: "group", "aria-label": name, "data-input": name };
  const part = build("div", about, nameCell(name), slider.slider, field.field, gradient.cell, field.fault);
  return { part, write: (x, g) => (field.write(x), slider.write(x), gradient.write(g)) };
}

function nameCell(name) {
  return build("span", { class: "name", title: name }, name);
}

// A button per element; arrow keys go from one to the next. Arrays of many elements are reached by index fields.
function arrayPanel(input, off, change) {
  const { name, shape, low, high } = input;
  const count = shape.reduce((product, size) => product * size, 1), gradient = gradientCell(), own = gradientCell();
  let value = plainNumber(input.value), slope = null, chosen = 0;
  const label = (at) => `${name}[${pathOf(shape, at).join(",")}]`;
  const set = (x) => change(replaced(value, pathOf(shape, chosen), x));
  const field = numberField("", off || !count, (x) => (slider.write(x), set(x)));
  const slider = numberSlider("", [low, high], off || !count, (x) => (field.write(x), set(x)));
  const title = build("span", { class: "name" }), hasButtons = count <= MOST_BUTTONS;
  const choose = (at) => {
    chosen = at;
    chooser.choose(at);
    showChosen(true);
  };
  const chooser = hasButtons ? cellButtons(shape, count, label, choose) : indexFields(shape, name, choose);
  const showChosen = (moved) => {
    const x = elements(value)[chosen];
    if (x === undefined) return;
    const at = label(chosen);
    setText(title, at);
    field.field.setAttribute("aria-label", `${at}, value`);
    slider.slider.setAttribute("aria-label", `${at}, slider`);
    field.write(x);
    slider.write(x, moved ? [low, high] : undefined);
    own.write(slope === null ? null : elements(slope)[chosen]);
  };
  const size = build("span", { class: "shape" }, shape.join("×"));
  const head = build("div", { class: "head" }, nameCell(name), size, gradient.cell);
  const row = build("div", { class: "input chosen" }, title, slider.slider, field.field, own.cell, field.fault);
  const about = { class: "array", role: "group", "aria-label": name, "data-input": name };
  const part = build("div", about, head, chooser.part, ...(count ? [row] : []));
  chooser.choose(0);
  return {
    part,
    write(x, g) {
      [value, slope] = [x, g ?? null];
      gradient.write(g);
      chooser.write(elements(x));
      showChosen(false);
    },
  };
}

// The index of an element by its place in row order.
function pathOf(shape, at) {
  return shape.map((size, axis) => Math.floor(at / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % size);
}

function cellButtons(shape, count, label, choose) {
  const columns = shape.length ? Math.max(1, shape.at(-1)) : 1;
  let chosen = 0, last = [];
  const about = { type: "button", class: "cell", tabindex: -1 };
  const cells = Array.from({ length: count }, (_, at) => build("button", { ...about, "data-at": at }));
  const part = build("div", { class: "cells scroller", style: `--columns:${columns}` }, ...cells);
  part.addEventListener("click", ({ target: { dataset: { at } } }) => at !== undefined && choose(Number(at)));
  part.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const by = { ...ways, Home: -chosen, End: count - 1 - chosen }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    if (chosen + by >= 0 && chosen + by < count) choose(chosen + by);
    cells[chosen].focus();
  });
  return {
    part,
    choose(at) {
      if (!count) return;
      for (const [cell, on] of [[cells[chosen], false], [cells[at], true]]) {
        cell.tabIndex = on ? 0 : -1;
        cell.setAttribute("aria-pressed", on);
      }
      chosen = at;
    },
    write(numbers) {
      const most = numbers.reduce((a, x) => (Number.isFinite(x) ? Math.max(a, Math.abs(x)) : a), 0);
      numbers.forEach((x, at) => {
        if (Object.is(last[at], x) && last.most === most) return;
        setText(cells[at], short(x, 3));
        cells[at].setAttribute("aria-label", `${label(at)}: ${full(x)}`);
        cells[at].style.setProperty("--heat", `${heatShare(x, most)}%`);
        cells[at].dataset.sign = Number.isFinite(x) ? (x < 0 ? "-" : "+") : "?";
      });
      last = Object.assign(numbers.slice(), { most });
    },
  };
}

// How strongly a cell is coloured, in percent.
function heatShare(x, most) {
  return Number.isFinite(x) && most ? Math.round(38 * Math.abs(x / most)) : 0;
}

function indexFields(shape, name, choose) {
  const fields = shape.map((size, axis) => build("input", {
    type: "number", min: 0, max: size - 1, value: 0, oninput: () => choose(place()),
    "aria-label": `${name}, index ${axis + 1} of ${shape.length}`,
  }));
  const place = () => fields.reduce((at, { value }, axis) => {
    return at * shape[axis] + Math.min(shape[axis] - 1, Math.max(0, Math.round(Number(value)) || 0));
  }, 0);
  return { part: build("div", { class: "indices" }, "element ", ...fields), choose() {}, write() {} };
}
