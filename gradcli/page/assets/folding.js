// Where everything stands when frames are folded: a frame's gates give way to one box, edges that cross its border go to
// the box, and the room that nothing needs any more is closed up along both axes.
//
// Enters: the picture's geometry (boxes, curves) and which frames are folded. Leaves: where everything stands then.
// Invariant: geometry is pure, boxes keep their sizes and their order along both axes, and nothing folded is the drawing
// exactly as it was.

// Pixels that stay of an interval that nothing needs.
const GAP = 28;
const FRAME_MARGIN = 8, CONTENT_MARGIN = 8, TIP_LENGTH = 6, TIP_HALF = 2.1;

function touching(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

function contains(box, [x, y]) {
  return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
}

function centreOf(box) {
  return [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
}

function between([ax, ay], [bx, by], t) {
  return [ax + (bx - ax) * t, ay + (by - ay) * t];
}

// The cubic pieces of a path M p0 C p1 p2 p3 …, and back.
function piecesOf(points) {
  const pieces = [];
  for (let i = 0; i + 3 < points.length; i += 3) pieces.push(points.slice(i, i + 4));
  return pieces;
}

function pointsOf(pieces) {
  return pieces.length ? [pieces[0][0], ...pieces.flatMap((piece) => piece.slice(1))] : [];
}

function reversed(pieces) {
  return pieces.map((piece) => [...piece].reverse()).reverse();
}

function pointAt(piece, t) {
  return splitPiece(piece, t)[0][3];
}

// de Casteljau: the parts of a cubic before and after t.
function splitPiece([a, b, c, d], t) {
  const ab = between(a, b, t), bc = between(b, c, t), cd = between(c, d, t);
  const abc = between(ab, bc, t), bcd = between(bc, cd, t), middle = between(abc, bcd, t);
  return [[a, ab, abc, middle], [middle, bcd, cd, d]];
}

// The pieces up to the first point in the box.
function until(pieces, box, samples = 24) {
  const found = [];
  for (const piece of pieces) {
    for (let k = 0; k <= samples; k += 1) {
      if (!contains(box, pointAt(piece, k / samples))) continue;
      let [outside, inside] = [Math.max(0, k - 1) / samples, k / samples];
      for (let i = 0; i < 20; i += 1) {
        const t = (outside + inside) / 2;
        if (contains(box, pointAt(piece, t))) inside = t;
        else outside = t;
      }
      return inside === 0 ? found : [...found, splitPiece(piece, inside)[0]];
    }
    found.push(piece);
  }
  return found;
}

// Where a line that comes over the border of a frame meets the frame's box, and the direction in which it enters: at the
// same side, as far along it.
function dockAt(box, rect, [x, y]) {
  const along = (low, high, from, to, z) => {
    const inset = Math.min(10, (high - low) / 3), part = to > from ? Math.min(Math.max((z - from) / (to - from), 0), 1) : 0.5;
    return low + inset + part * (high - low - 2 * inset);
  };
  const sides = [x - rect.left, rect.right - x, y - rect.top, rect.bottom - y].map(Math.abs);
  const side = sides.indexOf(Math.min(...sides));
  const across = along(box.left, box.right, rect.left, rect.right, x), down = along(box.top, box.bottom, rect.top, rect.bottom, y);
  if (side === 0) return { at: [box.left, down], inward: [1, 0] };
  if (side === 1) return { at: [box.right, down], inward: [-1, 0] };
  return side === 2 ? { at: [across, box.top], inward: [0, 1] } : { at: [across, box.bottom], inward: [0, -1] };
}

// The pieces led on from the border of a frame to its box, or `back` pixels before it, for an arrowhead.
function ledOn(pieces, start, { box, rect }, back) {
  const [, , before, from] = pieces.at(-1) ?? [0, 0, start, start];
  const { at, inward } = dockAt(box, rect, from), [dx, dy] = inward;
  const end = [at[0] - dx * back, at[1] - dy * back], reach = Math.hypot(end[0] - from[0], end[1] - from[1]) / 2.5;
  const size = Math.hypot(from[0] - before[0], from[1] - before[1]);
  const out = size ? between(from, [from[0] * 2 - before[0], from[1] * 2 - before[1]], reach / size) : between(from, end, 1 / 3);
  return { pieces: [...pieces, [from, out, [end[0] - dx * reach, end[1] - dy * reach], end]], at, inward };
}

function tipAt([x, y], [dx, dy]) {
  const base = [x - dx * TIP_LENGTH, y - dy * TIP_LENGTH];
  const left = [base[0] - dy * TIP_HALF, base[1] + dx * TIP_HALF], right = [base[0] + dy * TIP_HALF, base[1] - dx * TIP_HALF];
  return [left, [x, y], right, left];
}

// An edge whose tail or head (or both) is in a folded frame: cut at the frame, and led on to its box.
function redirected(edge, tailFold, headFold) {
  let pieces = piecesOf(edge.points), tip = edge.tip;
  if (headFold) {
    const led = ledOn(until(pieces, headFold.rect), edge.points[0], headFold, TIP_LENGTH);
    [pieces, tip] = [led.pieces, tipAt(led.at, led.inward)];
  }
  if (tailFold) {
    const back = reversed(pieces);
    pieces = reversed(ledOn(until(back, tailFold.rect), back[0][0], tailFold, 0).pieces);
  }
  return { points: pointsOf(pieces), tip };
}

// The piecewise linear map that shrinks what lies between the intervals to a small gap.
function closing(intervals, gap = GAP) {
  const sorted = [...intervals].sort((a, b) => a[0] - b[0]), merged = [];
  for (const [low, high] of sorted) {
    const last = merged.at(-1);
    if (last && low <= last[1]) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  const knots = [];
  let place = merged.length ? merged[0][0] : 0;
  merged.forEach(([low, high], i) => {
    if (i) place += Math.min(gap, low - merged[i - 1][1]);
    knots.push([low, place]);
    place += high - low;
    knots.push([high, place]);
  });
  return (x) => mapped(knots, x);
}

function mapped(knots, x) {
  if (!knots.length) return x;
  let low = 0, high = knots.length - 1;
  if (x <= knots[0][0]) return knots[0][1] + x - knots[0][0];
  if (x >= knots[high][0]) return knots[high][1] + x - knots[high][0];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (knots[middle][0] <= x) low = middle;
    else high = middle;
  }
  const [a, b] = [knots[low], knots[high]];
  return b[0] === a[0] ? b[1] : a[1] + ((x - a[0]) * (b[1] - a[1])) / (b[0] - a[0]);
}

// A curve under a map of the axes: as it is where it moves as a whole, else a smooth one through the images of many points.
function mappedCurve(points, move, parts = 6) {
  const images = points.map(move), [dx, dy] = [images[0][0] - points[0][0], images[0][1] - points[0][1]];
  const isShift = ([x, y], i) => Math.abs(x - points[i][0] - dx) < 0.01 && Math.abs(y - points[i][1] - dy) < 0.01;
  if (images.every(isShift)) return images;
  const pieces = piecesOf(points), stops = [points[0]];
  for (const piece of pieces) for (let k = 1; k <= parts; k += 1) stops.push(pointAt(piece, k / parts));
  return smoothThrough(stops.map(move), images[1], images.at(-2));
}

// Cubic pieces through points; at each the direction from the one before to the one after.
function smoothThrough(stops, second, last) {
  const length = (a, b) => Math.hypot(b[0] - a[0], b[1] - a[1]);
  const handle = (at, from, to, reach) => {
    const size = length(from, to) || 1;
    return [at[0] + ((to[0] - from[0]) / size) * reach, at[1] + ((to[1] - from[1]) / size) * reach];
  };
  const found = [stops[0]];
  for (let i = 0; i + 1 < stops.length; i += 1) {
    const [a, b] = [stops[i], stops[i + 1]], reach = length(a, b) / 3;
    const out = i ? handle(a, stops[i - 1], b, reach) : handle(a, a, second, reach);
    const back = i + 2 < stops.length ? handle(b, stops[i + 2], a, reach) : handle(b, b, last, reach);
    found.push(out, back, b);
  }
  return found;
}

// The outermost folded frame of every gate; null where there is none.
function homesOf(count, frames, folded) {
  const byId = new Map(frames.map((frame) => [frame.id, frame])), homes = new Array(count).fill(null);
  const outermost = frames.filter((frame) => folded.has(frame.id) && !isInside(frame, byId, folded));
  for (const frame of outermost) homes.fill(frame.id, ...frame.gates);
  return homes;
}

// Whether a frame stands in a folded one.
function isInside(frame, byId, folded) {
  for (let above = byId.get(frame.parent); above; above = byId.get(above.parent)) if (folded.has(above.id)) return true;
  return false;
}

// Where a label of a redirected edge goes: the free place on its line that is nearest, or null.
function labelPlace(box, points, taken) {
  const [x, y] = centreOf(box), halfWidth = (box.right - box.left) / 2, halfHeight = (box.bottom - box.top) / 2;
  const spots = piecesOf(points).flatMap((piece) => Array.from({ length: 17 }, (_, k) => pointAt(piece, k / 16)));
  spots.sort((a, b) => Math.hypot(a[0] - x, a[1] - y) - Math.hypot(b[0] - x, b[1] - y));
  for (const [a, b] of spots) {
    const here = { left: a - halfWidth, top: b - halfHeight, right: a + halfWidth, bottom: b + halfHeight };
    if (!taken.some((other) => touching(grown(here, 2), other))) return here;
  }
  return null;
}

// Where everything stands with some frames folded.
// geometry: {nodes: [box or null], edges: [{id, tail, head, points, tip, label: box or null}],
//            frames: [{id, gates, parent, rect, caption: box}], boxes: {frame id: box}}.
function foldedLayout(geometry, folded) {
  const { nodes, frames } = geometry, byId = new Map(frames.map((frame) => [frame.id, frame]));
  const homes = homesOf(nodes.length, frames, folded);
  const open = frames.filter((frame) => !folded.has(frame.id) && !isInside(frame, byId, folded));
  const standing = [...new Set(homes.filter(Boolean))];
  const solid = [
    ...nodes.filter((box, gate) => box && !homes[gate]), ...standing.map((id) => geometry.boxes[id]),
    ...open.map((frame) => frame.caption),
  ];
  const edges = foldedEdges(geometry, homes, byId);
  placeLabels(edges, solid);
  const drawn = [...edges.values()];
  const needed = [
    ...solid, ...drawn.flatMap((edge) => (edge.label ? [edge.label] : [])), ...drawn.map((edge) => boxOf(edge.tip)),
  ];
  const along = (low, high) => [
    ...needed.map((box) => [box[low], box[high]]),
    ...open.flatMap(({ rect }) => [[rect[low], rect[low] + FRAME_MARGIN], [rect[high] - FRAME_MARGIN, rect[high]]]),
  ];
  const identity = standing.length === 0, same = (z) => z;
  const mapX = identity ? same : closing(along("left", "right")), mapY = identity ? same : closing(along("top", "bottom"));
  return { homes, open, standing, edges, mapX, mapY, identity };
}

// The lines to draw: those that cross the border of a folded frame are one per pair of ends.
function foldedEdges(geometry, homes, byId) {
  const edges = new Map(), byEnds = new Map();
  for (const edge of geometry.edges) {
    const tail = homes[edge.tail], head = homes[edge.head];
    if (!tail && !head) {
      edges.set(edge.id, { ...edge, members: null });
      continue;
    }
    if (tail === head) continue;
    const ends = `${tail ?? edge.tail}>${head ?? edge.head}`, first = byEnds.get(ends);
    if (first) {
      first.members.push(edge.id);
      first.label = null;
      continue;
    }
    const fold = (id) => id && { rect: byId.get(id).rect, box: geometry.boxes[id] };
    const made = { ...edge, ...redirected(edge, fold(tail), fold(head)), members: [edge.id], led: true };
    made.cut = [tail, head].filter(Boolean).map((id) => byId.get(id).rect);
    byEnds.set(ends, made);
    edges.set(edge.id, made);
  }
  return edges;
}

// Labels stay, but for those of redirected edges that stood where their line no longer is.
function placeLabels(edges, solid) {
  const staying = (edge) => edge.label && !edge.cut?.some((rect) => touching(edge.label, rect));
  const taken = [...solid];
  for (const edge of edges.values()) if (staying(edge)) taken.push(edge.label);
  for (const edge of edges.values()) {
    if (!edge.label || staying(edge)) continue;
    edge.label = labelPlace(edge.label, edge.points, taken);
    if (edge.label) taken.push(edge.label);
  }
}

function writePath(points) {
  const text = points.map((point) => point.map((z) => z.toFixed(2)).join(","));
  return `M${text[0]}C${text.slice(1).join(" ")}`;
}

