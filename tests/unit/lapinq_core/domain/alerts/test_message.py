"""The messages of rules: their sentences, links and bodies."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lapinq_core.domain.alerts.message import (
    MAX_EVENTS,
    Message,
    Notice,
    link_of,
    sentence_of,
    slack_body,
    subject_of,
    text_of,
    webhook_body,
)
from lapinq_core.domain.alerts.news import (
    Backlog,
    BlockedKeys,
    BreakerNews,
    DeadWorker,
    NewError,
    News,
    NewWait,
    RegressedError,
    Trial,
)

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ERROR: dict[str, Any] = {"queue_name": "mail", "task_name": "send", "group_id": 7, "kind": "k"}
WAIT: dict[str, Any] = {"queue_name": "shop", "task_id": "38bc81d3", "task_name": "handle"}
BREAKER: dict[str, Any] = {
    "queue_name": "mail",
    "failures": 5,
    "attempts": None,
    "window_seconds": 60.0,
    "opened_at": AT,
    "failed_task_id": "0199",
}
OF_TASK: dict[str, Any] = {**BREAKER, "queue_name": "", "task_name": "send mail"}
COUNTED: dict[str, Any] = {**BREAKER, "attempts": 9}


def message(*news: News, left_out: int = 0, public_url: str | None = "https://q.example.org/") -> Message:
    notices = [Notice(created_at=AT, details=one) for one in news]
    return Message(rule="On call", notices=notices, left_out=left_out, public_url=public_url)


@pytest.mark.parametrize(
    ("news", "sentence", "path"),
    [
        (NewError(**ERROR, error="E: a\nb"), "New error in mail: send failed with E: a", "errors/7"),
        (RegressedError(**ERROR, error=""), "Error is back in mail: send failed with ", "errors/7"),
        (
            Backlog(queue_name="a/b c", oldest_seconds=3725, pending=9, limit_seconds=300),
            "Backlog in a/b c: the oldest task has waited 1 h 2 min, longer than 5 min; 9 pending",
            "queue?name=a%2Fb%20c",
        ),
        (
            BlockedKeys(queue_name="a/b", keys=3, key="x", oldest_seconds=3725, limit_seconds=300),
            "3 blocked keys in a/b: a failed task has held x for 1 h 2 min, longer than 5 min",
            "queue/keys?name=a%2Fb",
        ),
        (
            DeadWorker(worker_id="38bc81d3", worker_name="web-1", dead_at=AT),
            "Worker web-1 died at 2026-01-31 12:00:00 UTC",
            "workers/38bc81d3",
        ),
        (
            NewWait(**WAIT, signals=["approve"], title="Pay?", deadline=AT),
            "handle in shop waits for approve, until 2026-01-31 12:00:00 UTC: Pay?",
            "tasks/38bc81d3/signal?name=approve",
        ),
        (
            NewWait(**WAIT, signals=["paid", "refused"], title=None, deadline=None),
            "handle in shop waits for paid or refused",
            "tasks/38bc81d3",
        ),
        (
            BreakerNews(**BREAKER, state="open", next_try_at=AT),
            "The circuit breaker of mail opened after 5 failures in a row; it tries one task at"
            " 2026-01-31 12:00:00 UTC",
            "queue?name=mail",
        ),
        (
            BreakerNews(**COUNTED, state="closed", next_try_at=None),
            "The circuit breaker of mail is closed: its tasks start again",
            "queue?name=mail",
        ),
        (
            BreakerNews(**OF_TASK, state="closed", next_try_at=None),
            "The circuit breaker of the task send mail is closed: its tasks start again",
            "function?name=send%20mail",
        ),
        (Trial(sent_by="lisa"), "Test message, sent by lisa", "admin/notifications"),
    ],
)
def test_each_piece_of_news_has_a_sentence_and_a_page(news: News, sentence: str, path: str) -> None:
    assert sentence_of(news) == sentence
    assert link_of(news, "https://q.example.org/") == f"https://q.example.org/{path}"
    assert link_of(news, None) is None


def test_one_piece_of_news_is_the_subject_and_of_many_the_first() -> None:
    news = Trial(sent_by="lisa")
    assert subject_of(message(news)) == "lapinq: Test message, sent by lisa"
    assert subject_of(message(news, news, left_out=3)) == (
        "lapinq: 5 notifications, the first: Test message, sent by lisa"
    )
    # It becomes a header of a mail.
    assert (
        subject_of(message(Trial(sent_by="lisa\r\nBcc: otto")))
        == "lapinq: Test message, sent by lisa  Bcc: otto"
    )


def test_a_long_error_is_cut_and_what_is_too_much_is_counted() -> None:
    long = NewError(**ERROR, error="x" * 5000)
    assert len(subject_of(message(long))) < 330
    text = text_of(message(*[long] * 30, left_out=5))
    assert text.count("https://q.example.org/errors/7") == 20
    assert text.endswith("\nAnd 15 more.")
    assert "http" not in text_of(message(long, public_url=None))
    told = json.loads(webhook_body(message(*[long] * 120, left_out=5), "https://a.example/"))
    assert (len(told["events"]), told["left_out"]) == (MAX_EVENTS, 25)


def test_a_chat_gets_as_much_as_all_of_them_take() -> None:
    sent = message(*[NewError(**ERROR, error="x" * 250)] * 30)
    text = json.loads(slack_body(sent))["text"]
    assert 1000 < len(text) < 2000
    assert text.endswith(f"\nAnd {30 - text.count('errors/7')} more.")
    one = message(Trial(sent_by="x" * 1600), Trial(sent_by="lisa"))
    assert json.loads(slack_body(one))["text"].endswith(
        "xxx\nhttps://q.example.org/admin/notifications\nAnd 1 more."
    )


def test_an_error_calls_nobody_in_a_chat() -> None:
    told = json.loads(
        slack_body(message(NewError(**ERROR, error="no @Everyone, @here, @channel, a@all.org, @ada")))
    )
    assert "no @\u200bEveryone, @\u200bhere, @\u200bchannel, a@\u200ball.org, @ada" in told["text"]


def test_slack_gets_no_markup_of_others() -> None:
    body = json.loads(slack_body(message(NewError(**ERROR, error="<!channel> & <http://evil|here>"))))
    assert "&lt;!channel&gt; &amp; &lt;http://evil|here&gt;" in body["text"]
