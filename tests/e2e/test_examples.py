"""The programs in `examples/`, run as their README says, with an API process and two worker processes."""

import csv
import io
import os
import re
import socket
import subprocess
import sys
import zipfile
from calendar import month_name
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean

import pytest
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageStat

from examples.link_checker.site import local_site
from examples.report.flights import data_folder
from examples.thumbnails.photographs import photographs
from tests.support.database.postgres import private_database
from tests.support.programs.processes import REPOSITORY, ApiProcess, WorkerProcess

EXAMPLES = REPOSITORY / "examples"

Flights = list[dict[str, str]]


@pytest.fixture(scope="module")
def server_url(postgres_url: str, template_database: str) -> Generator[str]:
    """A server that runs no tasks itself, and two workers. Each example has a queue of its own."""
    with (
        private_database(postgres_url, template_database) as database,
        ApiProcess(database) as api,
        WorkerProcess(database, "--concurrency", "8"),
        WorkerProcess(database, "--concurrency", "8"),
    ):
        yield api.url


@pytest.fixture(scope="module")
def flights() -> Flights:
    """All of them, read at once and without the example's code."""
    archive = zipfile.ZipFile(data_folder() / "flights.csv.zip").read("flights.csv")
    return list(csv.DictReader(io.StringIO(archive.decode())))


