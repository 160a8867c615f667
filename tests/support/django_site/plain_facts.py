"""What `lapinq.contrib.django` does without `django.tasks`."""

from django.db import connection
from django.test import TransactionTestCase

from lapinq.contrib.django.configured import has_tasks

from . import plain_tasks
from .working import status_of, work


class Plain(TransactionTestCase):
    def test_tasks_of_lapinq_run(self) -> None:
        assert not has_tasks()
        task_id = plain_tasks.query.using(connection).queue().task_id
        work()
        assert status_of(task_id) == "completed"
