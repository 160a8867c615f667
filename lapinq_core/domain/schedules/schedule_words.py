"""When a schedule comes, as a sentence for people."""

from functools import lru_cache

from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.cron.words import in_words
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import interval_in_words, read_interval
from lapinq_core.domain.schedules.schedule import Definition

_REMEMBERED = 4096


def sentence_of(definition: Definition, language: str = "en") -> str:
    """Such as "At 09:00, Monday through Friday" or "Every 15 minutes"; clocks are those of its time zone.

    What can't be read by this release, though another stored it, is answered as it is written.
    """
    if definition.cron is None:
        return _of_interval(definition.every or "", language)
    # Only what is hashed goes by the name.
    return _of_cron(definition.cron, definition.name if "h" in definition.cron.lower() else "", language)


@lru_cache(maxsize=_REMEMBERED)
def _of_cron(expression: str, seed: str, language: str) -> str:
    try:
        # The zone is in no sentence, and need not be known here.
        return in_words(read_cron(expression, "UTC", seed=seed), language)
    except InvalidValue:
        return expression


def _of_interval(text: str, language: str) -> str:
    try:
        return interval_in_words(read_interval(text), language)
    except InvalidValue:
        return text
