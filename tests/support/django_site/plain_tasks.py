"""A task of lapinq itself."""

from django.db import connection

from lapinq import TaskQueue, current_task

queue = TaskQueue(queue_name="plain")


@queue.task(max_retries=0)
def query() -> int:
    current_task().log.info("a line of the task")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]
