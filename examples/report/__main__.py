"""`python -m examples.report`: split, add up each month, combine."""

from ..running import options, run, value_of
from .flights import data_folder
from .tasks import queue, split_by_month, summarise_month, write_report


def main() -> None:
    """Enqueue each task when the results it needs are there."""
    given = options("report", "Write a report on the flights from New York in 2013.").parse_args()
    queue.server_url, queue.api_key = given.server_url, given.api_key
    folder = given.folder.resolve()  # the worker may run in another directory
    data = data_folder()

    split = split_by_month.queue(str(data / "flights.csv.zip"), str(folder / "months"))
    files: list[str] = value_of(split.wait(given.timeout))
    print(f"{len(files)} months in {folder / 'months'}")

    months = [summarise_month.queue(file) for file in files]
    summaries = [value_of(month.wait(given.timeout)) for month in months]
    print(f"{sum(summary['all']['flights'] for summary in summaries):,} flights added up")

    page = write_report.queue(summaries, str(data), str(folder / "report.md"))
    print(value_of(page.wait(given.timeout)))


if __name__ == "__main__":
    run(main)
