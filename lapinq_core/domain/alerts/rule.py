"""A rule: who is notified of what, and the checks of its values. Pure."""

import math
import re
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from lapinq_core.domain.alerts.news import EventKind
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.task import check_name, check_url

MAX_ADDRESSES = 20
MAX_ADDRESS = 254
MAX_QUEUES = 100
MIN_BACKLOG_SECONDS = 10.0
MAX_BACKLOG_SECONDS = 7 * 86_400.0
BACKLOG_SECONDS = 300.0
"""How long the oldest ready task may wait, or a failed task hold a key, unless the rule says otherwise."""


class Channel(StrEnum):
    """How a rule's messages are sent."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    MAIL = "mail"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Who is notified of what. `url` is for webhooks and Slack, `addresses` for mail. `queues` None means all.

    `backlog_seconds` is how long the oldest ready task of a queue may wait, or a failed task hold a key.
    """

    name: str
    kind: str
    events: Sequence[str]
    url: str | None = None
    addresses: Sequence[str] | None = None
    queues: Sequence[str] | None = None
    backlog_seconds: float = BACKLOG_SECONDS
    is_enabled: bool = True


def check_rule(rule: Rule) -> Rule:
    """`rule` with each event, address and queue once. Raises `InvalidValue` that names the field."""
    check_name("name", rule.name)
    if rule.kind not in set(Channel):
        raise InvalidValue("kind", f"must be one of {', '.join(Channel)}")
    if rule.kind == Channel.MAIL:
        _check_mail(rule)
    elif rule.url is None:
        raise InvalidValue("url", f"is required for {rule.kind}")
    elif rule.addresses is not None:
        raise InvalidValue("addresses", "is for mail only")
    else:
        check_url("url", rule.url)
    for index, event in enumerate(rule.events):
        if event not in set(EventKind):
            raise InvalidValue(f"events[{index}]", f"must be one of {', '.join(EventKind)}")
    if not rule.events:
        raise InvalidValue("events", f"must name at least one of {', '.join(EventKind)}")
    _check_queues(rule.queues)
    if not (
        math.isfinite(rule.backlog_seconds)
        and MIN_BACKLOG_SECONDS <= rule.backlog_seconds <= MAX_BACKLOG_SECONDS
    ):
        raise InvalidValue(
            "backlog_seconds",
            f"must be a number of seconds between {MIN_BACKLOG_SECONDS:g} and {MAX_BACKLOG_SECONDS:g} (seven days)",
        )
    return msgspec.structs.replace(
        rule,
        events=[event.value for event in EventKind if event in rule.events],
        addresses=None if rule.addresses is None else list(dict.fromkeys(rule.addresses)),
        queues=None if rule.queues is None else list(dict.fromkeys(rule.queues)),
    )


def _check_mail(rule: Rule) -> None:
    if rule.url is not None:
        raise InvalidValue("url", "is not for mail")
    if not rule.addresses:
        raise InvalidValue("addresses", "must name at least one mail address")
    if len(rule.addresses) > MAX_ADDRESSES:
        raise InvalidValue("addresses", f"must be at most {MAX_ADDRESSES} mail addresses")
    for index, address in enumerate(rule.addresses):
        if not is_mail_address(address):
            raise InvalidValue(f"addresses[{index}]", "must be a mail address such as lisa@example.org")


def _check_queues(queues: Sequence[str] | None) -> None:
    if queues is None:
        return
    if not 1 <= len(queues) <= MAX_QUEUES:
        raise InvalidValue("queues", f"must name 1 to {MAX_QUEUES} queues; leave it out for all")
    for index, queue in enumerate(queues):
        check_name(f"queues[{index}]", queue)


def shown_url(url: str) -> str:
    """`url` for people: scheme and host only, for the rest may be a secret, as it is with Slack."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…"


# No spaces, control characters or what separates addresses: it becomes part of a header.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def is_mail_address(text: str) -> bool:
    """Whether `text` is a plain mail address."""
    return len(text) <= MAX_ADDRESS and _ADDRESS.fullmatch(text) is not None
