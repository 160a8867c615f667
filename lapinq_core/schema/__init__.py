"""The tables as SQLAlchemy Core metadata. A test compares them with what `lapinq_migrations` creates.

Files are named as in `lapinq_migrations/versions/baseline`, whose comments explain the columns.
"""

from lapinq_core.schema import people, queues, schedules, tasks, webhooks, workers
from lapinq_core.schema.base import metadata

__all__ = ["metadata", "people", "queues", "schedules", "tasks", "webhooks", "workers"]
