"""`lapinq limit`."""

import pytest

from tests.support.programs.command_line import lapinq_at

pytestmark = pytest.mark.http


def test_deleting_a_limit_says_how_many_tasks_wait_for_it(at_server: tuple[str, ...]) -> None:
    lapinq_at(at_server, "limit", "set", "tpu", "--max-running", "1")
    for told in ("No tasks wait", "1 task that waits for it starts", "2 tasks that wait for it start"):
        asked = lapinq_at(at_server, "limit", "delete", "tpu", stdin="n\n")
        assert asked.exit_code == 1
        assert f"Delete the limit tpu? {told} " in asked.stderr
        lapinq_at(at_server, "task", "enqueue", "tests.support.sample.tasks:noop", "--limit", "tpu=1")
