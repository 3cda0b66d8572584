// What `gradcli explain` prints of a gate in the forward and in the backward pass, the same text sign by sign.
//
// Enters: facts, columns, a gate. Leaves: a list of {kind, text, words}: an equation, and what is remarked beside it; of
// a warning words alone. Invariant: every number is one of the columns'. Kinds: input, forward, warning; gate, arrives,
// local, passes, result. For the page alone a constant without a name has a sentence too.
//
// A side of an equation that says what the one before it says is left out, such as 1 = 1.0. Of arrays the smallest,
// mean and largest element and the norm have four digits; there the last one may differ from Python's.

// Elements of an array that is written whole.
const MOST_INLINE = 12;
// Of one sum that are written out.
const MOST_TERMS = 40;
const SMALLEST_NORMAL = 2.2250738585072014e-308;
// Relative, of a mean.
const ROUNDING = 1e-14;
// A factor without parentheses.
const ALONE = /^([\p{L}\p{N}_.]+(\^[\p{L}\p{N}_.]+)?|[\p{L}\p{N}_]+\([^()]*\))$/u;
const PYTHON_DIGITS = "\\d+(?:_\\d+)*";
const PYTHON_DECIMAL = `(?:${PYTHON_DIGITS}\\.?(?:${PYTHON_DIGITS})?|\\.${PYTHON_DIGITS})(?:e[+-]?${PYTHON_DIGITS})?`;
const PYTHON_FLOAT = new RegExp(`^\\s*[+-]?(?:inf(?:inity)?|${PYTHON_DECIMAL})\\s*$`, "i");

// How a gate's value comes about. warnings: those of warningsOf that are to be told, too.
function forwardSentences(facts, columns, gate, warnings = []) {
  const here = facts.gates[gate], label = labelOf(facts, gate), value = numberText(columns.values[gate]);
  const named = here.name !== null || (gate === facts.output && facts.called !== undefined);
  const found = [];
  if (here.kind === "input") {
    const fixed = !here.active && facts.gates.some((one) => one.active);
    found.push(sentence("input", [label, value], fixed ? "held fixed" : ""));
  } else if (here.kind === "constant") {
    found.push(sentence("forward", [...(named ? [label] : []), here.text, value], "a constant"));
  } else {
    const sides = [label, sideText(facts, gate, here.text), numbersText(facts, columns, gate), value];
    found.push(sentence("forward", sides, here.remark ?? ""));
  }
  return [...found, ...warned(columns, gate, warnings, true)];
}

// What arrives at a gate, and what it passes on; of an input its gradient. Nothing where no gradient flows.
function backwardSentences(facts, columns, gate, warnings = []) {
  const here = facts.gates[gate], isGate = here.operands.length > 0;
  if (columns.global_gradients[gate] === null) return [];
  const head = `${labelOf(facts, gate)} = ${sideText(facts, gate, here.text)}`;
  const found = isGate ? [{ kind: "gate", text: head, words: "" }] : [];
  found.push(sumSentence(facts, columns, gate, isGate ? "arrives" : "result"));
  here.operands.forEach((_, position) => {
    if (columns.contributions[gate][position] !== null) found.push(...passes(facts, columns, gate, position));
  });
  return [...found, ...warned(columns, gate, warnings, false)];
}

// The warnings of a gate that belong to this pass.
function warned(columns, gate, warnings, isForward) {
  const value = elements(columns.values[gate]), isActive = columns.global_gradients[gate] !== null;
  const isFinite = value.every(Number.isFinite), vanishes = value.some((x) => Math.abs(x) < SMALLEST_NORMAL);
  const told = warnings.filter((one) => {
    const ofValue = !isFinite || (one.kind === "underflow" && vanishes);
    return one.gate === gate && (ofValue || !isActive) === isForward;
  });
  return told.map((one) => ({ kind: "warning", text: "", words: one.message }));
}

function sentence(kind, sides, words) {
  return { kind, text: trimmed(sides).join(" = "), words };
}

// The sides of an equation without those that say what the side before or behind them says.
function trimmed(sides) {
  const kept = [sides[0]];
  for (let place = 1; place < sides.length; place += 1) {
    if (sides[place] !== kept.at(-1) && !sameNumber(sides[place], sides[place + 1] ?? "")) kept.push(sides[place]);
  }
  return kept;
}

// Whether Python's float() reads both as the same number.
function sameNumber(first, second) {
  return PYTHON_FLOAT.test(first) && PYTHON_FLOAT.test(second) && pythonFloat(first) === pythonFloat(second);
}

function pythonFloat(text) {
  const plain = text.trim().replaceAll("_", "");
  return /inf/i.test(plain) ? (plain.startsWith("-") ? -Infinity : Infinity) : Number(plain);
}

// Names, numbers, gates

function labelOf(facts, gate) {
  return gate === facts.output && facts.called !== undefined ? facts.called : facts.gates[gate].label;
}

