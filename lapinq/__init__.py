"""lapinq, a task queue on PostgreSQL: the client. Server and command line have their own modules."""

from lapinq.aio import AsyncTaskQueue
from lapinq.client import TaskQueue
from lapinq.errors import LapinqError, RetryError
from lapinq.handle import TaskRef
from lapinq.task import Task
from lapinq.version import __version__

__all__ = ["AsyncTaskQueue", "LapinqError", "RetryError", "Task", "TaskQueue", "TaskRef", "__version__"]
