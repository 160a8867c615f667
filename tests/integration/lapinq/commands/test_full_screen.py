"""The terminal is as it was before, however a program with a full screen ends."""

import signal
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.programs.processes import REPOSITORY, children_of
from tests.support.programs.screen import Screen
from tests.support.programs.terminal import PROGRAMS, Terminal

_PROGRAM = """
import sys, time
from rich.text import Text
from lapinq.commands.top.full_screen import FullScreen
with FullScreen() as screen:
    while True:
        screen.draw([Text(f"size {screen.size}"), Text("x" * 500)])
        for key in screen.keys(time.monotonic() + 60):
            if key == "e":
                raise ValueError("a mistake")
            if key == "q":
                sys.exit(0)
"""
_LEAVE = "\x1b[?25h\x1b[?1049l"


_NOT_INTERRUPTED = """
import signal, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
"""
"""Another thread takes the signal, so that it does not interrupt `select`, as if it had come just before."""


@pytest.mark.parametrize(
    ("before", "end", "code"),
    [
        ("", "q", 0),
        ("", "e", 1),
        ("", signal.SIGTERM, 128 + signal.SIGTERM),
        (_NOT_INTERRUPTED, "\x03", -signal.SIGINT),
    ],
)
def test_it_follows_the_size_and_restores_the_terminal(
    before: str, end: str | signal.Signals, code: int
) -> None:
    with Terminal(str(PROGRAMS / "python"), "-c", before + _PROGRAM) as terminal:
        modes = terminal.modes
        terminal.until("size (80, 24)")
        assert terminal.modes != modes
        terminal.resize(columns=100, rows=30)
        terminal.until("size (100, 30)")
        if isinstance(end, str):
            terminal.type(end)
        else:
            terminal.process.send_signal(end)
        assert terminal.end() == code
        assert terminal.modes == modes
        screen = Screen(100, 30)
        screen.feed(terminal.output[: terminal.output.index(_LEAVE) + len(_LEAVE)])
        assert screen.text().strip() == ""
        assert ("a mistake" in terminal.output.partition(_LEAVE)[2]) == (end == "e")


def is_stopped(pid: int) -> bool:
    return "T" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]


def test_a_shell_stops_it_and_brings_it_back(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_PROGRAM)
    with Terminal("bash", "--norc", "--noprofile", env={"PS1": "ready$ "}, cwd=tmp_path) as terminal:
        terminal.until("ready$ ")
        shell = terminal.modes
        terminal.type(f"PYTHONPATH={REPOSITORY} python program.py\n")
        terminal.until("size (80, 24)")
        ours = terminal.modes
        assert ours != shell
        terminal.type("\x1a")
        assert _LEAVE in terminal.until("ready$ ")
        assert terminal.modes == shell
        terminal.type("bg\n")  # where it may not use the terminal
        terminal.until("ready$ ")
        eventually(lambda: is_stopped(*children_of(terminal.process.pid)))  # for it tried to
        terminal.type("fg\n")
        terminal.until("size (80, 24)")
        assert terminal.modes == ours
        terminal.type("q")
        terminal.until("ready$ ")
        assert terminal.modes == shell
