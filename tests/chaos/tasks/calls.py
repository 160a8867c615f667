"""What tasks `acall` wrote of their starts and ends, which several processes append to."""

from pathlib import Path
from typing import NamedTuple


class Event(NamedTuple):
    """The time of `time.monotonic`, what happened, the name of the task and the process."""

    at: float
    what: str
    name: str
    process: int


def events_of(journal: Path) -> list[Event]:
    """What starts and ends, in order."""
    lines = [line.split() for line in journal.read_text().splitlines()] if journal.exists() else []
    return [Event(float(at), what, name, int(process)) for at, what, name, process in lines]


def process_of(journal: Path, name: int) -> int | None:
    """The process in which the task runs."""
    last = [event for event in events_of(journal) if event.name == str(name)][-1:]
    return last[0].process if last and last[0].what == "start" else None


def are_alone(events: list[Event]) -> bool:
    """Whether each start is followed by its end."""
    return all(
        first[1:] == ("start", *rest) and second[1:] == ("end", *rest)
        for first, second in zip(events[::2], events[1::2], strict=False)
        for rest in [first[2:]]
    )
