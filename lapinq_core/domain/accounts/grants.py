"""The permissions of a user as they are written down: an object of queue names, each with a list of words."""

from collections.abc import Mapping, Sequence

from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.task import check_name

Grants = dict[str, frozenset[Permission]]

MAX_QUEUES = 1000
_KNOWN = frozenset(Permission)


def check_grants(loc: str, queues: Mapping[str, Sequence[str]]) -> Grants:
    """What `queues` grants; a queue with an empty list grants nothing and is left out. Raises `InvalidValue`."""
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


def read_grants(stored: Mapping[str, Sequence[str]]) -> Grants:
    """What is kept of somebody's permissions. A word of a later release is one that grants nothing here."""
    return {
        queue: frozenset(Permission(word) for word in words if word in _KNOWN)
        for queue, words in stored.items()
    }


def write_grants(grants: Grants) -> dict[str, list[str]]:
    """`grants` as they are kept and shown: queues by name, words in order."""
    return {queue: sorted(words) for queue, words in sorted(grants.items())}
