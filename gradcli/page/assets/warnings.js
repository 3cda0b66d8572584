// Where a number or a slope needs a second look: the same gates and messages as the warnings of `gradcli eval --json`,
// without the hint at a cure.
//
// Enters: facts, columns. Leaves: a list of {kind, gate, message}, in the order of the gates. Invariant: a gate is blamed
// only for what is new in it; time is linear in the gates. Arrays are looked at in warnings_of_arrays.js.

// Of the steepest slope: below, a gate is saturated.
// The kinds that make numbers that are not finite, or come of them: the others leave numbers as they are.
const NOT_FINITE = new Set(["domain", "pole", "overflow", "invalid", "0·inf"]);
const FLAT = 1e-8;
// Dead gates whose inputs are told.
const TRACKED = 64;
// Inputs in a message.
const NAMED = 5;
const LARGEST_SUBNORMAL = 2.225073858507201e-308;
const KINK_WORDS = { kink: "has a kink", tie: "has a tie" };

// Columns of a page that computes nothing have no marks of kinks, poles and zeros; its facts may have the warnings.
function warningsOf(facts, numbers) {
  if (facts.warnings) return facts.warnings;
  const columns = { kinks: [], poles: [], zeros: [], ...numbers };
  return facts.arrays ? warningsOfArrays(facts, columns) : warningsOfNumbers(facts, columns);
}

function warningsOfNumbers(facts, columns) {
  const trace = { facts, columns, gates: facts.gates, values: columns.values, adjoints: columns.global_gradients };
  const kinked = [];
  let saturated = [], shut = [];
  trace.gates.forEach((gate, index) => {
    const { kink, steepest, rectifies } = facts.rows[gate.row];
    if (!(kink || steepest || rectifies)) return;
    const slopes = slopesOf(trace, index);
    if (!slopes.length) return;
    if (kink && columns.kinks[index] === 1 && operandValues(trace, index).every(Number.isFinite)) {
      const met = `${shortGate(trace, index)} ${KINK_WORDS[kink[0]]}${whereText(trace, index)}`;
      kinked.push(blame(kink[0], index, `${met}: ${kink[1]}`));
    }
    if (rectifies && slopes.every((slope) => slope === 0) && Number.isFinite(trace.values[index])) shut.push(index);
    if (steepest && isSaturated(trace, index, slopes[0], steepest)) {
      saturated.push(saturation(trace, index, slopes[0], steepest));
    }
  });
  if ([...saturated.map((one) => one.gate), ...shut].some((index) => trace.adjoints[index] === 0)) {
    const flags = usedGates(trace);
    saturated = saturated.filter((one) => flags[one.gate]);
    shut = shut.filter((index) => flags[index]);
  }
  const found = [...kinked, ...notFinite(trace), ...underflows(trace), ...saturated, ...dead(trace, shut)];
  // Stable: several of one gate keep this order.
  return found.sort((a, b) => a.gate - b.gate);
}

function blame(kind, gate, message) {
  return { kind, gate, message };
}

// What all of them ask

function isInfinite(x) {
  return x === Infinity || x === -Infinity;
}

function operandValues(trace, index) {
  return trace.gates[index].operands.map((operand) => trace.values[operand]);
}

// The local gradients of the operands that are differentiated.
function slopesOf(trace, index) {
  return trace.columns.local_gradients[index].filter((slope) => slope !== null);
}

// The active edges of a gate: operand, local gradient, contribution.
function* flowsOf(trace, index) {
  const { local_gradients: slopes, contributions: parts } = trace.columns, { operands } = trace.gates[index];
  for (let place = 0; place < operands.length; place += 1) {
    if (slopes[index][place] !== null) yield [operands[place], slopes[index][place], parts[index][place]];
  }
}

function shortened(text, limit = 40) {
  const signs = text.length > limit ? Array.from(text) : [];
  return signs.length > limit ? `${signs.slice(0, limit - 1).join("")}…` : text;
}

// What a gate computes.
function shortGate(trace, index) {
  return shortened(trace.gates[index].text, 80);
}

// Where: " at x = 0.0, g3 = -1.0"; nothing where all operands are constants.
function whereText(trace, index) {
  const named = [...new Set(trace.gates[index].operands)].filter((one) => trace.gates[one].kind !== "constant");
  const told = named.slice(0, 4).map((one) => `${shortened(trace.gates[one].label)} = ${full(trace.values[one])}`);
  return told.length ? ` at ${told.join(", ")}` : "";
}

