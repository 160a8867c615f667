"""Rules for notifications, and what became of their messages; for admins."""

from http import HTTPStatus
from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.alerts import messages, rules
from lapinq_core.domain.alerts.news import EventKind
from lapinq_core.domain.alerts.rule import (
    BACKLOG_SECONDS,
    MAX_BACKLOG_SECONDS,
    MIN_BACKLOG_SECONDS,
    Channel,
    shown_url,
)
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import MAX_NAME, MAX_URL

MAX_NOTICES = 20
_EDIT = "edit"


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del readable
    found = await state.database.scan(rules.list_rules)
    return {
        "rules": found,
        "notices": await state.database.scan(messages.latest, MAX_NOTICES),
        "edited": _edited(found, address.query.get(_EDIT)),
        "shown_url": shown_url,
        "channels": list(Channel),
        "events": list(EventKind),
        "backlog": BACKLOG_SECONDS,
        "shortest": MIN_BACKLOG_SECONDS,
        "longest": MAX_BACKLOG_SECONDS,
        "longest_name": MAX_NAME,
        "longest_url": MAX_URL,
    }


def _edited(found: list[rules.StoredRule], asked: str | None) -> rules.StoredRule | None:
    """The rule in the form. Raises `InvalidValue` and `Refused` (404)."""
    if asked is None:
        return None
    if not asked.isascii() or not asked.isdigit():
        raise InvalidValue(_EDIT, "must be a rule's id, a whole number")
    for rule in found:
        if str(rule.id) == asked:
            return rule
    raise Refused(HTTPStatus.NOT_FOUND, "there is no rule with this id")


VIEW = View(
    path="/admin/notifications",
    template="notifications.html",
    here="notifications",
    load=load,
    parts=("notify-rules", "notify-notices"),
    parameters=frozenset({_EDIT}),
    needs_admin=True,
)
