"""The report as Markdown text."""

from calendar import month_name
from collections.abc import Iterable, Mapping

from .flights import LATE_MINUTES, Summary, Sums, add, nothing

_COLUMNS = (
    "flights",
    "cancelled",
    "delay at departure",
    "delay at arrival",
    f"over {LATE_MINUTES - 1} min late",
)
_MAX_DESTINATIONS = 15
_BAR_MINUTES = 2


def report(summaries: list[Summary], airlines: Mapping[str, str], airports: Mapping[str, str]) -> str:
    """`airlines` and `airports` map the codes in the summaries to names."""
    summaries = sorted(summaries, key=lambda summary: summary["month"])
    total = nothing()
    for summary in summaries:
        add(total, summary["all"])
    by_airline = _merged(summary["airlines"] for summary in summaries)
    by_airport = _merged(summary["airports"] for summary in summaries)
    by_destination = _merged(summary["destinations"] for summary in summaries)
    by_hour = _merged(summary["hours"] for summary in summaries)
    often = dict(_by_flights(by_destination)[:_MAX_DESTINATIONS])
    months = [(month_name[summary["month"]], summary["all"]) for summary in summaries]
    return "\n".join(
        [
            "# Flights from New York, 2013",
            "",
            f"{total['flights']:,} flights to {len(by_destination)} airports by {len(by_airline)} airlines.",
            "Delays are means in minutes; early arrivals count as negative.",
            *_table("month", [*months, ("the year", total)]),
            *_table("airline", _by_flights(_named(by_airline, airlines))),
            *_table("from", _by_flights(_named(by_airport, airports))),
            *_table("most flown to", _by_flights(_named(often, airports))),
            *_chart(by_hour),
            "",
        ]
    )


def _merged(parts: Iterable[Mapping[str, Sums]]) -> dict[str, Sums]:
    merged: dict[str, Sums] = {}
    for part in parts:
        for key, sums in part.items():
            add(merged.setdefault(key, nothing()), sums)
    return merged


def _by_flights(sums: Mapping[str, Sums]) -> list[tuple[str, Sums]]:
    return sorted(sums.items(), key=lambda item: (-item[1]["flights"], item[0]))


def _named(sums: Mapping[str, Sums], names: Mapping[str, str]) -> dict[str, Sums]:
    return {f"{names[code]} ({code})" if code in names else code: value for code, value in sums.items()}


def _table(title: str, rows: Iterable[tuple[str, Sums]]) -> list[str]:
    lines = ["", f"| {title} | {' | '.join(_COLUMNS)} |", "| --- " + "| ---: " * len(_COLUMNS) + "|"]
    for name, sums in rows:
        cells = (
            f"{sums['flights']:,}",
            _share(sums["cancelled"], sums["flights"]),
            _mean(sums["departed_late_by"], sums["flights"] - sums["cancelled"]),
            _mean(sums["arrived_late_by"], sums["arrived"]),
            _share(sums["late"], sums["arrived"]),
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _chart(by_hour: Mapping[str, Sums]) -> list[str]:
    lines = ["", "Mean delay at departure, by the hour it was planned for:", "", "```"]
    for hour, sums in sorted(by_hour.items()):
        departed = sums["flights"] - sums["cancelled"]
        if departed:
            mean = sums["departed_late_by"] / departed
            lines.append(f"{hour} h {mean:5.1f} {'█' * round(mean / _BAR_MINUTES)}".rstrip())
    return [*lines, "```"]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _mean(total: int, count: int) -> str:
    return f"{total / count:.1f}" if count else "–"
