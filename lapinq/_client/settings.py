"""What the parts read from a queue or a ref. They read it for each request, so that a change takes effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lapinq_core.domain.tasks.middleware import Middleware


class ServerSettings(Protocol):
    """How to reach lapinq. `timeout` is in seconds, for a call with its repetitions."""

    server_url: str
    api_key: str | None
    timeout: float


class QueueSettings(ServerSettings, Protocol):
    """`queue_name` and `default_ttl_seconds` apply to entries without their own.

    Without `raise_errors` an enqueue is sent once, and a refusal only logged.
    """

    queue_name: str
    default_ttl_seconds: float | None
    raise_errors: bool

    @property
    def middleware(self) -> tuple[Middleware, ...]: ...
