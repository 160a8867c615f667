"""What worker and child process say to each other: length-prefixed MessagePack over a socket pair.

The worker greets; the child answers once it has imported what the greeting names, and from then on gets lists of calls
and sends a report for each.
"""

import struct

import msgspec

from lapinq_core.domain.outcome import Completed, Outcome, Raised, RetryAsked, Unstorable

_LENGTH = struct.Struct("!I")


class Greeting(msgspec.Struct, frozen=True, array_like=True):
    """The worker's first frame: where to import from, what is allowed, and what to import at once."""

    sys_path: list[str]
    allowed_modules: list[str]
    imports: list[str]


class Ready(msgspec.Struct, frozen=True, array_like=True):
    """The child's first frame."""


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One function to call; `args` and `kwargs` are JSON."""

    module_path: str
    task_name: str
    args: bytes
    kwargs: bytes


class Report(msgspec.Struct, frozen=True, array_like=True):
    """How one call ended, in the order of the calls; `seconds` is its run time."""

    outcome: Completed | Raised | RetryAsked | Unstorable
    seconds: float


_encoder = msgspec.msgpack.Encoder()


def frame(message: Greeting | Ready | list[Call] | Report) -> bytes:
    """`message` ready to be sent."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

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


def reportable(outcome: Outcome) -> Completed | Raised | RetryAsked | Unstorable:
    """`outcome`, which a call can only end in one of these ways."""
    assert isinstance(outcome, (Completed, Raised, RetryAsked, Unstorable))
    return outcome
