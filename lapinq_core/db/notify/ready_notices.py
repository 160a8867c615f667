"""The payload and the channels of a notice to workers: a queue, how many tasks it got, and a number that decides which
workers answer.

The numbers form a ring, and each worker answers for a share of it. For a few tasks, one notice per task goes to the
channel of the arc in which its number lies, so that it reaches one or two of many workers, and another one to the
opposite arc, in case the first worker is busy or gone. For many tasks, one notice goes to all workers. So does a
payload with only a queue name, from the database's own function or an earlier version; it stands for one task or more.
"""

import random
import time
import zlib
from collections.abc import Mapping

import msgspec

from lapinq_core.db.notify.channels import READY_CHANNEL, Notice

RING = 1 << 16
ARCS = 32
FEW_TASKS = 8
_TURN_SECONDS = 0.1
_END_OF_NAME = "\n"  # a name has printable characters only


class ReadyNotice(msgspec.Struct, frozen=True):
    """`count` tasks of `queue` are ready, about, or at least if not `is_counted`. 0: another worker has been told of
    one. All workers that get the notice see the same `turn`, on the ring."""

    queue: str
    count: int
    turn: int
    is_counted: bool = True


def channel_of(turn: int) -> str:
    """The channel of the arc where `turn` lies."""
    return f"{READY_CHANNEL}_{turn % RING * ARCS // RING}"


def opposite(turn: int) -> int:
    """The number of the worker that answers when that of `turn` doesn't."""
    return (turn + RING // 2) % RING


ALL_CHANNELS = frozenset({READY_CHANNEL, *(channel_of(turn) for turn in range(0, RING, RING // ARCS))})


def packed(counts: Mapping[str, int]) -> list[Notice]:
    """Notices for this number of tasks in each queue."""
    return [notice for queue, count in counts.items() for notice in _packed(queue, count)]


def read(payload: str) -> ReadyNotice:
    queue, _, rest = payload.partition(_END_OF_NAME)
    try:
        count, turn = map(int, rest.split(" "))
    except ValueError:
        # Workers whose clocks agree still agree whose turn it is.
        turn = zlib.crc32(f"{queue} {int(time.time() / _TURN_SECONDS)}".encode()) % RING
        return ReadyNotice(queue, 1, turn, is_counted=False)
    return ReadyNotice(queue, count, turn % RING)


def _packed(queue: str, count: int) -> list[Notice]:
    first = random.randrange(RING)  # noqa: S311  # no secret
    if count > FEW_TASKS:
        return [Notice(READY_CHANNEL, _payload(queue, count, first))]
    turns = [(first + number * RING // count) % RING for number in range(count)]
    return [
        *(Notice(channel_of(turn), _payload(queue, 1, turn)) for turn in turns),
        Notice(channel_of(opposite(first)), _payload(queue, 0, first)),
    ]


def _payload(queue: str, count: int, turn: int) -> str:
    return f"{queue}{_END_OF_NAME}{count} {turn}"
