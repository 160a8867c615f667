"""What the programs in `examples/` make of their arguments and of what goes wrong, with tasks that run inline."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from PIL import ExifTags, Image

from examples.link_checker.__main__ import main as check_links
from examples.link_checker.site import local_site
from examples.running import Problem, run
from examples.thumbnails.__main__ import main as make_thumbnails
from examples.thumbnails.photographs import photographs
from lapinq.errors import LapinqError, ResultTimeout, ServerUnavailable
from lapinq.testing import inline
from tests.support.pictures import assert_same_picture

Main = Callable[[], None]


@pytest.fixture
def run_inline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a program with these arguments."""

    def run_main(main: Main, *arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["example", "--folder", str(tmp_path / "out"), *map(str, arguments)])
        with inline():
            run(main)

    return run_main


def test_a_photograph_on_its_side_becomes_upright_and_a_file_that_is_no_picture_fails_alone(
    run_inline: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = photographs(None)[0]
    with Image.open(whole) as opened:
        upright = opened.convert("RGB")
    tag = Image.Exif()
    tag[ExifTags.Base.Orientation] = 6  # to be turned clockwise by a quarter
    (tmp_path / "in").mkdir()
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "in" / "side.jpg", exif=tag, quality=95)
    (tmp_path / "in" / "cut.jpg").write_bytes(whole.read_bytes()[:20_000])
    with pytest.raises(SystemExit) as ended:
        run_inline(make_thumbnails, tmp_path / "in", "--sizes", 320)
    assert ended.value.code == 1
    assert re.search(r"^cut.jpg: task \S+ failed: OSError: image file is truncated", capsys.readouterr().err)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"side-320.jpg", "index.html"}
    with Image.open(tmp_path / "out" / "side-320.jpg") as thumbnail:
        assert thumbnail.size == (320, 240)
        assert_same_picture(thumbnail, upright)


def test_a_check_ends_at_the_most_addresses_and_asks_for_each_once(
    run_inline: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    with local_site() as site:
        run_inline(check_links, site.url, "--most", 5)
        assert "5 addresses checked, 0 of them broken. 13 more were left out." in capsys.readouterr().out
        assert site.visits == {
            "/": 1,
            "/garden/": 1,
            "/kitchen.html": 2,  # once as the old address
            "/news/1.html": 1,
            "/old-address": 1,
        }


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ServerUnavailable("no answer"),
            "no answer\nIs the server running? Start it with: lapinq server --worker",
        ),
        (
            ResultTimeout("late", status="pending"),
            "late\nIs a worker running? Start one in this folder: lapinq worker",
        ),
        (ResultTimeout("late", status="running"), "late"),
        (LapinqError("refused"), "refused"),
        (Problem("in is not a folder"), "in is not a folder"),
        (
            ModuleNotFoundError(name="PIL"),
            "this example needs PIL, which is not installed: pip install --group examples",
        ),
    ],
)
def test_what_goes_wrong_ends_it_with_what_to_do(error: Exception, told: str) -> None:
    def main() -> NoReturn:
        raise error

    with pytest.raises(SystemExit, match=f"^{re.escape(told)}$"):
        run(main)
