"""The pages, a file each: what they show, and how that is loaded."""

from lapinq_api.dashboard.view import View
from lapinq_api.dashboard.views import overview, people, task, workers

VIEWS: tuple[View, ...] = (overview.VIEW, task.VIEW, workers.VIEW, people.VIEW)
"""All that are kept live. A path with parameters stands behind the fixed ones that it would match."""
