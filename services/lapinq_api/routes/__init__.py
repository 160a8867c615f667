"""The operations of the REST API, a file a subject. A handler decodes, asks for permission, calls one verb, encodes."""

from lapinq_api.routes import (
    account,
    audit,
    bulk,
    description,
    enqueue,
    health,
    keys,
    listing,
    metrics,
    queues,
    results,
    schedule_preview,
    schedule_steering,
    schedules,
    tasks,
    user_sessions,
    users,
    webhooks,
    workers,
)

_DESCRIBED = (
    *enqueue.OPERATIONS,
    *listing.OPERATIONS,
    *bulk.OPERATIONS,
    *tasks.OPERATIONS,
    *results.OPERATIONS,
    *queues.OPERATIONS,
    *schedules.OPERATIONS,
    *schedule_preview.OPERATIONS,
    *schedule_steering.OPERATIONS,
    *workers.OPERATIONS,
    *webhooks.OPERATIONS,
    *keys.OPERATIONS,
    *audit.OPERATIONS,
    *users.OPERATIONS,
    *user_sessions.OPERATIONS,
    *account.OPERATIONS,
    *health.OPERATIONS,
    *metrics.OPERATIONS,
)

OPERATIONS = (*_DESCRIBED, *description.operations(_DESCRIBED))
"""Everything that the router serves besides pages, in the order in which paths are tried: fixed ones first."""
