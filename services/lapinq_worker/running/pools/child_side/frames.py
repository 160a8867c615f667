"""The messages between worker and child process: length-prefixed MessagePack over a socket pair.

The worker sends a greeting. The child answers once it has imported the modules that the greeting names. Then it gets
lists of calls, and sends a report for each call, a line for each line that a call logs, and the units of named limits
that it used. Both sides number the calls from 1. What a durable task asks is answered in the middle of its call.
"""

import struct

import msgspec

from lapinq_core.domain.tasks.durable.messages import Answer, Request
from lapinq_core.domain.tasks.outcome import (
    Cancelled,
    Committed,
    Completed,
    OfOtherVersion,
    Outcome,
    Raised,
    RetryAsked,
    Snoozed,
    Suspended,
    Throttled,
    TimedOut,
    Unretryable,
    Unstarted,
    Unstorable,
)
from lapinq_core.runtime.threads import any_thread

_LENGTH = struct.Struct("!I")

Reportable = (
    Completed
    | Raised
    | RetryAsked
    | Unretryable
    | Snoozed
    | Suspended
    | OfOtherVersion
    | Throttled
    | Cancelled
    | TimedOut
    | Unstorable
    | Committed
    | Unstarted
)
"""How a call can end, as the child sees it; unstarted if the worker asked to skip it."""


class Greeting(msgspec.Struct, frozen=True, array_like=True):
    """The worker's first frame: what to import, from where, and what calls need."""

    sys_path: list[str]
    allowed_modules: list[str]
    imports: list[str]
    middleware: list[str] = []
    max_result_size: int = 16 * 1024 * 1024
    database_url: str | None = None
    log_level: str = "info"
    json_log: bool = False
    logs_tasks: bool = False
    max_payload_size: int = 1024 * 1024


class Ready(msgspec.Struct, frozen=True, array_like=True):
    """The child's first frame."""


class Details(msgspec.Struct, frozen=True, array_like=True):
    """What `current_task()` returns in a call, and whether to profile it. `metadata` is JSON, `enqueued_at` in seconds
    since 1970."""

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
    profile: bool = False
    workflow_id: str | None = None


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One function to call; `args` and `kwargs` are JSON."""

    module_path: str
    task_name: str
    args: bytes
    kwargs: bytes
    details: Details

    def arguments(self) -> tuple[bytes, bytes]:
        """`args` and `kwargs`."""
        return self.args, self.kwargs


class Chunk(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Calls to be made one after the other."""

    calls: list[Call]


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """There is no answer. `is_refused`: the same would be refused again."""

    error: str
    is_refused: bool


class Answered(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The answer to the question with that number."""

    question: int
    answer: Answer | Failed


class Report(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """How one call ended. Reports come in the order of the calls.

    `seconds` is its run time, `progress` its latest progress. `is_committed` says that it completed its attempt itself,
    `is_last` that the child takes no more calls. `call` is its number, `profile` the profile that was asked for.
    """

    outcome: Reportable
    seconds: float
    progress: tuple[int, str | None] | None = None
    is_committed: bool = False
    is_last: bool = False
    call: int = 0
    profile: bytes | None = None


class LogLine(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A line that `call` logged."""

    call: int
    text: str


class Spend(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The units of a named limit that `call` used; the last for each limit counts."""

    call: int
    limit: str
    units: float


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """What the durable task of `call` asks. A child numbers its questions."""

    call: int
    question: int
    request: Request


ToChild = Chunk | Answered
"""What the worker sends after the greeting."""
ToWorker = Report | LogLine | Spend | Ask
"""What the child sends once it is ready."""

_encoder = msgspec.msgpack.Encoder()


def frame(message: Greeting | Ready | ToChild | ToWorker) -> bytes:
    """`message` as bytes."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Splits a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @any_thread
    def copy(self) -> "Frames":
        """A copy in the same state."""
        other = Frames()
        other._buffer = self._buffer[:]
        return other

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are complete with `data`."""
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
    """`outcome`, typed: a call ends in no other way."""
    assert isinstance(outcome, Reportable)
    return outcome
