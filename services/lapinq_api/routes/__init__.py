"""The operations of the REST API, a file a subject. A handler decodes, asks for permission, calls one verb, encodes."""

from lapinq_api.routes import enqueue, health, queues, tasks

OPERATIONS = (
    *enqueue.OPERATIONS,
    *tasks.OPERATIONS,
    *queues.OPERATIONS,
    *health.OPERATIONS,
)
"""Everything that the router serves besides pages, in the order in which paths are tried: fixed ones first."""
