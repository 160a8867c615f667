"""The panes of the picture: which rows they have, and which columns."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from lapinq.commands.output.tables import STYLES
from lapinq.commands.output.terminal import plain
from lapinq.commands.top import quantities

Row = Mapping[str, Any]


class Pane(StrEnum):
    """A list with rows to select, in the order in which Tab goes through them."""

    QUEUES = "queues"
    WORKERS = "workers"
    RUNNING = "running"
    FAILED = "failed"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to show.

    `overview` and `failed` are the API's answers, None before the first. `error` says why they are not newer.
    """

    overview: Row | None = None
    failed: list[Row] | None = None
    error: str = ""

    def rows(self, pane: Pane) -> list[Row]:
        """The rows of a pane."""
        if pane is Pane.FAILED:
            return self.failed or []
        return self.overview[pane] if self.overview else []


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """`rank`: columns with the highest go first where the terminal is narrow. One of each pane `grows`."""

    heading: str
    text: Callable[[Row], str]
    rank: int = 0
    is_number: bool = False
    grows: bool = False
    style: Callable[[Row], str] | None = None


def key_of(pane: Pane, row: Row) -> str:
    """What identifies a row while others come and go."""
    return row["queue_name"] if pane is Pane.QUEUES else row["id"]


def queue_state(row: Row) -> str:
    """What keeps the tasks of a queue from starting."""
    if row["is_paused"]:
        return "paused"
    return "no worker" if row["pending"] and not row["has_worker"] else ""


def _shown(name: str) -> Callable[[Row], str]:
    return lambda row: _line(row[name])


def _line(text: str | None) -> str:
    """Safe to print, in one line."""
    return plain(text or "").replace("\n", " ").replace("\t", " ")


def _queue_style(row: Row) -> str:
    return {"no worker": STYLES["failed"], "paused": STYLES["paused"]}.get(queue_state(row), "")


def _red(is_bad: Callable[[Row], bool]) -> Callable[[Row], str]:
    return lambda row: STYLES["failed"] if is_bad(row) else ""


def _out(row: Row) -> float:
    return row["rates"]["completed"] + row["rates"]["failed"]


def _progress(row: Row) -> str:
    if row["is_cancel_requested"]:
        return "cancelling"
    return "" if row["progress"] is None else f"{row['progress']} %"


_QUEUES = (
    Column(heading="QUEUE", text=_shown("queue_name"), grows=True),
    Column(heading="STATE", text=queue_state, rank=1, style=_queue_style),
    Column(heading="READY", text=lambda row: quantities.count(row["ready"]), is_number=True),
    Column(heading="DELAYED", text=lambda row: quantities.count(row["delayed"]), rank=5, is_number=True),
    Column(heading="RUNNING", text=lambda row: quantities.count(row["running"]), is_number=True),
    Column(
        heading="OLDEST",
        text=lambda row: quantities.duration(row["oldest_ready_seconds"]),
        rank=2,
        is_number=True,
    ),
    Column(
        heading="IN/S", text=lambda row: quantities.rate(row["rates"]["enqueued"]), rank=3, is_number=True
    ),
    Column(heading="OUT/S", text=lambda row: quantities.rate(_out(row)), rank=3, is_number=True),
    Column(
        heading="RETRY/S",
        text=lambda row: quantities.rate(row["rates"]["retried"]),
        rank=7,
        is_number=True,
    ),
    Column(
        heading="FAIL%",
        text=lambda row: quantities.share(row["failure_share"]),
        rank=4,
        is_number=True,
        style=_red(lambda row: bool(row["failure_share"])),
    ),
    Column(
        heading="FAILED",
        text=lambda row: quantities.count(row["failed"]),
        rank=1,
        is_number=True,
        style=_red(lambda row: row["failed"] > 0),
    ),
)

_WORKERS = (
    Column(heading="WORKER", text=_shown("name")),
    Column(heading="STATE", text=_shown("state"), style=lambda row: STYLES.get(row["state"], "")),
    Column(
        heading="RUNNING",
        text=lambda row: f"{quantities.count(row['running'])}/{row['concurrency']}",
        is_number=True,
    ),
    Column(heading="DONE/S", text=lambda row: quantities.rate(row["rate"]), rank=1, is_number=True),
    Column(heading="MEMORY", text=lambda row: quantities.memory(row["memory_bytes"]), rank=2, is_number=True),
    Column(heading="BEAT", text=lambda row: quantities.duration(row["beat_age"]), rank=4, is_number=True),
    Column(
        heading="QUEUES",
        text=lambda row: "all" if row["queues"] is None else ", ".join(_line(each) for each in row["queues"]),
        grows=True,
    ),
)

_RUNNING = (
    Column(heading="RUNNING TASK", text=_shown("task_name"), grows=True),
    Column(heading="TIME", text=lambda row: quantities.duration(row["seconds"]), is_number=True),
    Column(heading="QUEUE", text=_shown("queue_name"), rank=1),
    Column(heading="WORKER", text=lambda row: _line(row["worker_name"] or row["worker_id"]), rank=2),
    Column(heading="TRY", text=lambda row: str(row["attempt"]), rank=4, is_number=True),
    Column(heading="PROGRESS", text=_progress, rank=3, is_number=True),
    Column(heading="ID", text=_shown("id"), rank=5),
)

_FAILED = (
    Column(heading="FAILED TASK", text=_shown("task_name"), rank=1),
    Column(heading="QUEUE", text=_shown("queue_name"), rank=2),
    Column(heading="TRIES", text=lambda row: str(row["attempts"]), rank=3, is_number=True),
    Column(
        heading="ENDED (UTC)", text=lambda row: (row["completed_at"] or "")[:19].replace("T", " "), rank=4
    ),
    Column(
        heading="ERROR", text=lambda row: _line(row["error"]), grows=True, style=lambda row: STYLES["failed"]
    ),
)

COLUMNS = {Pane.QUEUES: _QUEUES, Pane.WORKERS: _WORKERS, Pane.RUNNING: _RUNNING, Pane.FAILED: _FAILED}
