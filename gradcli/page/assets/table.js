// All numbers in full: a row per gate, a row per edge, as `gradcli eval` prints them.
//
// Enters: the facts, columns. Leaves: a table. Invariant: a cell is written only where its number has changed, and no
// cell while the table is closed.

const WHOLE_IN_TABLE = 32; // elements of an array that is written whole

function numbersTable(element, facts) {
  const details = element.closest("details");
  let cells = null, latest = null;
  const write = () => {
    if (!latest) return;
    cells ??= makeTable(element, facts);
    for (const cell of cells) cell.write(latest);
  };
  // Before it opens, so that it never shows old numbers; opened otherwise, with the event.
  details.querySelector("summary").addEventListener("click", () => details.open || write());
  details.addEventListener("toggle", () => details.open && write());
  let wasOpen = false;
  addEventListener("beforeprint", () => {
    write();
    [wasOpen, details.open] = [details.open, true];
  });
  addEventListener("afterprint", () => (details.open = wasOpen));
  return {
    update(columns) {
      latest = columns;
      if (details.open) write();
    },
  };
}

function makeTable(element, facts) {
  const head = (...texts) => build("tr", {}, ...texts.map((text) => build("th", { scope: "col" }, text)));
  const cells = [], body = build("tbody");
  const cell = (data, kind, pick) => {
    const made = build("td", { ...data, "data-number": kind, class: kind });
    cells.push(numberCell(made, pick));
    return made;
  };
  facts.gates.forEach((gate, index) => {
    const own = { "data-gate": `g${index}` };
    const name = gate.kind === "gate" && gate.name ? `${gate.name} = ` : "";
    const id = build("span", { class: "id" }, `g${index}`);
    const title = build("th", { scope: "row" }, id, ` ${name}${gate.text}`);
    const gradient = cell(own, "global_gradient", (columns) => columns.global_gradients[index]);
    body.append(build("tr", { class: "gate-row" }, title, cell(own, "value", (columns) => columns.values[index]), gradient));
    if (!gate.active) return;
    const sign = facts.rows[gate.row].structural ? ": " : " = ";
    gate.operands.forEach((operand, position) => {
      if (gate.edges[position].rule === undefined) return; // of a constant
      const edge = { "data-edge": `g${index}-${position}` };
      const rule = build("th", { scope: "row" }, `∂/∂${facts.gates[operand].label}${sign}${gate.edges[position].rule}`);
      const local = cell(edge, "local_gradient", (columns) => columns.local_gradients[index]?.[position]);
      const flow = cell(edge, "contribution", (columns) => columns.contributions[index]?.[position]);
      body.append(build("tr", { class: "edge-row" }, rule, local, flow));
    });
  });
  const heads = build("thead", {}, head("gate", "value", "global gradient"), head("∂/∂operand = rule", "local gradient", "← contribution"));
  const words = "Every gate with its value and global gradient; below it each operand with local gradient and contribution";
  element.replaceChildren(build("table", {}, build("caption", { class: "unseen" }, words), heads, body));
  return cells;
}

function numberCell(td, pick) {
  const node = td.appendChild(document.createTextNode(""));
  let last;
  return {
    write(columns) {
      const x = pick(columns);
      if (Object.is(x, last)) return;
      last = x;
      td.classList.toggle("bad", !allFinite(x ?? 0));
      if (!Array.isArray(x)) node.data = x === null || x === undefined ? "" : full(x);
      else if (elements(x).length <= WHOLE_IN_TABLE) node.data = nestedText(x);
      else writeLong(td, node, x);
    },
  };
}

// A long array in short, and all its numbers when asked for.
function writeLong(td, node, x) {
  node.data = "";
  let details = td.querySelector("details");
  if (!details) {
    details = build("details", {}, build("summary"), build("div", { class: "all" }));
    details.addEventListener("toggle", () => showAll(details));
    td.append(details);
  }
  details.array = x;
  setText(details.firstChild, `${shapeOf(x).join("×")}: ${brief(x)}`);
  showAll(details);
}

function showAll(details) {
  if (details.open) setText(details.lastChild, nestedText(details.array));
}
