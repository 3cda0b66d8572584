"""How pages look: contrast in both themes, nothing clipped or on top of another thing, on phones too; paper; axe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pages import boxes, overlaps, put, sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]
PROGRAMS = {
    "product": ("q = x + y; q*z", {"x": 2.0, "y": 3.0, "z": -4.0}),
    "network": sample("network"),
    "arrays": sample("network-4-2-1"),
    "warnings": ("relu(x) + 1/y + log(y)", {"x": 0.0, "y": 0.0}),
}
WINDOWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}

# Of every text: its colour against what is painted behind it, layer by layer from the top.
CONTRASTS = """() => {
    const parse = text => {
        const found = (text || "").match(/^rgba?[(]([^)]+)[)]/);
        if (!found) return null;
        const [r, g, b, a] = found[1].split(/[ ,/]+/).filter(Boolean).map(Number);
        return [r, g, b, a === undefined ? 1 : a];
    };
    const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const paint = element => {
        const style = getComputedStyle(element), svg = element instanceof SVGElement && element.tagName !== "svg";
        const color = parse(svg ? style.fill : style.backgroundColor);
        if (!color) return null;
        return [...color.slice(0, 3), color[3] * (svg ? Number(style.fillOpacity) : 1) * Number(style.opacity)];
    };
    const style = document.createElement("style");
    style.textContent = "* { pointer-events: auto !important; transition: none !important }"
        + "svg .far text { display: inline !important }";
    document.head.append(style);
    const unseen = "script, style, noscript, option, [hidden], .unseen, dialog:not([open])";
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement, range = document.createRange();
        if (!node.data.trim() || element.closest(unseen)) continue;
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (box.width < 2 || box.height < 2) continue;
        element.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
        const now = range.getClientRects()[0], x = now.left + now.width / 2, y = now.top + now.height / 2;
        const layers = document.elementsFromPoint(x, y), at = layers.indexOf(element);
        if (at < 0) continue;
        const below = layers.slice(at).filter(e => !(e instanceof SVGElement && /^(text|tspan)$/.test(e.tagName)));
        let back = [255, 255, 255];
        if (matchMedia("(prefers-color-scheme: dark)").matches) back = [18, 18, 18];
        for (const layer of below.reverse()) {
            const color = paint(layer);
            if (color) back = over(color, back);
        }
        const ink = getComputedStyle(element), svg = element instanceof SVGElement;
        const color = over(parse(svg ? ink.fill : ink.color) || [0, 0, 0, 1], back);
        const [a, b] = [light(color), light(back)].sort((p, q) => q - p);
        found.push({text: node.data.trim().slice(0, 40), ratio: (a + 0.05) / (b + 0.05), color, back});
    }
    style.remove();
    return found;
}"""


def opened(show: Show, name: str, window: str, **settings: Any) -> Page:
    program, values = PROGRAMS[name]
    page = show(program, values, **{**WINDOWS[window], **settings})
    page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
    return page


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_text_stands_out(show: Show, name: str, window: str) -> None:
    """4.5 to 1 against what is behind it, in the picture too."""
    page = opened(show, name, window)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 30
    assert [one for one in found if one["ratio"] < 4.5] == []


def test_the_theme_is_the_systems_until_it_is_chosen(show: Show) -> None:
    """Light, dark, and back; chosen ones hold whatever the system says."""
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark, light = (opened(show, "product", name) for name in ("dark", "light"))
    night, day = dark.evaluate(ground), light.evaluate(ground)
    assert night != day
    assert sum(map(int, night[4:-1].split(","))) < 200 < 600 < sum(map(int, day[4:-1].split(",")))
    seen = set()
    for _ in range(3):
        light.locator("#theme").click()
        seen.add((light.evaluate("() => document.documentElement.dataset.theme"), light.evaluate(ground)))
    assert seen == {("auto", day), ("light", day), ("dark", night)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_axe_finds_nothing(show: Show, name: str) -> None:
    """In all windows, while a step is lit and after it."""
    from axe_playwright_python.sync_playwright import Axe

    for window in WINDOWS:
        page = opened(show, name, window)
        for key in ("End", "Home") if window == "light" else ("Home",):
            page.keyboard.press(key)
            found = Axe().run(page).response["violations"]
            told = [(one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found]
            assert told == [], (window, key)


# Room


def crowded(page: Page) -> list[Any]:
    """Texts of the picture that lie on each other, and those outside their node's box: those out of sight, too."""
    page.add_style_tag(content="svg .far text { display: inline !important }")
    texts = boxes(page, "svg.gradcli-graph text")
    assert texts
    outside = page.evaluate("""() => [...document.querySelectorAll("svg.gradcli-graph .node")].flatMap(node => {
        const box = node.querySelector(".box");
        if (!box) return [];
        const around = box.getBoundingClientRect();
        return [...node.querySelectorAll("text")].filter(text => {
            const own = text.getBoundingClientRect();
            return own.width > 0 && (own.left < around.left - 1 || own.right > around.right + 1
                || own.top < around.top - 2 || own.bottom > around.bottom + 2);
        }).map(text => [node.id, text.textContent]);
    })""")
    return [*overlaps(texts, 1.5), *outside]


