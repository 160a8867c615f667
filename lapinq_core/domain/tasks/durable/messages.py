"""What a running durable task asks of its worker, and the answers.

They cross the socket between a child process and its worker, so they are plain data. Every request belongs to the
attempt that makes it: where its claim is lost, the answer is `Lost`.
"""

from typing import Literal

import msgspec

Kind = Literal["step", "sleep", "signal", "task", "spawn"]
WaitKind = Literal["sleep", "signal", "task"]
Outcome = Literal["completed", "timed_out", "failed"]


class Load(msgspec.Struct, frozen=True, array_like=True, tag="load"):
    """All that is stored of the task."""


class Fetch(msgspec.Struct, frozen=True, array_like=True, tag="fetch"):
    """A result that `Load` left out."""

    name: str
    occurrence: int


class Store(msgspec.Struct, frozen=True, array_like=True, tag="store"):
    """Keep the result of a step, JSON text. It ran for `seconds`."""

    name: str
    occurrence: int
    kind: Kind
    result: str
    seconds: float
    version: str | None = None


class Wait(msgspec.Struct, frozen=True, array_like=True, tag="wait"):
    """Begin a wait, or look again: for a signal with one of `names`, or for the end of the task `child`. It is over
    `seconds` after it began, None for never."""

    name: str
    occurrence: int
    kind: WaitKind
    seconds: float | None
    names: list[str] = []
    child: str | None = None
    version: str | None = None


class Spawn(msgspec.Struct, frozen=True, array_like=True, tag="spawn"):
    """Enqueue a task as a step. `request` is what the API takes, JSON text."""

    name: str
    occurrence: int
    request: str
    version: str | None = None


class Link(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """Make a link to the decision `name`, the `occurrence`-th in the step `step`, which is empty outside of steps. It
    expires after `seconds`. `schema` is that of its form, JSON text."""

    name: str
    step: str
    occurrence: int
    seconds: float
    title: str | None = None
    text: str | None = None
    schema: str | None = None


Request = Load | Fetch | Store | Wait | Spawn | Link


class Stored(msgspec.Struct, frozen=True, array_like=True, tag="stored"):
    """It is kept."""


class Lost(msgspec.Struct, frozen=True, array_like=True, tag="lost"):
    """The claim is lost; nothing was written."""


class Row(msgspec.Struct, frozen=True, array_like=True, tag="row"):
    """A stored step or wait. `outcome` is None while it waits. `result` is JSON text; None if there is none, or if it
    was left out of an answer, and then `size` is more than 0. `taken` is the signal's name, or how the task ended."""

    name: str
    occurrence: int
    kind: Kind
    outcome: Outcome | None
    result: str | None = None
    size: int = 0
    taken: str | None = None


class Loaded(msgspec.Struct, frozen=True, array_like=True, tag="loaded"):
    """In the order in which they began. `version` is that of the first; it counts if there is one."""

    rows: list[Row]
    version: str | None = None


class Text(msgspec.Struct, frozen=True, array_like=True, tag="text"):
    """A result, JSON text."""

    result: str


class Enqueued(msgspec.Struct, frozen=True, array_like=True, tag="enqueued"):
    """As the API answers. The step is stored if the status is 201."""

    status: int
    body: str


class Linked(msgspec.Struct, frozen=True, array_like=True, tag="linked"):
    """The address of a new link."""

    url: str


Answer = Stored | Lost | Loaded | Row | Text | Enqueued | Linked
