"""The message of a rule: its text for people, and the bodies that are posted. Pure."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, assert_never
from urllib.parse import quote

import msgspec

from lapinq_core.domain.alerts.news import (
    MAX_ERROR,
    Backlog,
    BlockedKeys,
    BreakerNews,
    DeadWorker,
    ErrorNews,
    News,
    NewWait,
    RegressedError,
    Trial,
)
from lapinq_core.domain.counted import counted
from lapinq_core.domain.limits.breaker import why_open

MAX_SENTENCES = 20
"""Pieces of news in a text; the rest is only counted."""
MAX_EVENTS = 100
"""The same for a webhook's body."""
MAX_CHAT = 1_500
"""Characters in a chat: Discord refuses more than 2,000, with the name of the rule and escapes."""

_CALL = re.compile("@(?=everyone|here|channel|all)", re.IGNORECASE)


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """News and when it was stored."""

    created_at: datetime
    details: News


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule tells at once; `left_out` more notices did not fit into the outbox.

    `public_url` is the dashboard's address, for links; None if it is not known.
    """

    rule: str
    notices: Sequence[Notice]
    left_out: int = 0
    public_url: str | None = None

    @property
    def count(self) -> int:
        """The number of all notices, sent or left out."""
        return len(self.notices) + self.left_out


def subject_of(message: Message) -> str:
    """One line, without control characters."""
    if message.count == 1:
        text = sentence_of(message.notices[0].details)
    else:
        text = f"{message.count} notifications, the first: {sentence_of(message.notices[0].details)}"
    return f"lapinq: {_printable(text)[:MAX_ERROR]}"


def text_of(message: Message, most: float = math.inf) -> str:
    """A line for each of the first notices, with a link if there is an address, and how many more there are.

    It tells at least one, and further ones while they have less than `most` characters together.
    """
    told: list[str] = []
    length = 0
    for notice in message.notices[:MAX_SENTENCES]:
        piece = f"{_time(notice.created_at)}  {_printable(sentence_of(notice.details))}"
        if (link := link_of(notice.details, message.public_url)) is not None:
            piece = f"{piece}\n{link}"
        length += len(piece)
        if told and length >= most:
            break
        told.append(piece)
    more = message.count - len(told)
    return "\n".join([*told, f"And {more} more."] if more else told)


def sentence_of(news: News) -> str:
    """What happened, in English."""
    match news:
        case RegressedError():
            return f"Error is back in {news.queue_name}: {news.task_name} failed with {_error(news)}"
        case ErrorNews():
            return f"New error in {news.queue_name}: {news.task_name} failed with {_error(news)}"
        case Backlog():
            return (
                f"Backlog in {news.queue_name}: the oldest task has waited {_span(news.oldest_seconds)}, longer than"
                f" {_span(news.limit_seconds)}; {news.pending} pending"
            )
        case BlockedKeys():
            return (
                f"{counted(news.keys, 'blocked key')} in {news.queue_name}: a failed task has held {news.key} for"
                f" {_span(news.oldest_seconds)}, longer than {_span(news.limit_seconds)}"
            )
        case DeadWorker():
            return f"Worker {news.worker_name} died at {_time(news.dead_at)}"
        case BreakerNews():
            whose = news.queue_name if news.task_name is None else f"the task {news.task_name}"
            if (tries_at := news.next_try_at) is None:
                return f"The circuit breaker of {whose} is closed: its tasks start again"
            return (
                f"The circuit breaker of {whose} opened after"
                f" {why_open(news.failures, news.attempts, news.window_seconds)};"
                f" it tries one task at {_time(tries_at)}"
            )
        case NewWait():
            until = "" if news.deadline is None else f", until {_time(news.deadline)}"
            asked = "" if news.title is None else f": {news.title}"
            return (
                f"{news.task_name} in {news.queue_name} waits for {' or '.join(news.signals)}{until}{asked}"
            )
        case Trial():
            return f"Test message, sent by {news.sent_by}"
        case _:
            assert_never(news)


def link_of(news: News, public_url: str | None) -> str | None:
    """The page about it; None if the dashboard's address is not known."""
    if public_url is None:
        return None
    match news:
        case ErrorNews():
            path = f"errors/{news.group_id}"
        case BreakerNews(task_name=str(task)):
            path = f"function?name={quote(task, safe='')}"
        case Backlog() | BreakerNews():
            path = f"queue?name={quote(news.queue_name, safe='')}"
        case BlockedKeys():
            path = f"queue/keys?name={quote(news.queue_name, safe='')}"
        case DeadWorker():
            path = f"workers/{news.worker_id}"
        case NewWait(signals=[name]):
            path = f"tasks/{news.task_id}/signal?name={quote(name, safe='')}"
        case NewWait():
            path = f"tasks/{news.task_id}"
        case Trial():
            path = "admin/notifications"
        case _:
            assert_never(news)
    return f"{public_url.rstrip('/')}/{path}"


def webhook_body(message: Message, audience: str) -> bytes:
    """The JSON that a webhook gets. `audience` is its URL."""
    events: list[dict[str, Any]] = [
        {
            **msgspec.to_builtins(notice.details),
            "at": notice.created_at,
            "text": sentence_of(notice.details),
            "url": link_of(notice.details, message.public_url),
        }
        for notice in message.notices[:MAX_EVENTS]
    ]
    body: dict[str, Any] = {"rule": message.rule, "events": events, "left_out": message.count - len(events)}
    body["audience"] = audience
    return msgspec.json.encode(body)


def slack_body(message: Message) -> bytes:
    """The JSON that Slack, Mattermost and others take, in which `&`, `<` and `>` are escaped.

    What an error says calls nobody: an invisible character breaks words such as `@channel`.
    """
    text = f"*lapinq: {_printable(message.rule)}*\n{text_of(message, MAX_CHAT)}"
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return msgspec.json.encode({"text": _CALL.sub("@\u200b", escaped)})


def _error(news: ErrorNews) -> str:
    first, *_ = news.error.splitlines() or [""]
    return first if len(first) <= MAX_ERROR else f"{first[: MAX_ERROR - 1]}…"


def _span(seconds: float) -> str:
    whole = round(seconds)
    for unit, size, smaller, part in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
