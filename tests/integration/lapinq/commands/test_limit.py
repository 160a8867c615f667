"""`lapinq limit`, and what setting rules keeps."""

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


@pytest.mark.parametrize(
    ("command", "steps"),
    [
        (
            "limit set kept",
            [
                ("--max-running 2", "at most 2 running"),
                ("--rate 60/m", "at most 2 running, 60/m units"),
                ("--max-running none", "60/m units"),
                ("--max-running 3 --rate none", "at most 3 running"),
            ],
        ),
        (
            "breaker set kept --create",
            [
                ("--failures-in-row 5", "5 failures in a row, closed"),
                (
                    "--failure-share 0.5 --window 90",
                    "5 failures in a row or 50% of 20 or more within 90 s, closed",
                ),
                ("--failures-in-row none --least-attempts 9", "50% of 9 or more within 90 s, closed"),
            ],
        ),
    ],
)
def test_a_rule_that_is_not_given_stays(
    at_server: tuple[str, ...], command: str, steps: list[tuple[str, str]]
) -> None:
    for flags, told in steps:
        done = lapinq_at(at_server, *command.split(), *flags.split())
        assert (done.exit_code, done.stdout) == (0, f"kept: {told}\n"), done.output
