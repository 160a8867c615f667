"""`python -m examples.monthly_report`: a workflow in which one month fails, is mended, and is run again."""

from ..running import options, run, value_of
from .orders import BROKEN, MONTHS, file_of, write_month, write_orders
from .tasks import add_up, queue, write_report


def main() -> None:
    """Enqueue the workflow, wait for it, mend what was broken, and retry."""
    given = options("monthly_report", "Add up the orders of a year, month by month.").parse_args()
    queue.server_url, queue.api_key = given.server_url, given.api_key
    folder = given.folder.resolve()  # the worker may run in another directory
    write_orders(folder / "orders")
    files = {month: str(file_of(folder / "orders", month)) for month in MONTHS}

    with queue.workflow("monthly report") as flow:
        months = {month: flow.add(add_up.options(ref=month), file) for month, file in files.items()}
        outcomes = {month: flow.outcome(node) for month, node in months.items()}
        in_any_case = write_report.options(after_failure="run")
        report = flow.add(in_any_case, outcomes, str(folder / "report.md"))

    print(value_of(report.ref.wait(given.timeout)))
    print(f"{BROKEN} {months[BROKEN].ref.status()}")
    write_month(folder / "orders", BROKEN)
    flow.ref.retry()
    flow.ref.wait(given.timeout)
    print(f"retried: {BROKEN} {months[BROKEN].ref.status()}")


if __name__ == "__main__":
    run(main)
