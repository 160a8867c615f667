from typing import Any

import pytest

from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.domain.schedules.schedule_words import sentence_of


def definition(name: str = "nightly", **values: Any) -> Definition:
    return Definition(name=name, task_name="add", module_path="app", **values)


def test_an_expression_and_an_interval_are_sentences_in_the_language_asked_for() -> None:
    assert sentence_of(definition(cron="0 9 * * 1-5")) == "At 09:00, Monday through Friday"
    assert sentence_of(definition(cron="0 9 * * *", timezone="Mars/Olympus")) == "At 09:00"
    assert sentence_of(definition(every="1h30m")) == "Every 1 hour and 30 minutes"
    assert sentence_of(definition(every="15m"), "es") == "Cada 15 minutos"


@pytest.mark.parametrize("expression", ["H H * * *", "h h * * *"])
def test_what_is_hashed_goes_by_the_name(expression: str) -> None:
    assert len({sentence_of(definition(f"s{n}", cron=expression)) for n in range(20)}) > 10


def test_what_can_not_be_read_is_answered_as_it_is_written() -> None:
    assert sentence_of(definition(cron="every blue moon")) == "every blue moon"
    assert sentence_of(definition(every="often")) == "often"
