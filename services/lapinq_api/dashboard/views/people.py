"""The users, for admins: who there is, and what they may do."""

from typing import Any

from lapinq_api.dashboard.view import Asked, View
from lapinq_api.state import State
from lapinq_core.domain.account import Permission, Role
from lapinq_core.domain.grants import write_grants
from lapinq_core.store import users


async def load(state: State, asked: Asked) -> dict[str, Any]:
    del asked
    found = await state.database.run(users.list_all)
    shown = [{"user": user, "permissions": write_grants(user.permissions)} for user in found]
    return {"users": shown, "roles": list(Role), "permissions": list(Permission)}


VIEW = View(path="/admin/users", template="users.html", here="users", load=load, needs_admin=True)
