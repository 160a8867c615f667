"""The audit log, for admins: the changes that users and keys made."""

from datetime import datetime
from typing import Any

import msgspec

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.operations.filters.audit import read_filter
from lapinq_api.operations.paging import DEFAULT_LIMIT, cursor_after_number
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.people import audit
from lapinq_core.people.audit import Recorded


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del readable
    chosen = read_filter(address.query)
    entries, last = await state.database.scan(audit.list_entries, chosen, DEFAULT_LIMIT)
    return {
        "entries": [(entry, _title(entry), _details(entry)) for entry in entries],
        "filters": address.query,
        "since": _typed(chosen.since),
        "until": _typed(chosen.until),
        "links": page_links(address.query, None if last is None else cursor_after_number(last)),
    }


def _title(entry: Recorded) -> str | None:
    """What people call the thing that was changed: its name, or what an error says, where its target is an id."""
    details = entry.details or {}
    title = details.get("kind" if entry.action.startswith("error.") else "name")
    return title if isinstance(title, str) and title else entry.target


def _details(entry: Recorded) -> str | None:
    """The details as indented JSON."""
    if not entry.details:
        return None
    return msgspec.json.format(msgspec.json.encode(entry.details), indent=2).decode()


def _typed(moment: datetime | None) -> str:
    """`moment` as a form field's value, in UTC without an offset."""
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S}"


VIEW = View(
    path="/admin/audit",
    template="audit.html",
    here="audit",
    load=load,
    parts=("audit-list",),
    is_list=True,
    parameters=frozenset({"actor", "action", "target", "since", "until", CURSOR}),
    needs_admin=True,
)
