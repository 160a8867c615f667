"""What worker and child process say to each other: length-prefixed MessagePack over a socket pair.

The worker greets; the child answers once it has imported what the greeting names, and from then on gets lists of calls
and sends a report for each. In between go the lines that a call logs. Both sides number the calls from 1.
"""

import struct

import msgspec

from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    Outcome,
    Raised,
    Refused,
    RetryAsked,
    Snoozed,
    TimedOut,
    Unstarted,
    Unstorable,
)

_LENGTH = struct.Struct("!I")

Reportable = (
    Completed
    | Raised
    | RetryAsked
    | Refused
    | Snoozed
    | Cancelled
    | TimedOut
    | Unstorable
    | Committed
    | Unstarted
)
"""How a call can end as seen from inside; unstarted when the worker asked to skip it."""


class Greeting(msgspec.Struct, frozen=True, array_like=True):
    """The worker's first frame: where to import from, what is allowed, what to import at once, and what calls need."""

    sys_path: list[str]
    allowed_modules: list[str]
    imports: list[str]
    middleware: list[str] = []
    max_result_size: int = 16 * 1024 * 1024
    database_url: str | None = None
    log_level: str = "info"
    json_log: bool = False


class Ready(msgspec.Struct, frozen=True, array_like=True):
    """The child's first frame."""


class Details(msgspec.Struct, frozen=True, array_like=True):
    """What a call can learn of itself; `metadata` is JSON, `enqueued_at` in seconds since 1970."""

    id: str
    token: str
    queue_name: str
    attempt: int
    max_retries: int
    claim_seq: int
    time_limit: float
    enqueued_at: float | None
    metadata: bytes | None
    request_id: str | None = None


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One function to call; `args` and `kwargs` are JSON."""

    module_path: str
    task_name: str
    args: bytes
    kwargs: bytes
    details: Details


class Report(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """How one call ended, in the order of the calls; `seconds` is its run time, `progress` what it said last of that.

    `is_committed` when it ended its attempt itself. `is_last` when the child takes no more calls. `call` is its number.
    """

    outcome: Reportable
    seconds: float
    progress: tuple[int, str | None] | None = None
    is_committed: bool = False
    is_last: bool = False
    call: int = 0


class Line(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """What `call` logged."""

    call: int
    text: str


_encoder = msgspec.msgpack.Encoder()


def frame(message: Greeting | Ready | list[Call] | Report | Line) -> bytes:
    """`message` ready to be sent."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def copy(self) -> "Frames":
        """Another one that has come as far; any thread may ask."""
        other = Frames()
        other._buffer = self._buffer[:]
        return other

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that `data` completes."""
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            bodies.append(bytes(memoryview(buffer)[start + _LENGTH.size : end]))
            start = end
        del buffer[:start]
        return bodies


def reportable(outcome: Outcome) -> Reportable:
    """`outcome`, which a call can only end in one of these ways."""
    assert isinstance(outcome, Reportable)
    return outcome
