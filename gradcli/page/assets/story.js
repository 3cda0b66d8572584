// What happens in a step: formulas with their numbers, warnings, arrays, and the gates around.
//
// Enters: columns, warnings, a step or a chosen gate. Leaves: text in its box. Invariant: the sentences are those of
// `gradcli explain`; this only colours them.

const NUMBER = /(?<![\p{L}\p{N}_.′'])-?(?:[0-9][0-9_]*(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|inf|nan)(?![\p{L}\p{N}_])/gu;
const MOST_RESULTS = 12;

// show({columns, warnings, position, selected}); onPick(gate) when one of the gates around is chosen.
function storyBox(element, facts, steps, onPick) {
  let shown = "", maps = [];
  const pick = (gate) => {
    element.focus({ preventScroll: true });
    onPick(gate);
  };
  return (now) => {
    const step = steps[now.position], gate = step?.gate ?? now.selected, about = `${now.position} ${gate}`;
    const isNew = about !== shown;
    if (isNew) maps = [];
    shown = about;
    if (gate === null) {
      element.replaceChildren(headLine("both", "Everything computed", ""), ...endStory(facts, now.columns));
      return isNew;
    }
    const told = [];
    const { columns, warnings } = now, pass = step?.pass, { active } = facts.gates[gate];
    if (pass !== "backward") told.push(...forwardSentences(facts, columns, gate, warnings));
    if (pass !== "forward" && active) told.push(...backwardSentences(facts, columns, gate, warnings));
    const title = step ? stepText(facts, steps, now.position) : `Both passes: ${gateTitle(facts, gate)}`;
    const lines = told.filter(({ kind }) => kind !== "gate").map(sentenceLine);
    const parts = [headLine(pass ?? "both", ...title.split(/: (.*)/s)), build("div", { class: "lines" }, ...lines)];
    const neighbours = around(facts, gate, columns, pick), arrays = arraysOf(facts, columns, gate, pass);
    if (maps.length && maps.length === arrays.length) {
      maps.forEach(({ update }, index) => update(arrays[index].x));
      element.replaceChildren(...parts, neighbours, element.querySelector(".maps"));
    } else {
      const box = build("div", { class: "maps" });
      maps = arrays.map(({ x, kind, label }) => {
        const part = build("figure", {}, build("figcaption", {}, label));
        box.append(part);
        return heatMap(part, x, shapeOf(x), kind, label);
      });
      element.replaceChildren(...parts, neighbours, ...(maps.length ? [box] : []));
    }
    return isNew;
  };
}

function headLine(pass, place, title) {
  const [word, ...rest] = place.split(" ");
  const isBoth = pass === "both", first = build("b", { class: pass }, isBoth ? place : capital(word));
  const where = build("span", { class: "place" }, first, isBoth ? "" : ` ${rest.join(" ")}`);
  return build("p", { class: "step" }, where, build("span", { class: "title" }, title));
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

// The result and the gradients, when both passes are over.
function endStory(facts, columns) {
  const name = labelOf(facts, facts.output), line = (title, x, ink) => {
    return build("p", { class: "line" }, `${title} = `, build("b", { class: inkOf(x, ink) }, fullText(x)));
  };
  const result = line(name, columns.values[facts.output], "v");
  const active = facts.inputs.filter(({ gate }) => columns.global_gradients[gate] !== null);
  const lines = active.slice(0, MOST_RESULTS).map((input) => {
    return line(`∂${name}/∂${input.name}`, columns.global_gradients[input.gate], "g");
  });
  const more = active.length - MOST_RESULTS;
  const hint = (text) => build("p", { class: "hint" }, text);
  const live = facts.live ? "; move an input and all is computed anew" : "";
  const box = build("div", { class: "lines results" }, result, ...lines);
  const told = `Play goes through both passes, gate by gate. Choose a gate in the graph for its own story${live}.`;
  return [box, ...(more > 0 ? [hint(`… and ${more} more, beside the inputs`)] : []), hint(told)];
}

// The colour of a number: its own where it is finite.
function inkOf(x, ink) {
  return allFinite(x) ? ink : "bad";
}

// A number in full, an array in short.
function fullText(x) {
  return Array.isArray(x) ? brief(x) : full(x);
}

function nestedText(x) {
  return Array.isArray(x) ? `[${x.map(nestedText).join(", ")}]` : full(x);
}

function warningLine(message) {
  return build("p", { class: "line warning" }, `⚠ ${message}`);
}

function sentenceLine({ kind, text, words }) {
  if (kind === "warning") return warningLine(words || text);
  const line = build("p", { class: `line k-${kind}` }, ...colored(kind, text ?? ""));
  if (words) line.append(build("span", { class: "words" }, `${text ? "   " : ""}${words}`));
  return line;
}

// Numbers in their colours: in q = x + y = 2.0 + 3.0 = 5.0 those after the symbols.
function colored(kind, text) {
  const parts = text.split(" = ");
  const forward = kind === "input" || kind === "forward";
  const own = forward ? "v" : kind === "local" ? "l" : "g";
  return parts.flatMap((part, index) => {
    const glue = index ? [" = "] : [];
    const isLast = index === parts.length - 1 && index > 0;
    if (!isLast && index < 2 && !(index === 1 && parts.length > 2 && kind === "passes")) return [...glue, part];
    if (isLast) return [...glue, ...numbersIn(part, () => own, "b")];
    return [...glue, ...numbersIn(part, (at) => (forward ? "v" : part.includes(" · ") && at > part.indexOf(" · ") ? "l" : "g"), "span")];
  });
}

function numbersIn(text, color, tag) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(NUMBER)) {
    parts.push(text.slice(at, found.index), build(tag, { class: /[nf]/.test(found[0]) ? "bad" : color(found.index) }, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

// The arrays of a step, as heat maps show them.
function arraysOf(facts, columns, gate, pass) {
  const { operands } = facts.gates[gate], label = labelOf(facts, gate), found = [];
  const add = (x, kind, words) => Array.isArray(x) && elements(x).length > 1 && found.push({ x, kind, label: words });
  if (pass !== "backward") add(columns.values[gate], "value", `${label}, value`);
  if (pass === "forward") return found;
  add(columns.global_gradients[gate], "gradient", `${label}, gradient`);
  operands.forEach((operand, position) => {
    const name = labelOf(facts, operand);
    add(columns.local_gradients[gate]?.[position], "local", `∂${label}/∂${name}`);
    add(columns.contributions[gate]?.[position], "gradient", `← to ${name}`);
  });
  return found;
}

// The gates around, to go to.
function around(facts, gate, columns, pick) {
  const value = (index) => {
    const x = columns.values[index];
    return [" ", build("span", { class: inkOf(x, "v") }, brief(x))];
  };
  const chip = (index, more) => {
    return build("button", { type: "button", class: "chip", onclick: () => pick(index) }, labelOf(facts, index), ...more);
  };
  const row = (word, gates, more) => {
    const chips = gates.slice(0, 24).map((index) => chip(index, more(index)));
    return gates.length ? [build("span", { class: "word" }, word), ...chips] : [];
  };
  const operands = [...new Set(facts.gates[gate].operands)];
  const users = [...new Set(usersOf(facts, gate).map(([user]) => user))].reverse();
  return build("p", { class: "around" }, ...row("from", operands, value), ...row("goes into", users, () => []));
}