// A flag per gate: whether it matters to more than branches that a where did not choose, or times a constant 0.
function usedGates(trace) {
  const { gates, values, adjoints } = trace, flags = new Uint8Array(gates.length);
  const isConstantZero = (index) => adjoints[index] === null && values[index] === 0;
  flags[trace.facts.output] = 1;
  for (let index = trace.facts.output; index >= 0; index -= 1) {
    if (!flags[index]) continue;
    let { operands } = gates[index];
    if (gates[index].op === "where") operands = [operands[0], operands[values[operands[0]] !== 0 ? 1 : 2]];
    else if (gates[index].op === "mul") operands = operands.filter((_, p) => !isConstantZero(operands[1 - p]));
    for (const operand of operands) flags[operand] = 1;
  }
  return flags;
}

// Not finite

// The gates where values, local or global gradients stop being finite, each with the first of its reasons.
function notFinite(trace) {
  const odd = (x) => x !== null && !Number.isFinite(x);
  const { values, adjoints } = trace, { local_gradients: slopes } = trace.columns;
  const steep = trace.gates.map((_, index) => slopes[index].some(odd));
  const endless = new Set(trace.gates.map((_, index) => index).filter((index) => odd(adjoints[index])));
  if (!endless.size && !values.some(odd) && !steep.includes(true)) return [];
  const flags = steep.some((one, index) => one && adjoints[index] === 0) ? usedGates(trace) : null;
  const spoilt = endless.size ? spoiltGradients(trace, endless) : new Map();
  const found = [];
  trace.gates.forEach((_, index) => {
    if (!(odd(values[index]) || steep[index] || endless.has(index) || spoilt.has(index))) return;
    const ofNoAccount = flags !== null && !flags[index];
    const blamed = oddValue(trace, index) ?? oddSlope(trace, index, ofNoAccount) ?? spoilt.get(index);
    if (blamed) found.push(blamed);
  });
  return found;
}

// The first gate of a chain whose value is not finite.
function oddValue(trace, index) {
  const value = trace.values[index], { kind, text } = trace.gates[index];
  if (Number.isFinite(value)) return null;
  const what = shortGate(trace, index), where = whereText(trace, index);
  if (kind === "constant") {
    const asked = Number.isNaN(value) || text.replace(/^-+/, "") === "inf";
    return asked ? null : blame("overflow", index, `${what} is too large for a double: it is ${full(value)}`);
  }
  const operands = operandValues(trace, index);
  if (!operands.every(Number.isFinite)) {
    if (!Number.isNaN(value) || operands.some(Number.isNaN)) return null;
    return blame(trace.gates[index].op === "mul" ? "0·inf" : "invalid", index, `${what} is undefined${where}`);
  }
  if (!operands.length) return null;
  if (Number.isNaN(value)) return blame("domain", index, `${what} is undefined${where}`);
  return blame(trace.columns.poles[index] === 1 ? "pole" : "overflow", index, `${what} is ${full(value)}${where}`);
}

// A local gradient that is not finite though the value is, or a contribution of 0 times infinity.
function oddSlope(trace, index, ofNoAccount) {
  const slopes = slopesOf(trace, index), operands = operandValues(trace, index), adjoint = trace.adjoints[index];
  if (!slopes.length || !(Number.isFinite(trace.values[index]) || slopes.some(Number.isNaN))) return null;
  if (operands.some(Number.isNaN)) return null;
  const what = shortGate(trace, index), where = whereText(trace, index);
  const steep = slopes.find((slope) => !Number.isFinite(slope));
  if (steep === undefined) {
    const lost = isInfinite(adjoint) && [...flowsOf(trace, index)].some(([, , part]) => Number.isNaN(part));
    return lost ? blame("0·inf", index, `${what} multiplies an infinite gradient by a slope of 0${where}`) : null;
  }
  const slopeIs = `the slope of ${what} is ${full(steep)}${where}`;
  if (adjoint === 0) return ofNoAccount ? null : blame("0·inf", index, `${slopeIs}; times a gradient of 0 it is taken as 0`);
  if (isInfinite(steep)) return blame("pole", index, slopeIs);
  return blame(operands.every(Number.isFinite) ? "domain" : "invalid", index, slopeIs);
}

// Where global gradients stop being finite: in a product of finite factors, or in a sum of contributions.
function spoiltGradients(trace, endless) {
  const found = new Map(), explained = new Set([trace.facts.output]), infinities = new Set();
  trace.gates.forEach(({ operands }, index) => {
    const adjoint = trace.adjoints[index];
    if (!operands.some((operand) => endless.has(operand))) return;
    for (const [operand, slope, part] of flowsOf(trace, index)) {
      if (Number.isFinite(part)) continue;
      (isInfinite(part) ? infinities : explained).add(operand);
      if (!Number.isFinite(slope) || !Number.isFinite(adjoint)) continue;
      const product = `${full(adjoint)} times ${full(slope)}`;
      found.set(index, blame("overflow", index, `the gradient that ${shortGate(trace, index)} passes on overflows: ${product}`));
    }
  });
  for (const index of endless) {
    if (explained.has(index)) continue;
    const what = `the contributions to the gradient of ${shortened(trace.gates[index].label)}`;
    if (!infinities.has(index)) found.set(index, blame("overflow", index, `${what} overflow when added`));
    else if (Number.isNaN(trace.adjoints[index]) && Number.isFinite(trace.values[trace.facts.output])) {
      found.set(index, blame("invalid", index, `${what} are inf and -inf: their sum is undefined`));
    }
  }
  return found;
}

