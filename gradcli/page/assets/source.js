// The program's text: where every gate stands in it, and which gate stands where.
//
// Enters: the facts. Leaves: spans of text that can be marked and picked. Invariant: positions count code points; each
// piece of text belongs to the innermost gate that covers it.

function sourceView(element, facts, onPick, onHover) {
  const letters = Array.from(facts.program), pieces = textPieces(letters, innermost(facts, letters.length), facts);
  const startsAt = new Map(pieces.map((piece, index) => [piece.start, index]));
  const view = { element, pieces, isNew: true, picked: -1, marks: {} }, marked = {};
  element.replaceChildren(...pieces.map((piece) => piece.span));
  listenToText(view, facts, onPick, onHover);
  return {
    // kind: "now" for the gate of the step, "hovered" for the one that is pointed at; null marks none.
    mark(gate, kind) {
      if (marked[kind] === gate) return;
      marked[kind] = gate;
      for (const piece of view.marks[kind] ?? []) piece.span.classList.remove(kind);
      view.marks[kind] = gate === null ? [] : covered(pieces, startsAt, facts.gates[gate]);
      for (const piece of view.marks[kind]) piece.span.classList.add(kind);
      if (kind === "now") view.picked = gate ?? -1;
    },
    follow: () => followMark(view),
  };
}

// One place of a loop or a function makes several gates: the next one at each click.
function listenToText(view, facts, onPick, onHover) {
  const { element } = view, places = new Map(), placeOf = ({ start, end }) => `${start}-${end}`;
  facts.gates.forEach((gate, index) => {
    if (!places.get(placeOf(gate))?.push(index)) places.set(placeOf(gate), [index]);
  });
  const gatesAt = (owner) => places.get(placeOf(facts.gates[owner]));
  const ownerOf = (event) => Number(event.target.dataset?.owner ?? -1);
  let pointed = -1;
  const point = (owner) => {
    if (owner === pointed) return;
    pointed = owner;
    onHover(owner < 0 ? null : gatesAt(owner).includes(view.picked) ? view.picked : owner);
  };
  element.addEventListener("mouseover", (event) => point(ownerOf(event)));
  element.addEventListener("mouseleave", () => point(-1));
  element.addEventListener("click", (event) => {
    const owner = ownerOf(event);
    if (owner < 0) return;
    const gates = gatesAt(owner);
    onPick(gates[(gates.indexOf(view.picked) + 1) % gates.length]);
  });
}

// Scrolls the box, not the page, to what is marked; at first to the code: comments before it are a scroll away.
function followMark(view) {
  const { element, pieces, marks } = view, span = marks.now?.[0]?.span;
  if (view.isNew) element.scrollTop = pieces.find((piece) => piece.span.dataset.owner)?.span.offsetTop ?? 0;
  view.isNew = false;
  if (!span) return;
  const top = span.offsetTop, isAbove = top < element.scrollTop;
  if (isAbove || top + span.offsetHeight > element.scrollTop + element.clientHeight) {
    element.scrollTop = Math.max(0, top - element.clientHeight / 3);
  }
}

// Where a gate stands: an input wherever it is used.
function placesOf({ start, end, uses }) {
  return [[start, end], ...(uses ?? [])];
}

// For every letter the gate with the shortest text that covers it; of equal texts the first gate.
function innermost(facts, length) {
  const owners = new Int32Array(length).fill(-1);
  const places = facts.gates.flatMap((gate, index) => placesOf(gate).map(([start, end]) => [start, end, index]));
  places.sort(([a, b, index], [c, d, other]) => (d - c) - (b - a) || other - index);
  for (const [start, end, index] of places) owners.fill(index, start, end);
  return owners;
}

function textPieces(letters, owners, facts) {
  const cuts = new Set(facts.gates.flatMap(placesOf).flat());
  const pieces = [];
  let start = 0, comment = letters[0] === "#";
  for (let at = 1; at <= letters.length; at += 1) {
    const isComment = letters[at] === "#" || (comment && letters[at - 1] !== "\n");
    if (at < letters.length && !cuts.has(at) && owners[at] === owners[start] && isComment === comment) continue;
    const shape = comment ? { class: "comment" } : owners[start] < 0 ? {} : { "data-owner": owners[start] };
    pieces.push({ start, end: at, span: build("span", shape, letters.slice(start, at).join("")) });
    [start, comment] = [at, isComment];
  }
  return pieces;
}

function covered(pieces, startsAt, gate) {
  const found = [];
  for (const [start, end] of placesOf(gate)) {
    let index = startsAt.get(start) ?? pieces.length;
    while (pieces[index]?.start < end) found.push(pieces[index++]);
  }
  return found;
}
