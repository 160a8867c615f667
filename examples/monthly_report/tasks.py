"""The tasks: add up the orders of one month, and write the report of the year."""

import csv
from pathlib import Path
from typing import Any, TypedDict

from lapinq import TaskQueue

from ..files import replacing

queue = TaskQueue(queue_name="monthly_report")


class Month(TypedDict):
    """What was ordered in a month."""

    orders: int
    cents: int


@queue.task(max_retries=0)
def add_up(file: str) -> Month:
    """Add up the orders in one file. A line that is not complete fails the task."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        amounts = [row["cents"] for row in csv.DictReader(lines)]
    if not all(amounts):
        raise ValueError(f"{Path(file).name} ends in the middle of a line")
    return {"orders": len(amounts), "cents": sum(map(int, amounts))}


@queue.task
def write_report(months: dict[str, dict[str, Any]], target: str) -> str:
    """Write what is known of each month as Markdown, and return the path. `months` are the outcomes of `add_up`."""
    rows: list[str] = []
    for name, outcome in months.items():
        if outcome["status"] == "completed":
            month: Month = outcome["result"]
            rows.append(f"| {name} | {month['orders']} | {month['cents'] / 100:,.2f} |")
        else:
            rows.append(f"| {name} | unknown: {outcome['error']} | |")
    with replacing(Path(target)) as part:
        table = [
            "# Orders of the year",
            "",
            "| month | orders | amount |",
            "| --- | ---: | ---: |",
            *rows,
            "",
        ]
        part.write_text("\n".join(table), encoding="utf-8")
    return target
