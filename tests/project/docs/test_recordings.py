"""The recorded sessions of a terminal: what the screen makes of a program's output, and that the pictures are there."""

import re

import pytest

from tests.project.docs.recordings import RECORDINGS
from tests.support.programs.processes import REPOSITORY
from tests.support.programs.screen import Screen
from tests.support.programs.terminal import Terminal

PICTURES = REPOSITORY / "docs/images/terminal"


@pytest.mark.parametrize(
    ("output", "left"),
    [
        ("one\r\ntwo", "one\ntwo\n"),
        ("12345678abc", "12345678\nabc\n"),
        ("a\tb", "a      b\n"),
        ("abc\b\bX\rY", "YXc\n"),
        ("1\r\n2\r\n3\r\n4", "2\n3\n4\n"),
        ("abc\x1b[2D\x1b[K.", "a.\n"),
        ("abc\x1b[1K", "\n"),
        ("one\r\ntwo\x1b[1A\x1b[2Kup", "   up\ntwo\n"),
        ("one\r\ntwo\x1b[H\x1b[JX", "X\n"),
        ("\x1b[2;3Hx\x1b[1G<", "\n< x\n"),
        ("shell\x1b[?1049hprogram\x1b[?1049l", "shell\n"),
        ("\x1b]0;title\x07\x1b[?25l\x1b[1;31mred\x1b[0m\x1b(B", "red\n"),
        ("日本x", "日本x\n"),
    ],
)
def test_a_screen_shows_what_is_left(output: str, left: str) -> None:
    screen = Screen(columns=8, rows=3)
    screen.feed(output)
    assert screen.text() == left


def test_a_picture_has_the_colours_and_fetches_nothing() -> None:
    screen = Screen(columns=20, rows=3)
    screen.feed("\x1b[31mred\x1b[0m & white")
    picture = screen.svg("lapinq test")
    assert "fill: #e06c75" in picture
    assert "&amp;" in picture
    assert set(re.findall(r"https?://[^\"\s]+", picture)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_a_terminal_has_its_size_and_hears_ctrl_c() -> None:
    with Terminal(
        "sh", "-c", "trap 'echo caught; exit 7' INT; stty size; sleep 30 & wait", columns=91, rows=7
    ) as one:
        one.until("7 91\r\n")
        one.type("\x03")
        assert "caught" in one.until("caught")
        assert one.end() == 7


def test_every_recording_is_there_as_text_and_as_a_picture() -> None:
    for name in RECORDINGS:
        assert f"lapinq {name}" in (PICTURES / f"{name}.txt").read_text().splitlines()[0]
        assert (PICTURES / f"{name}.svg").read_text().startswith("<svg ")
    assert {path.stem for path in PICTURES.iterdir()} == set(RECORDINGS)
