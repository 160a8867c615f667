"""Who may use what is open: the API without a key or a session, and the default password.

One rule for our server, for an application in another one, for the doctor and for the warnings at the start, whatever
address the server listens on. Each request is judged: it is local if its peer has a loopback address and it carries no
header that proxies add. The address alone would not do, because a proxy on the same machine connects from there, too.

A trusted proxy makes no difference: the client's address is taken from a header that makes the request foreign. Nor
does a unix socket, which has no address: what connects to it is mostly a proxy.
"""

from collections.abc import Iterable
from enum import StrEnum

from lapinq_core.domain.hosts.host_names import is_address, is_loopback

_FORWARDING = frozenset(
    {
        b"forwarded",
        b"forwarded-for",
        b"via",
        b"cdn-loop",
        b"cf-connecting-ip",
        b"client-ip",
        b"fastly-client-ip",
        b"true-client-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
        b"x-original-forwarded-for",
        b"x-real-ip",
    }
)
_FORWARDED = b"x-forwarded"


class OpenTo(StrEnum):
    """Who may use the API without a key or a session."""

    NOBODY = "nobody"
    LOCAL = "local requests"
    EVERYONE = "everyone"


def is_local(peer: str | None, headers: Iterable[bytes]) -> bool:
    """Whether a request from `peer` with headers of these names, in lower case, comes from this machine."""
    if peer is None or not (is_address(peer) and is_loopback(peer)):
        return False
    return not any(name in _FORWARDING or name.startswith(_FORWARDED) for name in headers)
