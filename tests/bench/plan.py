"""How much is measured."""

from typing import Any

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The docstring below each says its meaning; what the command line leaves open is as here."""

    tasks: int = 100_000
    """Tasks in the queue before a drain, and in a bulk enqueue."""
    runs: int = 3
    """How often each is measured, in turns with the others."""
    samples: int = 500
    """Single tasks for a start latency."""
    seconds: float = 5.0
    """Time of a single enqueue, and of all enqueues over HTTP."""
    batch: int = 1_000
    """Tasks a call or request of a bulk enqueue."""
    in_flight: int = 8
    """Connections of single enqueue from Python."""
    http_connections: int = 64
    """Keep-alive connections of single enqueue over HTTP."""
    http_batch_connections: int = 4
    """The same for batches."""
    concurrency: int = 100
    """Coroutines at once in lapinq's worker, and the batch size of PgQueuer's."""
    pgqueuer_pool: int = 0
    """Connections of the pool of PgQueuer's worker; 0 gives it one connection, outside a pool."""
    threads: int = 8
    """Threads for plain functions."""
    processes: int = 2
    """Child processes for plain functions."""
    limit: float = 300.0
    """Seconds after which a single measurement is given up."""


QUICK: dict[str, Any] = {"tasks": 5_000, "runs": 1, "samples": 50, "seconds": 1.0}
