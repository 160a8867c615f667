"""Tables of several pages, for programs and on a terminal."""

import io
import sys

import pytest

from lapinq.commands.console.tables import Table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


PAGES = [[["a", "failed", 1]], [], [["bbbb", "x\x1b[31my\nz", None], ["c", "", 22]]]


def test_lines_for_programs_are_aligned_and_have_no_headings(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(["ID", "STATUS", "N"])
    assert table.is_empty
    for page in PAGES:
        table.print(page)
    lines = ["a  failed  1", r"bbbb  x\x1b[31my z", f"c{'':19}22"]
    assert capsys.readouterr().out.splitlines() == lines
    assert not table.is_empty


def test_a_terminal_gets_one_line_of_headings_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    table = Table(["ID", "STATUS", "ERROR"])
    table.print([["f" * 36, "failed", "no paper " * 9]])
    table.print([["f" * 36, "running", None]])
    shown = terminal.getvalue()
    assert shown.count("STATUS") == 1
    assert shown.count("f" * 36) == 2
    assert shown.count("paper") == 9
    assert "\x1b[31mfailed\x1b[0m" in shown
