// Numbers as text, and text as numbers. What is written here is what Python writes, sign by sign: a test compares them.
//
// Enters: numbers, nested arrays of numbers, what a person typed. Leaves: text, or a number. Invariant: nothing that a
// person typed is evaluated.

const DIGITS = 4;
const DIGITS_OF_SEVERAL = 3;
// Elements of an array that is written whole.
const WHOLE = 4;
const WHOLE_ON_EDGE = 3;
// Relative: 0.7·0.8 is 0.56.
const EXACT = 1e-12;

// Python's f"{x:.{digits}e}", as mantissa and power. Of two decimals that are as near, Python takes the even one, where
// toExponential takes the larger one.
function exponential(x, digits) {
  const [mantissa, power] = x.toExponential(digits).split("e");
  const shortest = Math.abs(x).toExponential().split("e")[0].replace(".", "");
  if (shortest.length !== digits + 2 || !shortest.endsWith("5")) return [mantissa, Number(power)];
  const all = Math.abs(x).toExponential(100).split("e")[0].replace(".", "");
  const isTie = /^50*$/.test(all.slice(digits + 1));
  if (!isTie || Number(all[digits]) % 2 === 1) return [mantissa, Number(power)];
  const even = all[0] + (digits ? "." + all.slice(1, digits + 1) : "");
  return [(x < 0 ? "-" : "") + even, Number(x.toExponential().split("e")[1])];
}

// A number as a person writes it on a picture: four significant digits, a true minus sign. An exact number has no zeros
// at its end (0.5), a rounded one keeps them (0.5000).
function short(x, digits = DIGITS) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x).replace("-", "−");
  let [mantissa, power] = exponential(x, digits - 1);
  // Infinite for the largest number.
  const rounded = Number(`${mantissa}e${power}`);
  const plain = -DIGITS < power && power < digits - 1;
  if (plain) mantissa = rounded.toFixed(digits - 1 - power);
  const exact = Math.abs(rounded - x) <= EXACT * Math.abs(x);
  if (exact && mantissa.includes(".")) mantissa = mantissa.replace(/0+$/, "").replace(/\.$/, "");
  return (plain ? mantissa : `${mantissa}e${power}`).replaceAll("-", "−");
}

// The same in at most so many characters, 8 or more, with fewer digits where they do not fit.
function fitted(x, room) {
  let text = short(x);
  for (let digits = DIGITS - 1; digits > 0 && text.length > room; digits -= 1) text = short(x, digits);
  return text;
}

// All digits of a number: Python's repr of a float.
function full(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const [mantissa, power] = Math.abs(x).toExponential().split("e");
  const digits = mantissa.replace(".", ""), exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

// The numbers of nested arrays, row by row; of a number itself.
function elements(x) {
  return Array.isArray(x) ? x.flat(Infinity) : [x];
}

// The shape of nested arrays; of a number [].
function shapeOf(x) {
  const shape = [];
  for (let part = x; Array.isArray(part); part = part[0]) shape.push(part.length);
  return shape;
}

// 1234567 as 1,234,567.
function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

// A value: a number; a small array whole, [2 −3 −3]; of another one its mean and range.
function brief(x, shape = shapeOf(x)) {
  if (!Array.isArray(x)) return short(x);
  const numbers = elements(x);
  return numbers.length <= WHOLE ? rowsText(numbers, shape) : spread(numbers);
}

// Elements with blanks between, rows of a matrix with semicolons.
function rowsText(numbers, shape) {
  const row = (shape.length === 2 && shape[1]) || Math.max(1, numbers.length);
  const rows = [];
  for (let at = 0; at < numbers.length; at += row) {
    rows.push(numbers.slice(at, at + row).map((x) => short(x, DIGITS_OF_SEVERAL)).join(" "));
  }
  return `[${rows.join("; ")}]`;
}

// Many numbers in a few words.
function spread(numbers) {
  const lost = numbers.filter((x) => !Number.isFinite(x)).length;
  if (lost) return `${grouped(lost)} of ${grouped(numbers.length)} not finite`;
  const low = numbers.reduce((a, b) => (b < a ? b : a)), high = numbers.reduce((a, b) => (b > a ? b : a));
  if (low === high) return `all ${short(low)}`;
  const mean = numbers.reduce((sum, x) => sum + x / numbers.length, 0);
  const [a, b, c] = [mean, low, high].map((x) => short(x, DIGITS_OF_SEVERAL));
  return `mean ${a}, ${b} … ${c}`;
}

// Whether x is an array of more than so many elements.
function isLong(x, most) {
  return Array.isArray(x) && elements(x).length > most;
}

// A local gradient: as a value, but of many numbers the range alone, since it stands on an edge.
function slopeText(x, shape = shapeOf(x)) {
  return isLong(x, WHOLE_ON_EDGE) ? spread(elements(x)).split(", ").at(-1) : brief(x, shape);
}

// A gradient: a number, a small array whole, of another one its norm.
function sizeText(x, shape = shapeOf(x), whole = WHOLE) {
  const byNorm = isLong(x, whole) && elements(x).every(Number.isFinite);
  return byNorm ? `norm ${short(norm(elements(x)))}` : brief(x, shape);
}

// A contribution: as a gradient, but on an edge.
function flowText(x, shape = shapeOf(x)) {
  return sizeText(x, shape, WHOLE_ON_EDGE);
}

// The root of the sum of all squares; nothing over- or underflows on the way.
function norm(numbers) {
  const largest = numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  return largest * Math.sqrt(numbers.reduce((sum, x) => sum + (x / largest) * (x / largest), 0));
}

const NAMED_NUMBERS = new Map([
  ["inf", Infinity], ["nan", NaN], ["pi", Math.PI], ["π", Math.PI], ["e", Math.E], ["tau", 2 * Math.PI],
  ["τ", 2 * Math.PI],
]);
const WRITTEN_WHOLE = "[0-9]+(?:_[0-9]+)*";
const WRITTEN_NUMBER = new RegExp(
  `^(?:${WRITTEN_WHOLE}(?:\\.(?:${WRITTEN_WHOLE})?)?|\\.${WRITTEN_WHOLE})(?:[eE][+-]?${WRITTEN_WHOLE})?$`,
);

// The number that a person typed, as the language reads it; null where it is none. A product or a quotient of two
// numbers is one too: pi/2.
function readNumber(text) {
  const factors = text.trim().split(/\s*([*×·⋅/÷])\s*/);
  const numbers = [factors[0], factors[2] ?? "1"].map(readFactor);
  if (factors.length > 3 || numbers.includes(null)) return null;
  if (factors.length === 1) return numbers[0];
  return "/÷".includes(factors[1]) ? numbers[0] / numbers[1] : numbers[0] * numbers[1];
}

function readFactor(text) {
  const [, sign, rest] = /^([-−+]?)\s*(.*)$/s.exec(text);
  const size = NAMED_NUMBERS.has(rest) ? NAMED_NUMBERS.get(rest) : readDecimal(rest);
  return size === null ? null : sign === "-" || sign === "−" ? -size : size;
}

function readDecimal(text) {
  return WRITTEN_NUMBER.test(text) ? Number(text.replaceAll("_", "")) : null;
}

// What JSON has no number for stands there as a string; nested arrays are read through.
function plainNumber(x) {
  return Array.isArray(x) ? x.map(plainNumber) : typeof x === "string" ? Number(x) : x;
}
