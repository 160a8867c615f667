"""The pages, a file each: what they show, and how that is loaded."""

from lapinq_api.dashboard.view import View
from lapinq_api.dashboard.views import audit, failed, overview, people, queues, task, tasks, webhooks, workers

VIEWS: tuple[View, ...] = (
    overview.VIEW,
    tasks.VIEW,
    task.VIEW,
    failed.VIEW,
    queues.VIEW,
    workers.VIEW,
    webhooks.VIEW,
    people.VIEW,
    audit.VIEW,
)
"""All that are kept live. A path with parameters stands behind the fixed ones that it would match."""