// ∂f/∂x
function totalText(facts, gate) {
  return `∂${labelOf(facts, facts.output)}/∂${labelOf(facts, gate)}`;
}

// A gate's text as a side of an equation: what binds as loosely as = is in parentheses.
function sideText(facts, gate, text) {
  return facts.rows[facts.gates[gate].row].loose ? `(${text})` : text;
}

function isLarge(x) {
  return Array.isArray(x) && elements(x).length > MOST_INLINE;
}

// A number with all digits, a small array whole; of a large one it is told what it is like.
function numberText(x) {
  return isLarge(x) ? gist(x) : inlineText(x);
}

function inlineText(x) {
  return Array.isArray(x) ? `[${x.map(inlineText).join(", ")}]` : full(x);
}

// The same behind an operator.
function signedText(x) {
  return inParentheses(numberText(x), true);
}

function inParentheses(text, careful) {
  return careful && text.startsWith("-") ? `(${text})` : text;
}

function gist(x) {
  const numbers = elements(x), shape = shapeOf(x), finite = numbers.filter(Number.isFinite);
  const told = shape.length > 1 ? shape.join("×") : `${grouped(numbers.length)} elements`;
  if (numbers.every((one) => one === numbers[0])) return `(${told}: all ${full(numbers[0])})`;
  const counts = [["nan", Number.isNaN], ["inf", (one) => one === Infinity], ["-inf", (one) => one === -Infinity]]
    .map(([name, is]) => [numbers.filter(is).length, name]).filter(([count]) => count);
  const parts = counts.map(([count, name]) => `${grouped(count)} ${name}`);
  if (finite.length) {
    const low = finite.reduce((a, b) => Math.min(a, b)), high = finite.reduce((a, b) => Math.max(a, b));
    const shown = [["min", low], ["mean", meanOf(finite, Math.max(-low, high))], ["max", high], ["norm", norm(finite)]];
    parts.push(...shown.map(([name, one]) => `${name} ${short(one).replaceAll("−", "-").replace("∞", "inf")}`));
  }
  return `(${told}: ${parts.join(", ")})`;
}

// 0 where what is left of a mean is rounding. What a sum loses is added up apart.
function meanOf(numbers, largest) {
  const unit = numbers.length * largest > 1e308 ? numbers.length : 1;
  let sum = 0, lost = 0;
  for (const x of numbers.map((one) => one / unit)) {
    const next = sum + x;
    lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
    sum = next;
  }
  const mean = ((sum + lost) / numbers.length) * unit;
  return Math.abs(mean) <= ROUNDING * largest ? 0 : mean;
}

// What a gate computes, with numbers in place of its operands.
function numbersText(facts, columns, gate) {
  const here = facts.gates[gate], row = facts.rows[here.row], template = here.written ?? row.written;
  if (template !== undefined) return sideText(facts, gate, filled(facts, columns, gate, template));
  return `${row.called}(${here.operands.map((operand) => operandText(facts, columns, operand)).join(", ")})`;
}

// A template of facts.py with numbers: {0} is the first operand, {y} the value, {g} the gradient.
function filled(facts, columns, gate, template) {
  const y = [columns.values[gate], labelOf(facts, gate)], g = [columns.global_gradients[gate], totalText(facts, gate)];
  return template.replace(/\{(\d+|y|g)(-?)\}/g, (_, name, careful) => {
    if (name !== "y" && name !== "g") {
      return inParentheses(operandText(facts, columns, facts.gates[gate].operands[name]), careful);
    }
    const [x, label] = name === "y" ? y : g;
    return isLarge(x) ? label : inParentheses(numberText(x), careful);
  });
}

// The number of an operand; a constant that is written in digits stays as it is written, a large array has its name.
function operandText(facts, columns, operand) {
  const { kind, text } = facts.gates[operand], value = columns.values[operand];
  if (isLarge(value)) return labelOf(facts, operand);
  return kind === "constant" && /^[-.0-9]/.test(text) ? text : numberText(value);
}

// The backward pass

// Of facts: for each gate those that use it, in the order of the backward pass.
const USERS = new WeakMap();

function usersOf(facts, gate) {
  if (!USERS.has(facts)) {
    const users = facts.gates.map(() => []);
    for (let index = facts.gates.length - 1; index >= 0; index -= 1) {
      facts.gates[index].operands.forEach((operand, position) => users[operand].push([index, position]));
    }
    USERS.set(facts, users);
  }
  return USERS.get(facts)[gate];
}

// The global gradient of a gate as the sum of what it received.
function sumSentence(facts, columns, gate, kind) {
  const total = totalText(facts, gate), adjoint = columns.global_gradients[gate];
  if (gate === facts.output) return sentence(kind, [total, numberText(adjoint)], "the seed: here the gradient starts");
  const received = usersOf(facts, gate).map(([user, position]) => columns.contributions[user][position]);
  const parts = received.filter((x) => x !== null);
  if (parts.length < 2) return sentence(kind, [total, numberText(adjoint)], "");
  let terms = parts.map((part, place) => (place ? signedText(part) : numberText(part)));
  if (terms.length > MOST_TERMS) terms = [...terms.slice(0, MOST_TERMS / 2), "…", ...terms.slice(-MOST_TERMS / 2)];
  return sentence(kind, [total, terms.join(" + "), numberText(adjoint)], `${grouped(parts.length)} contributions add up`);
}

