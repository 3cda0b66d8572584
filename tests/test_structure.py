"""What holds the parts together: directions of import, who may print, registries, sizes."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import typer

import gradcli
from gradcli.cli.app import COMMANDS, app
from gradcli.cli.schema import SCHEMAS
from gradcli.render import FORMATS
from gradcli.tables import FORMATS as TABLES

PACKAGE = Path(gradcli.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}

# A module may import what stands on a line above its own, and its own package. A new module needs a place here.
LAYERS = (
    ("printable",),
    ("errors",),
    ("atomic",),
    ("language", "numeric"),
    ("graph.ops",),
    ("graph",),
    ("binding", "readers"),
    ("array_gates",),
    ("traces",),
    ("array_passes",),
    ("passes",),
    ("checking",),
    ("diagnose",),
    ("comparing",),
    ("render", "codegen"),
    ("page",),
    ("kernels", "tables"),
    ("batch", "sweeping", "propagating"),
    ("training",),
    ("api",),
    ("cli",),
    ("__main__",),
)

# Who may import what is not in the standard library.
IMPORTERS: dict[str, tuple[str, ...]] = {
    "lark": ("language.grammar",),
    "rich": ("render",),
    "typer": ("cli",),
    "mpmath": ("numeric.decimals",),
    "numpy": ("numeric.arrays", "kernels", "tables", "batch", "sweeping", "propagating", "training"),
    "scipy": ("training",),
    "pyarrow": ("tables",),
    "orjson": ("tables",),
    "dask": ("batch.cluster",),
    "distributed": ("batch.cluster",),
    "graphviz": ("render.picture.dot",),
    "wasmtime": ("render.picture.layout",),
    "resvg_py": ("render.picture.formats",),
    "fontpkg": ("render.picture.fonts",),
    "matplotlib": ("render.plots",),
    "plotille": ("render.plots",),
}


def imports(name: str) -> Iterator[str]:
    """The modules that a module imports, wherever the import stands, but not for types alone."""
    tree = TREES[name]
    for_types: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for_types.update(part for statement in node.body for part in ast.walk(statement))
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            module = node.module or ""
            for alias in node.names:
                yield f"{module}.{alias.name}" if f"{module}.{alias.name}" in MODULES else module


def layer(name: str) -> tuple[int, str] | None:
    """The layer of a module of ours, and the package that stands for it there. None for the package itself."""
    best = None
    for height, group in enumerate(LAYERS):
        for package in group:
            full = f"gradcli.{package}"
            if (name == full or name.startswith(full + ".")) and (best is None or len(package) > len(best[1])):
                best = height, package
    return best


@pytest.mark.parametrize("name", [name for name in MODULES if name != "gradcli"])
def test_imports_point_one_way(name: str) -> None:
    own = layer(name)
    assert own is not None, f"{name} has no place in LAYERS"
    for imported in imports(name):
        if not imported.startswith("gradcli."):
            continue
        other = layer(imported)
        assert other is not None, f"{name} imports {imported}"
        assert other[0] < own[0] or other[1] == own[1], f"{name} imports {imported}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not inside a layer or a package either, and not by an import that stands in a function."""
    circle: list[str] = []
    try:
        TopologicalSorter({name: [one for one in imports(name) if one in MODULES] for name in MODULES}).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert not circle, " imports or is imported by ".join(circle)


@pytest.mark.parametrize("name", MODULES)
def test_who_imports_what(name: str) -> None:
    for imported in imports(name):
        top = imported.partition(".")[0]
        if top in sys.stdlib_module_names or top == "gradcli":
            continue
        assert top in IMPORTERS, f"{name} imports {top}"
        allowed = [f"gradcli.{package}" for package in IMPORTERS[top]]
        assert any(name == one or name.startswith(one + ".") for one in allowed), f"{name} imports {top}"


