"""A user's permissions as JSON, an object that maps queue names to lists, and the limit to queues of users and keys."""

from collections.abc import Mapping, Sequence

from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.task import check_name

Grants = dict[str, frozenset[Permission]]

MAX_QUEUES = 1000
MAX_LIMITED = 100
"""Queues to which a user or a key may be limited."""
_KNOWN = frozenset(Permission)


def check_grants(loc: str, queues: Mapping[str, Sequence[str]]) -> Grants:
    """The permissions in `queues`; queues with an empty list are dropped. Raises `InvalidValue`."""
    if len(queues) > MAX_QUEUES:
        raise InvalidValue(loc, f"must have at most {MAX_QUEUES} queues")
    found: Grants = {}
    for queue, words in queues.items():
        check_name(f"a queue of {loc}", queue)
        for word in words:
            if word not in _KNOWN:
                raise InvalidValue(
                    f"{loc}.{queue}", f"must be a list of {', '.join(Permission)}, not {word!r}"
                )
        if words:
            found[queue] = frozenset(Permission(word) for word in words)
    return found


def check_limit(loc: str, queues: Sequence[str] | None) -> list[str] | None:
    """Each of `queues` once, by name; None for all. Raises `InvalidValue`."""
    if queues is None:
        return None
    if not 1 <= len(queues) <= MAX_LIMITED:
        raise InvalidValue(loc, f"must name 1 to {MAX_LIMITED} queues, or be null for all")
    for index, queue in enumerate(queues):
        check_name(f"{loc}[{index}]", queue)
    return sorted(set(queues))


def read_grants(stored: Mapping[str, Sequence[str]]) -> Grants:
    """Stored permissions. Permissions of a later release are ignored."""
    return {
        queue: frozenset(Permission(word) for word in words if word in _KNOWN)
        for queue, words in stored.items()
    }


def write_grants(grants: Grants) -> dict[str, list[str]]:
    """`grants` as stored and shown: queues by name, permissions in order."""
    return {queue: sorted(words) for queue, words in sorted(grants.items())}
