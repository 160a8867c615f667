"""The failed tasks of a group of errors, as a filter of searches, lists and bulk calls."""

from lapinq_core.domain.tasks.state import Status
from lapinq_core.error_groups.groups import ErrorGroup


def filter_of(group: ErrorGroup) -> dict[str, str]:
    """The parameters for exactly them."""
    return {
        "queue": group.queue_name,
        "status": Status.FAILED.value,
        "name": group.task_name,
        "error_group": str(group.id),
    }
