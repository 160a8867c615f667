"""The tasks: split the flights by month, add up one month, write the report. All are plain functions."""

import csv
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

from lapinq import TaskQueue

from ..files import replacing
from .flights import Summary, names, open_archive, summarise
from .page import report

queue = TaskQueue(queue_name="report")


@queue.task
def split_by_month(archive: str, folder: str) -> list[str]:
    """Write the flights of each month to a separate CSV file, and return the paths."""
    months: dict[str, Any] = {}
    files: list[str] = []
    with open_archive(Path(archive)) as lines, ExitStack() as parts:
        rows = csv.reader(lines)
        header = next(rows)
        month = header.index("month")
        for row in rows:
            writer = months.get(row[month])
            if writer is None:
                target = Path(folder, f"flights-{int(row[month]):02}.csv")
                files.append(str(target))
                part = parts.enter_context(replacing(target))
                file = parts.enter_context(part.open("w", encoding="utf-8", newline=""))
                writer = months[row[month]] = csv.writer(file)
                writer.writerow(header)
            writer.writerow(row)
    return sorted(files)


@queue.task
def summarise_month(file: str) -> Summary:
    """Add up the flights in one file of `split_by_month`."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        first = next(rows)
        return summarise(int(first["month"]), chain([first], rows))


@queue.task
def write_report(summaries: list[Summary], data: str, target: str) -> str:
    """Write the report as Markdown and return its path. `data` is the folder with airline and airport names."""
    airlines = names(Path(data, "airlines.csv"), "carrier")
    airports = names(Path(data, "airports.csv"), "faa")
    with replacing(Path(target)) as part:
        part.write_text(report(summaries, airlines, airports), encoding="utf-8")
    return target
