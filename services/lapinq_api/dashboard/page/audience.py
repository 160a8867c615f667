"""The properties of a viewer on which the content of a page depends.

Viewers with the same properties share rendered pages (`lapinq_api.dashboard.live.hub`).
"""

from collections.abc import Sequence

import msgspec
from starlette.types import Scope

from lapinq_api.dashboard.page.number_style import NEUTRAL, NumberStyle, number_style
from lapinq_api.dashboard.page.texts import COOKIE, choose_locale
from lapinq_core.domain.accounts.account import Actor, ActorKind, Permission


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """`grants` are pairs of a queue and a permission; an admin needs none. `queues` are readable, None for all."""

    locale: str
    is_admin: bool
    grants: frozenset[tuple[str, Permission]]
    is_read_only: bool
    """Whether the server is read-only."""
    queues: frozenset[str] | None
    numbers: NumberStyle = NEUTRAL

    @property
    def actor(self) -> Actor:
        """An anonymous actor with the same permissions."""
        permissions: dict[str, frozenset[Permission]] = {}
        for queue, one in self.grants:
            permissions[queue] = permissions.get(queue, frozenset()) | {one}
        return Actor(
            kind=ActorKind.USER,
            name="a viewer",
            is_admin=self.is_admin,
            permissions=permissions,
            queues=self.queues,
        )

    def may(self, permission: Permission, queue: str | None) -> bool:
        """Whether a page offers an action on `queue`; None is all queues. The API checks again."""
        return not self.is_read_only and (self.is_admin or (queue or "", permission) in self.grants)

    def may_on_all(self, permission: Permission, queues: Sequence[str | None]) -> bool:
        """Whether a page offers an action on all of `queues`."""
        return all(self.may(permission, queue) for queue in queues)

    def may_anywhere(self, permission: Permission) -> bool:
        """Whether a page offers an action on at least one queue."""
        return not self.is_read_only and (self.is_admin or any(one == permission for _, one in self.grants))

    @property
    def may_administer(self) -> bool:
        """Whether a page offers the actions of admins."""
        return self.is_admin and not self.is_read_only


def audience_of(actor: Actor, scope: Scope, *, is_read_only: bool) -> Audience:
    """The audience that `actor` belongs to with this request or WebSocket."""
    granted = () if actor.is_admin else actor.permissions.items()
    accepted = _accepted_languages(scope)
    return Audience(
        locale=_locale(scope, accepted),
        numbers=number_style(accepted),
        is_admin=actor.is_admin,
        grants=frozenset((queue, one) for queue, may in granted for one in may),
        is_read_only=is_read_only,
        queues=actor.queues,
    )


def locale_of(scope: Scope) -> str:
    """The language of a request or WebSocket: from its cookie, else from the browser's languages."""
    return _locale(scope, _accepted_languages(scope))


def _locale(scope: Scope, accepted: str) -> str:
    cookie = None
    for name, value in scope["headers"]:
        if name == b"cookie":
            for part in value.decode("latin-1").split(";"):
                key, _, content = part.strip().partition("=")
                cookie = content if key == COOKIE else cookie
    return choose_locale(cookie, accepted)


def _accepted_languages(scope: Scope) -> str:
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"]
    return found[-1] if found else ""
