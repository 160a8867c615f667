"""The tables as SQLAlchemy Core metadata. A test compares them with what `lapinq_migrations` creates.

The SQL in `lapinq_migrations/versions` has comments that explain the columns.
"""

from lapinq_core.schema import (
    alerts,
    breakers,
    bulk_actions,
    durable,
    error_groups,
    limits,
    people,
    queues,
    schedules,
    tasks,
    webhooks,
    workers,
    workflows,
)
from lapinq_core.schema.base import metadata

__all__ = [
    "alerts",
    "breakers",
    "bulk_actions",
    "durable",
    "error_groups",
    "limits",
    "metadata",
    "people",
    "queues",
    "schedules",
    "tasks",
    "webhooks",
    "workers",
    "workflows",
]
