"""Whether this is a moment to enqueue: not while lapinq imports a module to find its tasks."""

from lapinq.errors import TaskNotImportable
from lapinq_core.domain.tasks.functions.import_in_progress import here


def check_not_imported(task_name: str = "", what: str = "a batch") -> None:
    """Raises `TaskNotImportable` while lapinq imports the module to find its tasks: each import would enqueue again.

    `what` names the call in the error, if it enqueues more than a single task.
    """
    if here.module is not None:
        what = f"task {task_name!r}" if task_name else what
        raise TaskNotImportable(
            f"{what} is enqueued while {here.module!r} is imported to find its tasks. Put what the script"
            ' itself does behind `if __name__ == "__main__":`',
            task_name=task_name,
        )
