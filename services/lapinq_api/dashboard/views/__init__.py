"""The pages, one to a file and by subject: what they show, and how they load it."""

from lapinq_api.dashboard.page.view import View
from lapinq_api.dashboard.views import audit, people, workflow, workflows
from lapinq_api.dashboard.views.operating import (
    error,
    errors,
    function,
    functions,
    notifications,
    overview,
    webhooks,
    worker,
    workers,
)
from lapinq_api.dashboard.views.queues import key, limits, queue, queue_keys, queues
from lapinq_api.dashboard.views.scheduling import schedule, schedule_form, schedule_run, schedules
from lapinq_api.dashboard.views.tasks import bulk_actions, profile, signal, task, task_form, tasks, waits

VIEWS: tuple[View, ...] = (
    overview.VIEW,
    tasks.VIEW,
    bulk_actions.VIEW,
    task_form.NEW,
    task.VIEW,
    profile.VIEW,
    task_form.AGAIN,
    signal.VIEW,
    errors.VIEW,
    error.VIEW,
    queues.VIEW,
    queue.VIEW,
    key.VIEW,
    queue_keys.VIEW,
    limits.VIEW,
    waits.VIEW,
    workflows.VIEW,
    workflow.VIEW,
    functions.VIEW,
    function.VIEW,
    schedules.VIEW,
    schedule_form.NEW,
    schedule_form.EDIT,
    schedule_run.VIEW,
    schedule.VIEW,
    workers.VIEW,
    worker.VIEW,
    webhooks.VIEW,
    people.VIEW,
    notifications.VIEW,
    audit.VIEW,
)
"""All live pages. A path with parameters comes after the fixed paths that it would match."""
