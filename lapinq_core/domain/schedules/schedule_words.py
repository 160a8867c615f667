"""Describes when a schedule fires, as a sentence."""

from functools import lru_cache

from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.cron.words import in_words
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import interval_in_words, read_interval
from lapinq_core.domain.schedules.schedule import Definition

_REMEMBERED = 4096


def sentence_of(definition: Definition, language: str = "en") -> str:
    """A sentence such as "At 09:00, Monday through Friday" or "Every 15 minutes", in the schedule's time zone.

    An expression that this release cannot parse is returned as it is; a later release may have stored it.
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