def dotted(node: ast.AST) -> str:
    """a.b.c for an attribute of names, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("gradcli.cli")])
def test_only_the_command_line_prints_and_exits(name: str) -> None:
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call):
            assert dotted(node.func) not in ("print", "exit", "quit", "input", "os._exit", "os.abort"), name
        assert dotted(node) not in ("sys.stdout", "sys.stderr", "sys.stdin", "sys.exit", "sys.argv", "SystemExit"), name


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "globals", "os.system", "os.popen", "os.execv", "os.spawnv"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "subprocess", "code", "codeop", "ctypes", "runpy"}
ALLOWED_MODULES = {
    "gradcli.kernels.native": {"ctypes"},  # calls what was compiled
    "gradcli.kernels.native.compiler": {"subprocess"},  # the C compiler, without a shell
    "gradcli.cli.redirect": {"ctypes"},  # Windows' own call for a file's name
    "gradcli.render.picture.system": {"subprocess"},  # the program dot, without a shell
}


@pytest.mark.parametrize("name", MODULES)
def test_no_text_is_run(name: str) -> None:
    """User text never becomes Python code, a module's name or a shell's command."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            assert called not in FORBIDDEN_CALLS - ({"globals"} if name == "gradcli" else set()), f"{name}: {called}"
            if called.endswith("import_module"):
                allowed = (
                    "gradcli", "gradcli.cli.app", "gradcli.codegen", "gradcli.readers", "gradcli.render",
                    "gradcli.render.explain", "gradcli.render.picture", "gradcli.tables",
                )  # fmt: skip
                assert name in allowed, f"{name} imports by name"
            assert "shell" not in {keyword.arg for keyword in node.keywords}, name
    found = FORBIDDEN_MODULES & {imported.partition(".")[0] for imported in imports(name)}
    assert found == ALLOWED_MODULES.get(name, set())


def test_no_module_hides_one_of_the_standard_library() -> None:
    stems = {part for name in MODULES for part in name.split(".")[1:]} - {"__main__"}
    assert stems.isdisjoint(sys.stdlib_module_names)


def registered() -> Iterator[tuple[str, str]]:
    """Every "module:function" text in a dict of the package, as a value or in a call that makes the value."""
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            for value in node.values if isinstance(node, ast.Dict) else ():
                parts = (
                    [*value.args, *(word.value for word in value.keywords)] if isinstance(value, ast.Call) else [value]
                )
                for part in parts:
                    if isinstance(part, ast.Constant) and re.fullmatch(r"[a-z_.]+:\w+", str(part.value)):
                        yield name, str(part.value)


def test_registries_point_at_what_exists() -> None:
    found = list(registered())
    assert len(found) >= len(FORMATS) + len(COMMANDS)
    tables = [(format.reader, format.writer) for format in TABLES.values()]
    assert [place for name, place in found if name == "gradcli.tables"] == [place for both in tables for place in both]
    for name, place in found:
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function)), f"{name}: {place}"
    for file in SCHEMAS.values():
        assert (files("gradcli") / "schemas" / file).is_file()
    assert {path.name for path in (PACKAGE / "schemas").glob("*.json")} == set(SCHEMAS.values())


def test_the_public_names_exist() -> None:
    assert not {f"gradcli.{name}" for name in gradcli.__all__} & set(MODULES), "a module would take the name's place"
    for name in gradcli.__all__:
        assert getattr(gradcli, name) is not None
    assert dir(gradcli) == sorted(gradcli.__all__)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        gradcli.__getattr__("nothing_like_it")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained(name: str) -> None:
    module, _, function = COMMANDS[name].partition(":")
    assert import_module(module).__doc__
    assert getattr(import_module(module), function).__doc__
    command: Any = typer.main.get_command(app).get_command(None, name)  # type: ignore[attr-defined, arg-type]
    assert command.help
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name}"
        assert parameter.help.endswith("."), f"{name} {parameter.name}: {parameter.help}"


@pytest.mark.parametrize("name", MODULES)
def test_sizes(name: str) -> None:
    path, tree = MODULES[name], TREES[name]
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    if text:
        assert ast.get_docstring(tree) or name == "gradcli.language.tables", f"{name} says nothing about itself"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= 60, f"{name}.{node.name}"
