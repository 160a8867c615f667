"""Which transport a server's URL needs."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lapinq._client.calling.replacing import Replaceable
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.database_url import check_login, is_database_url

if TYPE_CHECKING:
    from lapinq._client.calling.transport import Transport


@functools.cache
def shared_transport(server_url: str) -> Transport:
    """For refs without a queue. It stays open until the process ends."""
    return open_transport(server_url)


def open_transport(server_url: str, *, is_async: bool = False) -> Transport:
    """`is_async` chooses what suits coroutines; either serves both. Opens no connection yet. Raises ValueError."""
    try:
        check_login(server_url)
    except InvalidValue as error:
        raise ValueError(f"server_url: {error.msg}") from None
    if is_database_url(server_url):
        from lapinq._client.database.on_first_call import DirectOnFirstCall

        return Replaceable(DirectOnFirstCall())
    if not server_url.startswith(("http://", "https://")):
        shown = "" if "@" in server_url else f", not {server_url!r}"  # it may hold a password
        if server_url.isidentifier():
            shown += f". To name a queue, write queue_name={server_url!r}"
        raise ValueError(f"server_url must begin with http://, https:// or postgresql://{shown}")
    from lapinq._client.http.transport import AsyncHttp, SyncHttp

    return Replaceable(AsyncHttp() if is_async else SyncHttp())


def open_in_transaction(connection: Any) -> tuple[Transport, bool]:
    """Enqueues in the transaction of `connection`. Also returns whether that is for coroutines. Raises TypeError."""
    from lapinq._client.transaction.transport import InTransaction

    transport = InTransaction(connection)
    return Replaceable(transport, transport), transport.is_async
