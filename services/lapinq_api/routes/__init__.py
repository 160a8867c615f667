"""The operations of the REST API. A handler decodes, checks permission, calls one verb, encodes."""

from lapinq_api.routes.bulk import bulk, bulk_actions
from lapinq_api.routes.durable import signals, steps, waits
from lapinq_api.routes.operating import (
    description,
    doctor,
    errors,
    functions,
    health,
    metrics,
    notify_rules,
    overview,
    webhooks,
    workers,
)
from lapinq_api.routes.people import account, audit, keys, user_sessions, users, views
from lapinq_api.routes.queues import breakers, limits, queue_keys, queues, task_keys
from lapinq_api.routes.schedules import actions, preview, schedules
from lapinq_api.routes.tasks import attempt_log, attempt_profile, enqueue, listing, rerun, results, tasks, why
from lapinq_api.routes.workflows import changing, reading, storing

_DESCRIBED = (
    *enqueue.OPERATIONS,
    *listing.OPERATIONS,
    *bulk.OPERATIONS,
    *bulk_actions.OPERATIONS,
    *tasks.OPERATIONS,
    *attempt_log.OPERATIONS,
    *attempt_profile.OPERATIONS,
    *rerun.OPERATIONS,
    *results.OPERATIONS,
    *why.OPERATIONS,
    *queue_keys.OPERATIONS,
    *task_keys.OPERATIONS,
    *queues.OPERATIONS,
    *limits.OPERATIONS,
    *breakers.OPERATIONS,
    *storing.OPERATIONS,
    *reading.OPERATIONS,
    *changing.OPERATIONS,
    *steps.OPERATIONS,
    *signals.OPERATIONS,
    *waits.OPERATIONS,
    *schedules.OPERATIONS,
    *preview.OPERATIONS,
    *actions.OPERATIONS,
    *workers.OPERATIONS,
    *overview.OPERATIONS,
    *functions.OPERATIONS,
    *errors.OPERATIONS,
    *webhooks.OPERATIONS,
    *notify_rules.OPERATIONS,
    *keys.OPERATIONS,
    *audit.OPERATIONS,
    *users.OPERATIONS,
    *user_sessions.OPERATIONS,
    *account.OPERATIONS,
    *views.OPERATIONS,
    *doctor.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
)

OPERATIONS = (*_DESCRIBED, *description.operations(_DESCRIBED))
"""All operations except pages, in the order in which paths are tried: fixed paths first."""
