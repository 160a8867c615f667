"""Tables of several pages, for programs and on a terminal."""

import io
import sys

import click
import pytest
from click.testing import CliRunner

from lapinq.commands.output.tables import Id, Table, headings_flag


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
    table.print([["first", "failed", "no paper"]])
    table.print([["second", "running", None]])
    shown = terminal.getvalue()
    assert shown.count("STATUS") == 1
    assert "\x1b[31mfailed\x1b[0m" in shown


TIMED, RANDOM = "01a20e3e-299a-75cd-bba8-29b5fb414213", "7f1c2d3e-1111-4abc-8def-0123456789ab"
OF_WORKFLOW = "01a20e3e-299a-85cd-bba8-29b5fb414213"


def test_a_narrow_terminal_gets_short_ids_and_no_broken_words(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    table = Table(["ID", "WORKER", "ERROR"])
    table.print([[Id(TIMED), Id(RANDOM), "no paper in the tray of the printer"]])
    table.print([[Id(OF_WORKFLOW), None, "again"]])
    assert [line.rstrip() for line in click.unstyle(terminal.getvalue()).splitlines()] == [
        "ID                  WORKER    ERROR",
        "01a20e3e-299a-75cd  7f1c2d3e  no paper in the tray of the p…",
        "01a20e3e-299a-85cd            again",
    ]
    monkeypatch.setenv("COLUMNS", "120")
    wide = Table(["ID", "WORKER", "ERROR"])
    wide.print([[Id(TIMED), Id(RANDOM), "no paper"]])
    assert f"{TIMED}  {RANDOM}  no paper" in terminal.getvalue()


@pytest.mark.parametrize(("flags", "expected"), [(["--headings"], "ID  N\na   1\n"), ([], "a  1\n")])
def test_programs_get_headings_on_request(flags: list[str], expected: str) -> None:
    @click.command()
    @headings_flag
    def show() -> None:
        Table(["ID", "N"]).print([["a", 1]])

    assert CliRunner().invoke(show, flags).output == expected