// One edge: the local gradient, then the chain rule.
function* passes(facts, columns, gate, position) {
  const here = facts.gates[gate], operand = here.operands[position], edge = here.edges[position];
  const local = localGradient(facts, columns, gate, position), contribution = columns.contributions[gate][position];
  const repeated = here.operands.filter((one) => one === operand).length > 1;
  // Where ∂gate/∂operand would mean something else.
  const byRule = gate === facts.output || repeated;
  const rule = edge.told ?? edge.rule, partial = `∂${labelOf(facts, gate)}/∂${labelOf(facts, operand)}`;
  let words = whyNothing(facts, columns, gate, position) || whyShaped(facts, gate, position);
  if (!byRule && local !== null) yield sentence("local", [partial, rule, numberText(local)], "");
  else if (repeated) words = `as its ${ordinal(position + 1)} operand${words ? `; ${words}` : ""}`;
  const sum = `${totalText(facts, operand)} +=`;
  if (local === null) {
    const sides = [`${sum} ${edge.passed}`, filled(facts, columns, gate, edge.numbers), numberText(contribution)];
    yield sentence("passes", sides, words);
    return;
  }
  const axes = addedAxes(facts, gate, position), symbol = byRule ? (ALONE.test(rule) ? rule : `(${rule})`) : partial;
  const added = (product) => (axes === null ? product : `sum(${product}${axes})`);
  const numbers = added(`${numberText(columns.global_gradients[gate])} · ${signedText(local)}`);
  const symbols = added(`${totalText(facts, gate)} · ${symbol}`);
  yield sentence("passes", [`${sum} ${symbols}`, numbers, numberText(contribution)], words);
}

// The local gradient of an edge without its repetitions: of a sum 1, not an array of ones.
function localGradient(facts, columns, gate, position) {
  const x = columns.local_gradients[gate][position], { own } = facts.gates[gate].edges[position];
  if (own === undefined || !Array.isArray(x) || !elements(x).length) return x;
  let part = x;
  for (let axes = shapeOf(x).length; axes > own.length; axes -= 1) [part] = part;
  return cut(part, own);
}

// The beginning of nested arrays along each axis.
function cut(x, [extent, ...rest]) {
  return extent === undefined ? x : x.slice(0, extent).map((part) => cut(part, rest));
}

// 1st, 2nd, 3rd, 4th.
function ordinal(number) {
  const ending = [11, 12, 13].includes(number % 100) ? "th" : { 1: "st", 2: "nd", 3: "rd" }[number % 10] ?? "th";
  return `${number}${ending}`;
}

function isZero(x) {
  return elements(x).every((one) => one === 0);
}

// Why an edge passes nothing on, in words; "" where it does.
function whyNothing(facts, columns, gate, position) {
  const { op, operands, row } = facts.gates[gate], { structural, variadic, flat } = facts.rows[row];
  if (op === "where" && position > 0) {
    const condition = columns.values[operands[0]];
    if (Array.isArray(condition)) return "";
    return position === (condition !== 0 ? 1 : 2) ? "the branch that is chosen" : "this branch is not chosen: exactly 0";
  }
  if (!isZero(columns.contributions[gate][position])) return "";
  if (op === "where") return "a condition passes nothing on";
  if (isZero(columns.global_gradients[gate])) return "nothing arrived, nothing is passed on";
  if (structural) return "";
  if (variadic) return "another operand is chosen: nothing passes";
  if (flat?.includes(position)) return "a step is flat: nothing passes";
  return isZero(columns.local_gradients[gate][position]) ? "the local gradient is 0: nothing passes" : "";
}

// The axes along which a contribution was added up, as an argument of sum; null where nothing was, or sum does not do it.
function addedAxes(facts, gate, position) {
  const { shape, operands } = facts.gates[gate], own = String(facts.gates[operands[position]].shape);
  if (own === String(shape)) return null;
  return own === "" ? "" : own === String(shape.slice(1)) ? ", axis=0" : null;
}

// Why what is passed on has another shape than the gate.
function whyShaped(facts, gate, position) {
  const { shape, operands, row } = facts.gates[gate], own = facts.gates[operands[position]].shape;
  if (facts.rows[row].structural || String(own) === String(shape)) return "";
  if (addedAxes(facts, gate, position) === null) return `added up to its shape, ${own.join("×")}: it was repeated`;
  const count = own.length ? shape[0] : shape.reduce((product, extent) => product * extent, 1);
  const what = own.length ? (own.length === 1 ? "rows" : "parts") : "elements";
  return `added up over the ${grouped(count)} ${what}: it was repeated`;
}
