"""gradcli dot: the format by option, name and redirect; what a system Graphviz draws; nothing binary on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from drawn import PRODUCT, kind_of, only
from outcomes import Cli, Refused
from processes import GRADCLI, environment, process

from gradcli.cli import streams
from gradcli.cli.redirect import redirected_name
from gradcli.render.picture import FORMATS, SUFFIXES, SYSTEM


@pytest.fixture
def system_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """system_dot(script) puts a program dot, alone, on PATH."""

    def install(script: str) -> None:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "dot"
        program.write_text(f"#!{sys.executable} -I\nimport sys, time\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


ECHO = "sys.stdout.write(' '.join(['drawn', *sys.argv[1:]]) + chr(10) + sys.stdin.read())"


class TestFormatByOption:
    @pytest.mark.parametrize("name", [name for name in FORMATS if name != "png"])
    @pytest.mark.parametrize("form", [["-T", "{}"], ["-T{}"], ["--format", "{}"], ["--format={}"]], ids=" ".join)
    def test_every_way_to_write_it(self, name: str, form: list[str], cli: Cli) -> None:
        outcome = cli(*PRODUCT, *[part.format(name) for part in form])
        assert (outcome.status, outcome.err) == (0, "")
        assert kind_of(outcome.out.encode()) == name

    def test_endings_and_capitals_are_names(self, cli: Cli) -> None:
        for name, kind in {"gv": "dot", "mmd": "mermaid", "SVG": "svg"}.items():
            assert kind_of(cli(*PRODUCT, "-T", name).out.encode()) == kind

    def test_first_or_last(self, cli: Cli) -> None:
        assert cli("dot", "-Tsvg", "x*2").out == cli("dot", "x*2", "-Tsvg").out == cli("dot", "x*2", "-T", "svg").out

    def test_an_expression_that_begins_alike(self, cli: Cli, refused: Refused) -> None:
        assert "Theta" in cli("dot", "-Theta").out
        assert "did you mean -T svgx?" in refused("dot", "x", "-Tsvgx")
        assert "did you mean -T svg?" in refused("dot", "x", "-T=svg")
        assert "there is an argument too many: -(T)" in refused("dot", "x", "-(T)")

    def test_it_wins_over_names(self, cli: Cli, tmp_path: Path) -> None:
        out = tmp_path / "graph.svg"
        assert cli(*PRODUCT, "-T", "dot", "-o", str(out)) == (0, "", "")
        assert kind_of(out.read_bytes()) == "dot"

    def test_unknown(self, refused: Refused) -> None:
        message = refused(*PRODUCT, "-T", "bpm")
        assert message.startswith(
            "gradcli: there is no format bpm\nhint: the formats are dot, svg, png, mermaid, tikz, graphml; with"
        )
        assert all(name in message for name in (*FORMATS, *SYSTEM))
        assert "there is no format (empty)" in refused(*PRODUCT, "-T", "")
        assert "-T is given twice" in refused(*PRODUCT, "-Tsvg", "-T", "dot")
        assert "-T needs a value" in refused(*PRODUCT, "-T")


NAMES = [("g.svg", "svg"), ("g.dot", "dot"), ("g.gv", "dot"), ("g.mmd", "mermaid"), ("g.tex", "tikz")]
NAMES += [("g.tikz", "tikz"), ("g.graphml", "graphml")]


class TestFormatByName:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [*NAMES, ("g.SVG", "svg"), ("g", "dot"), ("a.svg.dot", "dot")],
    )
    def test_of_the_output(self, name: str, kind: str, cli: Cli, tmp_path: Path) -> None:
        assert cli(*PRODUCT, "-o", str(tmp_path / name)) == (0, "", "")
        assert kind_of((tmp_path / name).read_bytes()) == kind
        only(tmp_path, name)

    def test_an_unknown_ending(self, refused: Refused, cli: Cli, tmp_path: Path) -> None:
        assert "no format goes by the ending .txt" in refused(*PRODUCT, "-o", str(tmp_path / "g.txt"))
        only(tmp_path)
        assert cli(*PRODUCT, "-o", str(tmp_path / "g.txt"), "-T", "dot").status == 0

    @pytest.mark.parametrize(
        ("name", "kind"),
        [*NAMES, ("g.txt", "dot"), ("graph", "dot"), ("ä b.svg", "svg")],
    )
    @pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="no /proc here")
    def test_of_the_redirect(self, name: str, kind: str, tmp_path: Path) -> None:
        for more in ([], ["-o", "-"]):
            with (tmp_path / name).open("wb") as out:
                done = subprocess.run(
                    [*GRADCLI, *PRODUCT, *more], stdout=out, stderr=subprocess.PIPE, env=environment()
                )
            assert (done.returncode, done.stderr) == (0, b"")
            assert kind_of((tmp_path / name).read_bytes()) == kind

    @pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="no /proc here")
    def test_png_by_the_redirect(self, tmp_path: Path) -> None:
        pytest.importorskip("resvg_py")
        with (tmp_path / "g.png").open("wb") as out:
            subprocess.run([*GRADCLI, *PRODUCT], stdout=out, env=environment(), check=True)
        assert kind_of((tmp_path / "g.png").read_bytes()) == "png"

    def test_a_pipe_takes_dot(self) -> None:
        assert kind_of(process(*PRODUCT).stdout) == "dot"
        assert kind_of(process(*PRODUCT, "-T", "svg").stdout) == "svg"


class TestTerminal:
    @staticmethod
    def _on_terminal(*arguments: str) -> tuple[int, bytes, bytes]:
        """Status, what a terminal as standard output got, standard error."""
        pty = pytest.importorskip("pty")
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run([*GRADCLI, *arguments], stdout=theirs, stderr=subprocess.PIPE, env=environment())
            os.set_blocking(ours, False)
            try:
                shown = os.read(ours, 1 << 16)
            except BlockingIOError:
                shown = b""
        finally:
            os.close(ours)
            os.close(theirs)
        return done.returncode, shown, done.stderr

    def test_text(self) -> None:
        status, shown, told = self._on_terminal(*PRODUCT)
        assert (status, kind_of(shown), told) == (0, "dot", b"")

    @pytest.mark.parametrize("name", ["png", "pdf"])
    def test_nothing_binary(self, name: str) -> None:
        for more in ([], ["-o", "-"]):
            status, shown, told = self._on_terminal(*PRODUCT, "-T", name, *more)
            assert (status, shown) == (2, b"")
            assert told.decode() == (
                f"gradcli: {name.upper()} is not for a terminal\n"
                f"hint: write it to a file: -o graph.{name}, or > graph.{name}\n"
            )

    @pytest.mark.parametrize("name", ["png", *SYSTEM])
    def test_nothing_binary_of_anykind_of(self, name: str, refused: Refused) -> None:
        assert f"{name.upper()} is not for a terminal" in refused(*PRODUCT, "-T", name, terminal=True)

    def test_which_paths_are_terminals(self, tmp_path: Path) -> None:
        pty = pytest.importorskip("pty")
        ours, theirs = pty.openpty()
        assert streams.is_terminal(os.ttyname(theirs))
        os.close(ours)
        os.close(theirs)
        assert not streams.is_terminal("/dev/null")
        assert not streams.is_terminal(str(tmp_path / "no"))
        assert not streams.is_terminal("nul\0")


class TestRedirectedName:
    """What each system's own call gives, with that call replaced."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Any:
        with (tmp_path / "g.svg").open("w") as stream:
            yield stream

    @pytest.mark.skipif(sys.platform != "linux", reason="Linux")
    def test_here(self, file: Any) -> None:
        assert redirected_name(file.fileno()) == file.name

    def test_what_is_no_file(self) -> None:
        reading, writing = os.pipe()
        assert redirected_name(writing) is None
        os.close(reading)
        os.close(writing)
        assert redirected_name(writing) is None
        with open(os.devnull, "w") as null:
            assert redirected_name(null.fileno()) is None

    def test_macos(self, file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def fcntl(descriptor: int, command: int, buffer: bytes) -> bytes:
            asked.append((descriptor, command, len(buffer)))
            return "/Users/ä/g.svg".encode().ljust(len(buffer), b"\0")

        monkeypatch.setattr("sys.platform", "darwin")
        monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(fcntl=fcntl))
        assert redirected_name(file.fileno()) == "/Users/ä/g.svg"
        assert asked == [(file.fileno(), 50, 1024)]
        monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(fcntl=lambda *_: bytes(1024)))
        assert redirected_name(file.fileno()) is None

    @pytest.mark.parametrize(
        ("name", "length", "expected"),
        [
            (r"\\?\C:\Users\a\g.svg", 20, r"\\?\C:\Users\a\g.svg"),
            ("", 0, None),
            ("", 40_000, None),
        ],
    )
    def test_windows(
        self, name: str, length: int, expected: str | None, file: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def final_path(handle: Any, buffer: Any, size: int, flags: int) -> int:
            assert (handle, size, flags) == (("handle", 1234), 32768, 0)
            buffer.value = name
            return length

        fake = SimpleNamespace(
            create_unicode_buffer=lambda size: _Buffer(size),
            c_void_p=lambda handle: ("handle", handle),
            windll=SimpleNamespace(kernel32=SimpleNamespace(GetFinalPathNameByHandleW=final_path)),
        )
        monkeypatch.setattr("sys.platform", "win32")
        monkeypatch.setitem(sys.modules, "ctypes", fake)
        monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda _: 1234))
        assert redirected_name(file.fileno()) == expected

    @pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
    def test_where_it_cannot_be_known(self, platform: str, file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: Any) -> Any:
            raise OSError

        monkeypatch.setattr("sys.platform", platform)
        monkeypatch.setattr("os.readlink", fails)
        for module in ("fcntl", "msvcrt", "ctypes"):
            monkeypatch.setitem(sys.modules, module, None)
        assert redirected_name(file.fileno()) is None


