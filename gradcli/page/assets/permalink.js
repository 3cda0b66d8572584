// The address holds the inputs that were changed, in full, and the step.
//
// Enters: values, or the part of an address after its #. Leaves: the other of the two. Invariant: what can't be read is
// told, never thrown; reading what was written gives the same numbers.

function stepKey(facts) {
  return facts.inputs.some(({ name }) => name === "step") ? "@step" : "step";
}

function linkOf(facts, values, position, last) {
  const parts = [];
  facts.inputs.forEach((input, index) => {
    const key = encodeURIComponent(input.name);
    for (const [path, now, start] of pairsOf(values[index], plainNumber(input.value), [])) {
      if (!Object.is(now, start)) parts.push(`${key}${path.length ? `[${path.join(",")}]` : ""}=${full(now)}`);
    }
  });
  if (position !== last) parts.push(`${stepKey(facts)}=${position}`);
  return parts.length ? `#${parts.join("&")}` : "";
}

// Every number of an input, with its index and where it started.
function pairsOf(now, start, path) {
  if (!Array.isArray(now)) return [[path, now, start]];
  return now.flatMap((part, index) => pairsOf(part, start[index], [...path, index]));
}

// {values, position, troubles} of an address; what it does not mention is as in the beginning.
function readLink(facts, hash, last) {
  const values = facts.inputs.map((input) => plainNumber(input.value)), troubles = [];
  let position = last;
  for (const part of hash.replace(/^#/, "").split("&").filter(Boolean)) {
    const at = part.lastIndexOf("=");
    const [key, text] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)].map(decoded);
    if (key === stepKey(facts)) {
      if (/^[0-9]+$/.test(text)) position = Math.min(Number(text), last);
      else troubles.push(`${text} is no step`);
    } else {
      const trouble = readPart(facts, values, key, text);
      if (trouble) troubles.push(trouble);
    }
  }
  return { values, position, troubles };
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function readPart(facts, values, key, text) {
  const exact = facts.inputs.findIndex(({ name }) => name === key);
  const [, name, indices] = exact < 0 ? /^(.*)\[([0-9]+(?:,[0-9]+)*)\]$/s.exec(key) ?? [] : [null, key, null];
  const index = facts.inputs.findIndex((input) => input.name === name);
  const path = indices ? indices.split(",").map(Number) : [];
  const shape = facts.inputs[index]?.shape ?? [];
  if (index < 0) return `${key} is no input of this program`;
  if (path.length !== shape.length || path.some((at, axis) => !(at < shape[axis]))) return `${key} is no number of ${name}`;
  const x = readNumber(text);
  if (x === null) return `${key} = ${text} is no number`;
  values[index] = replaced(values[index], path, x);
  return null;
}

// Nested arrays with one number replaced; the rest is shared.
function replaced(value, path, x) {
  if (!path.length) return x;
  const copy = value.slice();
  copy[path[0]] = replaced(value[path[0]], path.slice(1), x);
  return copy;
}