@pytest.mark.parametrize("window", ["light", "phone"])
@pytest.mark.parametrize("name", [*PROGRAMS, "black-scholes", "stages", "attention", "rnn", "planck"])
def test_no_text_lies_on_another(show: Show, name: str, window: str) -> None:
    """At load, at extreme values, and at every kind of number."""
    program, values = PROGRAMS.get(name) or sample(name)
    page = show(program, values, **WINDOWS[window])
    assert crowded(page) == []
    scalars = [input for input, value in values.items() if not isinstance(value, list)]
    for extreme in (-1.23456789e-300, -1.7976931348623157e308, -0.00012345678, float("nan"), float("-inf")):
        put(page, dict.fromkeys(scalars, extreme))
        assert crowded(page) == [], extreme


@pytest.mark.parametrize("name", [*PROGRAMS, "attention", "black-scholes", "three-ones"])
def test_a_phone_shows_all_of_it(show: Show, name: str) -> None:
    """No scrolling sideways, nothing beyond the edge but what scrolls in a box of its own."""
    program, values = PROGRAMS.get(name) or sample(name)
    page = show(program, values, **WINDOWS["phone"])
    page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
    assert page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    beyond = """() => [...document.querySelectorAll("body *:not(svg *)")].filter(element => {
        const box = element.getBoundingClientRect();
        if (!box.width || !box.height || element.closest("dialog, noscript, .unseen")) return false;
        for (let around = element.parentElement; around !== document.body; around = around.parentElement) {
            if (/auto|scroll/.test(getComputedStyle(around).overflowX) && around.clientWidth > 100) return false;
            if (around.classList.contains("viewport")) return false;
        }
        return box.left < -0.5 || box.right > 360.5;
    }).map(element => element.outerHTML.slice(0, 120))"""
    assert page.evaluate(beyond) == []
    cut = """all => all.filter(
        element => element.clientWidth && /hidden|clip/.test(getComputedStyle(element).overflowX)
            && element.scrollWidth > element.clientWidth + 1 && !element.classList.contains("unseen")
    ).map(element => element.outerHTML.slice(0, 120))"""
    texts = page.locator("button, summary, h1, h2, label, output, .story *, .result, .notice")
    assert texts.evaluate_all(cut) == []
    small = """all => all.filter(button => {
        const {width, height} = button.getBoundingClientRect();
        return width && (width < 24 || height < 24);
    }).map(button => button.outerHTML.slice(0, 120))"""
    assert page.locator("button").evaluate_all(small) == [], "too small to be touched"


def test_paper(show: Show) -> None:
    """Printed: no controls; the picture, the program and the table of all numbers."""
    program, values = PROGRAMS["warnings"]
    page = show(program, values)
    page.emulate_media(media="print")
    page.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    controls = page.locator("button:visible:not(#warning-list button), input:visible, select:visible")
    assert controls.evaluate_all("all => all.map(e => e.outerHTML.slice(0, 80))") == []
    for selector in ("svg.gradcli-graph", "#program", "#table table", "#warnings", "#result"):
        assert page.locator(selector).is_visible(), selector
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