def run_example(
    name: str, server_url: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """`python -m examples.NAME`, as a user starts it."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            f"examples.{name}",
            "--server-url",
            server_url,
            "--folder",
            folder,
            *arguments,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def in_the_guide(name: str, folder: Path) -> str:
    """What the example prints, as the guide shows it."""
    text = (REPOSITORY / "docs" / "guide" / "examples.md").read_text()
    found = re.search(rf"^\$ python -m examples\.{name}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found
    return found[1].replace(f"/home/me/lapinq/output/{name}", str(folder))


def test_without_a_server_each_example_says_what_to_start(tmp_path: Path) -> None:
    """All at once, for the client tries again for half a minute."""

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return run_example(name, url, tmp_path / name)

    with socket.socket() as unused, ThreadPoolExecutor() as pool:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for done in pool.map(run, ["thumbnails", "link_checker", "report"]):
            assert done.returncode == 1, done.args
            assert done.stderr.startswith(f"no answer from {url}/")
            assert done.stderr.endswith("Start it with: lapinq server --worker\n")


def test_every_photograph_gets_a_thumbnail_of_each_size(server_url: str, tmp_path: Path) -> None:
    done = run_example("thumbnails", server_url, tmp_path, "--sizes", "400", "100")
    assert done.returncode == 0, done.stderr
    originals = photographs(None)
    assert len(originals) == 5
    expected = {f"{original.stem}-{size}.jpg" for original in originals for size in (100, 400)}
    assert {path.name for path in tmp_path.iterdir()} == {*expected, "index.html"}
    for original in originals:
        with Image.open(original) as opened:
            whole = opened.convert("RGB")
        for size in (100, 400):
            with Image.open(tmp_path / f"{original.stem}-{size}.jpg") as thumbnail:
                assert thumbnail.format == "JPEG"
                assert max(thumbnail.size) == min(size, max(whole.size))
                assert thumbnail.width / thumbnail.height == pytest.approx(
                    whole.width / whole.height, rel=0.01
                )
                assert not thumbnail.getexif(), "it says where the photograph was taken"
                assert_same_picture(thumbnail, whole)


def test_the_gallery_shows_every_thumbnail(server_url: str, tmp_path: Path) -> None:
    done = run_example("thumbnails", server_url, tmp_path)
    assert done.stdout == in_the_guide("thumbnails", tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert set(re.findall(r"[\w-]+\.jpg(?= \d+w)", page)) == {path.name for path in tmp_path.glob("*.jpg")}
    assert "faust_github.jpg · 800 × 598 · Milestone · 2011:03:27 21:18:42" in page


def test_a_photograph_on_its_side_becomes_an_upright_thumbnail(server_url: str, tmp_path: Path) -> None:
    with Image.open(photographs(None)[0]) as opened:
        upright = opened.convert("RGB")
    tag = Image.Exif()
    tag[ExifTags.Base.Orientation] = 6  # to be turned clockwise by a quarter
    (tmp_path / "in").mkdir()
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "in" / "side.jpg", exif=tag, quality=95)
    done = run_example("thumbnails", server_url, tmp_path / "out", str(tmp_path / "in"), "--sizes", "320")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out" / "side-320.jpg") as thumbnail:
        assert thumbnail.size == (320, 240)
        assert_same_picture(thumbnail, upright)


def test_a_file_that_is_no_picture_fails_alone(server_url: str, tmp_path: Path) -> None:
    whole = photographs(None)[0]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cut.jpg").write_bytes(whole.read_bytes()[:20_000])
    (tmp_path / "in" / "whole.jpg").write_bytes(whole.read_bytes())
    done = run_example("thumbnails", server_url, tmp_path / "out", str(tmp_path / "in"), "--sizes", "320")
    assert done.returncode == 1
    assert re.search(r"^cut.jpg: task \S+ failed: OSError: image file is truncated", done.stderr)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"whole-320.jpg", "index.html"}


def test_exactly_the_broken_links_of_the_site_are_reported(server_url: str, tmp_path: Path) -> None:
    done = run_example("link_checker", server_url, tmp_path, "--patience", "1.5")
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_the_guide("link_checker", tmp_path)
    report = re.sub(r"http://127.0.0.1:\d+/ \|", "(closed port) |", (tmp_path / "links.md").read_text())
    assert "24 addresses checked, 10 of them broken." in report
    assert re.findall(r"^\| (\S+) \| (.+) \| (.+) \|$", report, re.MULTILINE)[2:] == [
        ("/", "/old-shop", "404 Not Found"),
        ("/flaky.html", "/overloaded.html", "503 Service Unavailable"),
        ("/garden/", "/garden/turnips.html", "404 Not Found"),
        ("/kitchen.html", "/closed.html", "403 Forbidden"),
        ("/kitchen.html", "/gone.html", "410 Gone"),
        ("/kitchen.html", "/hangs.html", "no answer within 1.5 s"),
        ("/kitchen.html", "/round/1", "redirects without an end"),
        ("/news/1.html", "(closed port)", "no answer: All connection attempts failed"),
        ("/news/1.html", "http://127.0.0.1:port/", "not an address"),
        ("/news/2.html", "/garden/turnips.html", "404 Not Found"),
        ("/news/2.html", "/news/3.html", "404 Not Found"),
    ]


def test_a_check_ends_at_the_most_addresses_and_asks_for_each_once(server_url: str, tmp_path: Path) -> None:
    with local_site() as site:
        done = run_example("link_checker", server_url, tmp_path, site.url, "--most", "5")
        assert done.returncode == 0, done.stderr
        assert "5 addresses checked, 0 of them broken. 13 more were left out." in done.stdout
        assert site.visits == {
            "/": 1,
            "/garden/": 1,
            "/kitchen.html": 2,  # once as the old address
            "/news/1.html": 1,
            "/old-address": 1,
        }


def test_the_report_has_the_figures_of_the_flights(server_url: str, tmp_path: Path, flights: Flights) -> None:
    done = run_example("report", server_url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_the_guide("report", tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert text.startswith(
        "# Flights from New York, 2013\n\n336,776 flights to 105 airports by 16 airlines.\n"
    )
    months = {month_name[int(month)]: figures(rows) for month, rows in grouped(flights, "month").items()}
    assert rows_of("month", text) == {**months, "the year": figures(flights)}
    for title, column, number in (
        ("airline", "carrier", 16),
        ("from", "origin", 3),
        ("most flown to", "dest", 15),
    ):
        shown = rows_of(title, text)
        assert len(shown) == number
        by_code = grouped(flights, column)
        for name, cells in shown.items():
            code = name.rpartition("(")[2].rstrip(")")
            assert cells == figures(by_code.pop(code)), name
        least = min(int(cells[0].replace(",", "")) for cells in shown.values())
        assert all(len(rows) <= least for rows in by_code.values()), "one that flies more is left out"


def test_the_figures_are_those_known_of_the_flights(flights: Flights) -> None:
    """What the report is compared with, against what is published about this well-known data set."""
    departed = [int(row["dep_delay"]) for row in flights if row["dep_delay"] != "NA"]
    arrived = [int(row["arr_delay"]) for row in flights if row["arr_delay"] != "NA"]
    assert (len(flights), len(flights) - len(departed)) == (336_776, 8_255)
    assert (fmean(departed), fmean(arrived)) == (pytest.approx(12.63907), pytest.approx(6.895377))


def test_without_a_worker_the_example_says_what_to_start(database: str, tmp_path: Path) -> None:
    with ApiProcess(database) as api:
        done = run_example("report", api.url, tmp_path, "--timeout", "0.5")
    assert done.returncode == 1
    assert "Is a worker running?" in done.stderr


def test_without_a_package_the_example_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "PIL.py").write_text("raise ModuleNotFoundError(name='PIL')")
    done = subprocess.run(
        [sys.executable, "-m", "examples.thumbnails"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "this example needs PIL, which is not installed: pip install --group examples\n"


def test_the_readme_has_a_section_for_each_example() -> None:
    sections = re.findall(r"^## (\w+)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    programs = [*EXAMPLES.glob("*/tasks.py"), *EXAMPLES.glob("*/manage.py")]
    assert {*sections} - {"Shared"} == {program.parent.name for program in programs}


def assert_same_picture(thumbnail: Image.Image, whole: Image.Image) -> None:
    """Coarsely, for scaling and compression change the details; a turned or another one is far off."""
    coarse = [ImageOps.fit(image, (16, 16), Image.Resampling.BOX) for image in (thumbnail, whole)]
    assert max(ImageStat.Stat(ImageChops.difference(*coarse)).mean) < 10


def grouped(flights: Flights, column: str) -> dict[str, Flights]:
    """By the value in a column."""
    groups: defaultdict[str, Flights] = defaultdict(list)
    for row in flights:
        groups[row[column]].append(row)
    return groups


def figures(flights: Flights) -> list[str]:
    """The cells of a row of the report."""
    departed = [int(row["dep_delay"]) for row in flights if row["dep_delay"] != "NA"]
    arrived = [int(row["arr_delay"]) for row in flights if row["arr_delay"] != "NA"]
    late = [minutes for minutes in arrived if minutes > 14]
    return [
        f"{len(flights):,}",
        f"{100 - 100 * len(departed) / len(flights):.1f}%",
        f"{fmean(departed):.1f}",
        f"{fmean(arrived):.1f}",
        f"{100 * len(late) / len(arrived):.1f}%",
    ]


def rows_of(title: str, text: str) -> dict[str, list[str]]:
    """The table of the report that begins with `title`, without its head."""
    table = text.partition(f"| {title} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in table]
    return {name: values for name, *values in cells}
