"""The pages, one to a file: what they show, and how they load it."""

from lapinq_api.dashboard.page.view import View
from lapinq_api.dashboard.views import (
    audit,
    error,
    errors,
    function,
    limits,
    notifications,
    overview,
    people,
    profile,
    queue,
    queues,
    task,
    task_form,
    tasks,
    webhooks,
    worker,
    workers,
    workflow,
    workflows,
)
from lapinq_api.dashboard.views.scheduling import schedule, schedule_form, schedules

VIEWS: tuple[View, ...] = (
    overview.VIEW,
    tasks.VIEW,
    task_form.NEW,
    task.VIEW,
    profile.VIEW,
    task_form.AGAIN,
    errors.VIEW,
    error.VIEW,
    queues.VIEW,
    queue.VIEW,
    limits.VIEW,
    workflows.VIEW,
    workflow.VIEW,
    function.VIEW,
    schedules.VIEW,
    schedule_form.NEW,
    schedule_form.EDIT,
    schedule.VIEW,
    workers.VIEW,
    worker.VIEW,
    webhooks.VIEW,
    people.VIEW,
    notifications.VIEW,
    audit.VIEW,
)
"""All live pages. A path with parameters comes after the fixed paths that it would match."""