// Vanishing

function isTiny(x) {
  return x !== null && Math.abs(x) <= LARGEST_SUBNORMAL;
}

// Values, then gradients that are 0 or subnormal though the exact ones are not 0.
function* underflows(trace) {
  for (const [index, { kind, text }] of trace.gates.entries()) {
    const value = trace.values[index];
    if (!isTiny(value)) continue;
    if (kind === "constant") {
      if (value !== 0 || !/^[0.]*[1-9]/.test(text)) continue;
      yield blame("underflow", index, `${shortGate(trace, index)} is too small for a double: it is ${full(value)}`);
    } else if (trace.columns.zeros[index] === 0) {
      const operands = operandValues(trace, index);
      if (!operands.every(Number.isFinite)) continue;
      if (value !== 0 && operands.some((x) => x !== 0 && isTiny(x))) continue;
      yield blame("underflow", index, `${shortGate(trace, index)} underflows${whereText(trace, index)}: it is ${full(value)}`);
    }
  }
  yield* gradientUnderflows(trace);
}

// A product of normal factors that is lost, where it is not lost in a sum with larger ones anyway.
function* gradientUnderflows(trace) {
  const tiny = trace.adjoints.map(isTiny);
  for (const [index, { operands }] of trace.gates.entries()) {
    const adjoint = trace.adjoints[index];
    if (isTiny(adjoint) || !Number.isFinite(adjoint) || !operands.some((operand) => tiny[operand])) continue;
    for (const [operand, slope, part] of flowsOf(trace, index)) {
      if (!tiny[operand] || isTiny(slope) || !isTiny(part) || !Number.isFinite(slope)) continue;
      const product = `${full(adjoint)} times ${full(slope)} is ${full(part)}`;
      yield blame("underflow", index, `the gradient that ${shortGate(trace, index)} passes on underflows: ${product}`);
      break;
    }
  }
}

function isSaturated(trace, index, slope, steepest) {
  return Math.abs(slope) < FLAT * steepest && operandValues(trace, index).every(Number.isFinite);
}

function saturation(trace, index, slope, steepest) {
  const told = `its slope is ${full(slope)}, the steepest is ${full(steepest)}`;
  return blame("saturation", index, `${shortGate(trace, index)} is saturated${whereText(trace, index)}: ${told}`);
}

// Gates that pass no gradient, with the inputs that get none because of them.
function* dead(trace, gates) {
  const told = gates.filter((index) => trace.adjoints[index] !== 0), further = new Set(told.slice(TRACKED));
  const starved = starvedInputs(trace, told.slice(0, TRACKED));
  for (const index of gates) {
    const message = `${shortGate(trace, index)} passes no gradient${whereText(trace, index)}`;
    const rest = `; which inputs that concerns is told of the first ${TRACKED} such gates only`;
    yield blame("dead", index, message + (further.has(index) ? rest : becauseText(starved.get(index) ?? [])));
  }
}

function becauseText(inputs) {
  if (!inputs.length) return "";
  const names = inputs.slice(0, NAMED).map((name) => shortened(name)).join(", ");
  const more = inputs.length > NAMED ? ` and ${grouped(inputs.length - NAMED)} more` : "";
  return `: because of it the gradient of ${names}${more} is 0`;
}

// For each gate the inputs before it whose gradient is 0: one sweep for all, with a bit for each.
function starvedInputs(trace, gates) {
  const found = new Map(gates.map((index) => [index, []]));
  if (!gates.length) return found;
  const masks = new BigUint64Array(gates.at(-1) + 1);
  gates.forEach((index, bit) => { masks[index] = 1n << BigInt(bit); });
  for (let index = gates.at(-1); index >= 0; index -= 1) {
    if (masks[index]) for (const operand of trace.gates[index].operands) masks[operand] |= masks[index];
  }
  for (const { name, gate } of trace.facts.inputs) {
    if (gate >= masks.length || !masks[gate] || trace.adjoints[gate] !== 0) continue;
    gates.forEach((index, bit) => { if (masks[gate] >> BigInt(bit) & 1n) found.get(index).push(name); });
  }
  return found;
}
