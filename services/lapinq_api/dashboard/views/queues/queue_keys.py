"""The blocked keys of a queue, those first whose task in front is the oldest."""

from http import HTTPStatus
from typing import Any

import msgspec
import psycopg

from lapinq_api.batching.long_windows import LongWindows
from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.views.queues.queue import MAX_COUNTED_KEYS
from lapinq_api.operations.key_filter import read_key_filter
from lapinq_api.operations.paging import DEFAULT_LIMIT, cursor_after_text
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.limits import blocked_keys
from lapinq_core.limits.blocked_keys import KeyFilter, KeySort, WaitingKeys

COUNT_KEPT = 10.0
"""Seconds for which the number of very many keys stays."""


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    name = address.query.get("name", "")
    check_name("name", name)
    if not includes(readable, name):
        raise Refused(HTTPStatus.FORBIDDEN, f"you may not read the queue {name}")
    chosen = read_key_filter({**address.query, "sort": KeySort.AGE})
    found = await state.database.scan(_read, state.long_windows, name, chosen)
    cursor = None if found.next is None else cursor_after_text(found.next)
    return {
        "name": name,
        "prefix": chosen.prefix,
        "blocked": found,
        "links": page_links(address.query, cursor),
    }


async def _read(
    conn: psycopg.AsyncConnection, long: LongWindows, name: str, chosen: KeyFilter
) -> WaitingKeys:
    """The first page reads what it shows; how many more there are is counted for all who look."""
    if chosen.after is not None:
        return await blocked_keys.list_keys(conn, name, chosen, DEFAULT_LIMIT)
    first = await blocked_keys.list_keys(conn, name, chosen, DEFAULT_LIMIT, MAX_COUNTED_KEYS)
    if not first.is_capped:
        return first
    counted = await long.hold(COUNT_KEPT, blocked_keys.list_keys, conn, name, chosen, 1)
    return msgspec.structs.replace(first, found=counted.found, is_capped=counted.is_capped)


VIEW = View(
    path="/queue/keys",
    template="queue-keys.html",
    here="queues",
    load=load,
    is_narrowed=True,
    parts=("keys-head", "keys-list"),
    is_list=True,
    parameters=frozenset({"name", "prefix", CURSOR}),
)
