"""Task ids: UUIDv7 (RFC 9562), created where the task is created. Those of tasks in a workflow are UUIDv8, else alike.

Ids of one process and version strictly increase, so their order is the order of enqueueing; the time inside them
decides the partition. `rand_a` holds sub-millisecond time, as RFC 9562 section 6.2 method 3 allows.
"""

import os
import re
import threading
import time
import uuid

BEGIN_OF_ID = "X{1,8}|X{8}(-X{4}){0,2}-X{0,4}|X{8}(-X{4}){3}-X{0,12}".replace("X", "[0-9a-fA-F]")
"""A pattern for the start of an id."""

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_lock = threading.Lock()
_last = 0  # 60 bits: 48 of milliseconds, 12 of fractions


def new_id() -> str:
    """A new id, greater than every earlier id of this process."""
    return new_ids(1)[0]


def new_ids(count: int, version: int = 7) -> list[str]:
    """`count` new ids in ascending order; version 8 for tasks in a workflow."""
    global _last
    with _lock:
        first = max(_now60(), _last + 1)
        _last = first + count - 1
    random = os.urandom(8 * count).hex()
    return [_format(first + n, random[16 * n : 16 * n + 16], version) for n in range(count)]


def is_of_workflow(task_id: str) -> bool:
    """Whether a task with this id is in a workflow."""
    return task_id[14:15] == "8"


def is_id(text: str) -> bool:
    """Whether it is an id in its usual form."""
    return _ID.fullmatch(text) is not None


def id_at(milliseconds: int) -> uuid.UUID:
    """The smallest id at the given Unix time: the bound of a partition."""
    return uuid.UUID(int=milliseconds << 80)


def _now60() -> int:
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    return milliseconds << 12 | (rest << 12) // 1_000_000


def _format(time60: int, random: str, version: int) -> str:
    head = f"{time60:015x}"
    # Two of the 64 random bits give way to the variant: 8, 9, a or b.
    variant = "89ab"[int(random[0], 16) & 3]
    return f"{head[:8]}-{head[8:12]}-{version}{head[12:]}-{variant}{random[1:4]}-{random[4:]}"
