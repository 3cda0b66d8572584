// The warnings of a graph with arrays: one per gate and kind, with the first element that it concerns and their number.
//
// Enters: facts, columns. Leaves: a list of {kind, gate, message}, in the order of the gates. Invariant: elements are
// looked for all at once; the first one of each kind is then asked as a graph of its own, of numbers, so that what is
// said of it is what would be said of a number. A unit counts as dead if it passes nothing in any example: the last axis
// counts units. What Python says of why a function of whole arrays is undefined (a matrix is not positive definite) is
// not said here.

function warningsOfArrays(facts, columns) {
  const found = [];
  facts.gates.forEach((gate, index) => {
    if (gate.kind !== "gate") return;
    const find = facts.rows[gate.row].structural ? warningsOfWhole : warningsOfElements;
    found.push(...find(facts, columns, index));
  });
  return found;
}

function sizeOf(shape) {
  return shape.reduce((product, extent) => product * extent, 1);
}

function everyFinite(x) {
  return elements(x).every(Number.isFinite);
}

// Place in a flat array of this shape → the element of x, which is repeated along axes that it does not have.
function readerOf(x, shape) {
  if (!Array.isArray(x)) return () => x;
  const flat = elements(x);
  if (flat.length === sizeOf(shape)) return (at) => flat[at];
  return (at) => elementAt(x, placeOf(at, shape));
}