class _Buffer:
    def __init__(self, size: int) -> None:
        self.size, self.value = size, ""

    def __len__(self) -> int:
        return self.size


class TestSystem:
    """Formats that a program dot draws."""

    @pytest.mark.parametrize("name", SYSTEM)
    def test_drawn(self, name: str, system_dot: Callable[[str], None], cli: Cli, tmp_path: Path) -> None:
        system_dot(ECHO)
        out = tmp_path / f"g.{name}"
        assert cli(*PRODUCT, "-o", str(out)) == (0, "", "")
        assert out.read_text(encoding="utf-8") == f"drawn -T{name}\n" + cli(*PRODUCT).out
        assert cli(*PRODUCT, f"-T{name}").out.startswith(f"drawn -T{name}\n")

    def test_other_endings(self, system_dot: Callable[[str], None], cli: Cli, tmp_path: Path) -> None:
        system_dot(ECHO)
        for ending, name in {"jpeg": "jpg", "tiff": "tif", "PDF": "pdf"}.items():
            assert cli(*PRODUCT, "-o", f"{tmp_path}/g.{ending}").status == 0
            assert (tmp_path / f"g.{ending}").read_text().startswith(f"drawn -T{name}\n")

    @pytest.mark.parametrize("name", SYSTEM)
    def test_without(self, name: str, refused: Refused, tmp_path: Path) -> None:
        message = refused(*PRODUCT, "-o", f"{tmp_path}/g.{name}", PATH=str(tmp_path))
        assert f"{name.upper()} needs the program dot of Graphviz, which is not installed" in message
        assert "https://graphviz.org/download" in message
        only(tmp_path)

    def test_failures(self, system_dot: Callable[[str], None], refused: Refused, tmp_path: Path) -> None:
        pdf = (*PRODUCT, "-o", f"{tmp_path}/g.pdf")
        system_dot("sys.exit('Format: \"pdf\" not recognized. \\x1b[31m')")
        assert 'made no PDF: Format: "pdf" not recognized. \\x1b[31m' in refused(*pdf)
        system_dot("sys.exit(3)")
        assert "made no PDF: it ended with status 3" in refused(*pdf)
        system_dot("")
        assert "made no PDF" in refused(*pdf)
        system_dot("time.sleep(60)")
        started = time.monotonic()
        assert "the layout took more than 0.2 seconds" in refused(*pdf, "--seconds", "0.2")
        assert time.monotonic() - started < 10
        (tmp_path / "bin" / "dot").write_text("#!/no/such/program\n")
        assert "can't be run" in refused(*pdf)
        only(tmp_path, "bin")


def test_every_ending_has_a_format() -> None:
    assert set(SUFFIXES.values()) == {*FORMATS, *SYSTEM}
