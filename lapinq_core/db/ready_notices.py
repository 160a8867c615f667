"""What a notice to workers says: a queue, how many tasks it got, and a number by which workers take turns.

A payload that is only a queue name, from the database's own function or an earlier release, tells of one task or more.
"""

import random
import time
import zlib
from collections.abc import Mapping

import msgspec

_TURNS = 1 << 16
_TURN_SECONDS = 0.1
_END_OF_NAME = "\n"  # a name has printable characters only


class ReadyNotice(msgspec.Struct, frozen=True):
    """`count` tasks of `queue` are ready, about, or at least if not `is_counted`. All workers that get the notice see
    the same `turn`."""

    queue: str
    count: int
    turn: int
    is_counted: bool = True


def packed(counts: Mapping[str, int]) -> list[str]:
    """Payloads that tell of so many tasks in each queue."""
    return [
        f"{queue}{_END_OF_NAME}{count} {random.randrange(_TURNS)}"  # noqa: S311  # no secret
        for queue, count in counts.items()
    ]


def read(payload: str) -> ReadyNotice:
    queue, _, rest = payload.partition(_END_OF_NAME)
    try:
        count, turn = map(int, rest.split(" "))
    except ValueError:
        # Workers whose clocks agree still agree whose turn it is.
        turn = zlib.crc32(queue.encode()) + int(time.time() / _TURN_SECONDS)
        return ReadyNotice(queue, 1, turn, is_counted=False)
    return ReadyNotice(queue, count, turn)