// The indices of an element of a flat array.
function placeOf(at, shape) {
  const place = [];
  for (let axis = shape.length - 1, rest = at; axis >= 0; axis -= 1) {
    place.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return place;
}

// The indices of the element of an operand that takes part in an element of the result.
function ownPlace(shape, place) {
  return shape.map((extent, axis) => (extent === 1 ? 0 : place[place.length - shape.length + axis]));
}

function elementAt(x, place) {
  return ownPlace(shapeOf(x), place).reduce((part, k) => part[k], x);
}

// The warnings of a gate that works element by element.
function* warningsOfElements(facts, columns, index) {
  const gate = facts.gates[index], row = facts.rows[gate.row], { shape } = gate, size = sizeOf(shape);
  const value = columns.values[index], slopes = columns.local_gradients[index].filter((slope) => slope !== null);
  const operands = gate.operands.map((operand) => readerOf(columns.values[operand], shape));
  const read = readerOf(value, shape);
  const steep = slopes.filter((slope) => !everyFinite(slope)).map((slope) => readerOf(slope, shape));
  const known = (at) => !operands.some((operand) => Number.isNaN(operand(at)));
  const reasons = [];
  if (!everyFinite(value)) reasons.push([NOT_FINITE, (at) => !Number.isFinite(read(at)) && known(at)]);
  if (steep.length) {
    const isSteep = (at) => Number.isFinite(read(at)) && steep.some((slope) => !Number.isFinite(slope(at))) && known(at);
    reasons.push([NOT_FINITE, isSteep]);
  }
  if (row.kink && slopes.length && (columns.kinks[index] ?? null) !== null) {
    const flags = readerOf(columns.kinks[index], shape);
    const isKink = (at) => flags(at) === 1 && operands.every((operand) => Number.isFinite(operand(at)));
    reasons.push([new Set(["kink", "tie"]), isKink]);
  }
  if (row.steepest && columns.local_gradients[index][0] !== null) {
    const slope = readerOf(columns.local_gradients[index][0], shape);
    const isFlat = (at) => Math.abs(slope(at)) < FLAT * row.steepest && Number.isFinite(operands[0](at));
    reasons.push([new Set(["saturation"]), isFlat]);
  }
  for (const [kinds, isOdd] of reasons) yield* firstOf(facts, columns, index, kinds, isOdd, size);
  if (row.rectifies && slopes.length && everyFinite(value)) yield* deadUnits(facts, index, slopes);
}

// The warning of the first element that has one of these kinds, with how many there may be.
function* firstOf(facts, columns, index, kinds, isOdd, size) {
  const { shape } = facts.gates[index];
  let count = 0, first = -1;
  for (let at = 0; at < size; at += 1) {
    if (!isOdd(at)) continue;
    if (!count) first = at;
    count += 1;
  }
  if (!count) return;
  const element = elementOf(facts, columns, index, placeOf(first, shape));
  const found = warningsOfNumbers(element.facts, element.columns);
  const told = found.find((one) => kinds.has(one.kind) && one.gate === element.facts.output);
  if (!told) return;
  const odd = kinds === NOT_FINITE ? " are not finite" : "";
  const many = shape.length ? ` (${count} of ${size} elements${odd})` : "";
  yield blame(told.kind, index, told.message + many);
}

// One element of a gate as facts and columns of numbers, with its operands' elements as inputs.
function elementOf(facts, columns, index, place) {
  const gate = facts.gates[index], operands = [...new Set(gate.operands)], output = operands.length, names = new Set();
  const gates = operands.map((operand) => {
    const own = facts.gates[operand];
    if (own.kind === "constant" && !own.shape.length) return { ...own, operands: [] };
    let label = own.shape.length ? `${own.label}[${ownPlace(own.shape, place).join(", ")}]` : own.label;
    while (names.has(label)) label += "_";
    names.add(label);
    return { ...own, kind: "input", label, operands: [], shape: [] };
  });
  const text = elementText(facts, index, gates.map((one) => one.label));
  gates.push({ ...gate, text, shape: [], operands: gate.operands.map((operand) => operands.indexOf(operand)) });
  const at = (x) => (x === null || x === undefined ? null : elementAt(x, place)), own = (column) => at(column[index]);
  const adjoint = own(columns.global_gradients), none = operands.map(() => null);
  const slopes = columns.local_gradients[index].map(at), values = operands.map((operand) => at(columns.values[operand]));
  const parts = partsOf(facts.rows[gate.row], gate, adjoint, slopes, values[0]);
  const adjoints = operands.map((operand, one) => {
    const received = parts.filter((part, at_) => part !== null && gate.operands[at_] === operand);
    return received.length ? received.reduce((sum, part) => sum + part) : null;
  });
  const mini = {
    values: [...values, own(columns.values)], global_gradients: [...adjoints, adjoint],
    local_gradients: [...operands.map(() => []), slopes], contributions: [...operands.map(() => []), parts],
    kinks: [...none, own(columns.kinks)], poles: [...none, own(columns.poles)], zeros: [...none, own(columns.zeros)],
  };
  // Only dead gates ask for inputs.
  return { facts: { output, gates, inputs: [], rows: facts.rows }, columns: mini };
}

// A gate's text, with names of elements in place of its operands. A constant with a minus needs parentheses as a base.
function elementText(facts, index, labels) {
  const { operands, row } = facts.gates[index], { written, called } = facts.rows[row];
  const places = [...new Set(operands)], name = (operand) => labels[places.indexOf(operand)];
  if (written === undefined) return `${called}(${operands.map(name).join(", ")})`;
  return written.replace(/\{(\d+)(-?)\}/g, (_, place, careful) => {
    const isBase = careful && place === "0" && operands.length > 1;
    return inParentheses(name(operands[place]), isBase);
  });
}

// What one element passes on to each operand.
function partsOf(row, gate, adjoint, slopes, condition) {
  return slopes.map((slope, position) => {
    if (slope === null) return null;
    if (gate.op === "where" && position > 0 && Number.isNaN(condition)) return NaN;
    if (gate.op === "where") return position === (condition !== 0 ? 1 : 2) ? adjoint : 0;
    return adjoint === 0 || row.flat?.includes(position) ? 0 : adjoint * slope;
  });
}

// Whether a rectifier has units that pass nothing, in no example.
function* deadUnits(facts, index, slopes) {
  const { shape } = facts.gates[index], extent = shape.at(-1) ?? 1, whole = String(shape);
  const passing = new Uint8Array(extent);
  const isWhole = shape.length && slopes.some((slope) => String(shapeOf(slope)) === whole);
  for (const slope of slopes) {
    const read = readerOf(slope, shape), count = isWhole ? sizeOf(shape) : 0;
    for (let at = 0; at < count; at += 1) if (read(at) !== 0) passing[at % extent] = 1;
    if (!isWhole && elements(slope).some((x) => x !== 0)) passing.fill(1);
  }
  const lost = passing.filter((flag) => !flag).length;
  const where = extent > 1 ? ` at ${lost} of ${extent} units` : "";
  if (lost) yield blame("dead", index, `${shortened(facts.gates[index].text, 80)} passes no gradient${where}`);
}

// The warnings of a gate that works on whole arrays.
function* warningsOfWhole(facts, columns, index) {
  const gate = facts.gates[index], { kink } = facts.rows[gate.row], what = shortened(gate.text, 80);
  const operands = gate.operands.map((operand) => columns.values[operand]), value = columns.values[index];
  if (!everyFinite(value)) yield* notFiniteWhole(gate, index, what, operands, elements(value));
  if (columns.global_gradients[index] === null) return;
  if (kink && everyFinite(value) && elements(columns.kinks[index]).includes(1)) {
    yield blame(kink[0], index, `${what} ${KINK_WORDS[kink[0]]}: ${kink[1]}`);
  }
  const parts = columns.contributions[index].filter((part) => part !== null);
  if (parts.every(everyFinite) || !everyFinite(columns.global_gradients[index]) || !everyFinite(value)) return;
  if (operands.every(everyFinite)) yield blame("overflow", index, `the gradient that ${what} passes on overflows`);
}

function* notFiniteWhole(gate, index, what, operands, numbers) {
  const odd = numbers.filter((x) => !Number.isFinite(x)).length, undefined_ = numbers.some(Number.isNaN);
  const count = gate.shape.length ? ` (${odd} of ${numbers.length} elements)` : "";
  if (operands.every(everyFinite)) {
    yield blame(undefined_ ? "domain" : "overflow", index, `${what} ${undefined_ ? "is undefined" : "overflows"}${count}`);
  } else if (undefined_ && !operands.some((x) => elements(x).some(Number.isNaN))) {
    yield blame("invalid", index, `${what} is undefined where its operands are infinite${count}`);
  }
}
