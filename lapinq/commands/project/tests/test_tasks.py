from lapinq.testing import InlineTasks

from tasks import good_morning, greet


def test_a_task_is_still_a_function() -> None:
    assert good_morning() == "Hello, everybody!"


def test_a_greeting_runs(lapinq_inline: InlineTasks) -> None:
    assert greet.queue("Ada").result() == "Hello, Ada!"
