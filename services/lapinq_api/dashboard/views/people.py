"""Users and named API keys with their permissions, for admins."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission, Role, Scope
from lapinq_core.domain.accounts.grants import write_grants
from lapinq_core.domain.accounts.passwords import MAX_PASSWORD, MAX_USERNAME, MIN_PASSWORD
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import MAX_NAME
from lapinq_core.lookup.known import known_queues
from lapinq_core.people import invitations, keys, sessions, users

_LIFETIMES = (30, 90, 365)
"""Days after which a new key expires, as the form offers them."""
_USUAL_LIFETIME = 90


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del address, readable
    scan = state.database.scan
    found, presences = await scan(users.list_all), await scan(sessions.presences)
    links = await scan(invitations.list_open)
    shown = [
        {
            "user": user,
            "permissions": write_grants(user.permissions),
            "sessions": presences.get(user.id),
            "link": links.get(user.id),
        }
        for user in found
    ]
    return {
        "users": shown,
        "roles": list(Role),
        "permissions": list(Permission),
        "queues": await scan(known_queues),
        "keys": await scan(keys.list_all),
        "scopes": list(Scope),
        "lifetimes": _LIFETIMES,
        "usual_lifetime": _USUAL_LIFETIME,
        "shortest": MIN_PASSWORD,
        "longest": MAX_PASSWORD,
        "longest_username": MAX_USERNAME,
        "longest_name": MAX_NAME,
    }


VIEW = View(path="/admin/users", template="users.html", here="users", load=load, needs_admin=True)
