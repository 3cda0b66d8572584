// Small tools of the page: elements, theme, link, help.
//
// Enters: elements of the page. Leaves: listeners on them. Invariant: text becomes text nodes, never HTML.

function build(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const THEMES = ["auto", "light", "dark"];

// The button goes through the themes; the choice is kept where the browser allows it.
function themeButton(button) {
  const root = document.documentElement;
  const show = (theme) => {
    root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
  };
  // A page that was made light or dark is opened so, whatever was chosen elsewhere.
  const given = root.dataset.theme;
  let kept = null;
  try { kept = given === "auto" && localStorage.getItem("gradcli-theme"); } catch { /* a file may have no storage */ }
  show(THEMES.includes(kept) ? kept : given);
  button.addEventListener("click", () => {
    show(THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length]);
    try { localStorage.setItem("gradcli-theme", root.dataset.theme); } catch { /* as above */ }
  });
}

// Paper is white, whatever the screen is.
function printInLight() {
  const root = document.documentElement;
  let before = "auto";
  addEventListener("beforeprint", () => ([before, root.dataset.theme] = [root.dataset.theme, "light"]));
  addEventListener("afterprint", () => (root.dataset.theme = before));
}

// The address to the clipboard; where that is not allowed it is shown, to be copied by hand.
function copyButton(button, beforeCopy, tell) {
  button.addEventListener("click", async () => {
    beforeCopy();
    try {
      await navigator.clipboard.writeText(location.href);
      tell("The link is copied. It holds the inputs and the step.", 5);
    } catch {
      tell(`The link: ${location.href}`);
    }
  });
}

function helpDialog(button, dialog) {
  const open = () => dialog.open || dialog.showModal();
  button.addEventListener("click", open);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return open;
}

// A message under the header, until it is closed or replaced.
function notices(element) {
  let passing = null;
  return (text, seconds = 0) => {
    clearTimeout(passing);
    element.replaceChildren();
    if (!text) return;
    const end = () => element.replaceChildren();
    const close = build("button", { type: "button", "aria-label": "Close this message", onclick: end }, "×");
    element.append(build("span", {}, text), close);
    if (seconds) passing = setTimeout(end, 1000 * seconds);
  };
}
