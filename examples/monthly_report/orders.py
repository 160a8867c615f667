"""A year of orders as CSV files, one a month. One ends in the middle of a line, as a broken transfer leaves it."""

import csv
import random
from calendar import month_name
from pathlib import Path

MONTHS = month_name[1:]
BROKEN = "March"


def write_orders(folder: Path) -> None:
    """The files of all months, the same each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for month in MONTHS:
        write_month(folder, month)
    file = file_of(folder, BROKEN)
    file.write_text(file.read_text(encoding="utf-8")[:-9], encoding="utf-8")


def write_month(folder: Path, month: str) -> None:
    """The whole file of a month."""
    chance = random.Random(month)  # noqa: S311  # no secret
    with file_of(folder, month).open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["order", "customer", "cents"])
        for number in range(chance.randint(200, 400)):
            rows.writerow([number, f"customer {chance.randint(1, 80)}", chance.randint(100, 99_999)])


def file_of(folder: Path, month: str) -> Path:
    return folder / f"{month}.csv"
