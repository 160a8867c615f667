"""What no server can be made to do at the right moment."""

import asyncio
import gc
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from psycopg import OperationalError

from lapinq_core.db.notify.listener import Listener

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

# pyright: reportPrivateUsage=false


class Breaking:
    """A connection that breaks in the turn of the event loop in which its listener is stopped."""

    def __init__(self, readable: socket.socket) -> None:
        self.socket = readable.fileno()
        self.hearing: asyncio.Task[None] | None = None

    def consume_input(self) -> None:
        assert self.hearing is not None
        self.hearing.cancel()
        raise OperationalError("broken")


async def test_a_connection_that_breaks_while_it_stops_is_no_error_that_nobody_saw() -> None:
    unseen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = Breaking(ours)
        listener = Listener("postgresql:///none", "test")
        connection.hearing = asyncio.create_task(listener._hear(cast("PGconn", connection)))
        theirs.send(b"x")
        with suppress(asyncio.CancelledError):
            await connection.hearing
        connection.hearing = None
    await asyncio.sleep(0)  # the task's last step still holds its frame
    gc.collect()
    assert unseen == []
