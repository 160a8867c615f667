"""What the head of a queue's page says of its backlog."""

import re
from html import unescape

import pytest

from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import fragment
from lapinq_core.domain.forecast import Cap, Outlook
from lapinq_core.limits.policies import QueuePolicy
from lapinq_core.lookup.overview import QueueNow, Rates
from lapinq_core.tasks.queues import QueueDetails
from tests.support.rows.task_details import after

AUDIENCE = Audience(locale="en", is_admin=True, grants=frozenset(), is_read_only=False, queues=None)
LATER, SOONER = "2026-01-31 12:10:00 UTC", "2026-01-31 12:00:10 UTC"


def told(outlook: Outlook, *, is_growing: bool = False) -> str:
    queue = QueueDetails(
        queue_name="mail", pending=600, running=8, completed=0, failed=0, cancelled=0, expired=0, paused_at=None,
        paused_by=None, pause_reason=None, waiting_since=None, workers=["a"], policy=QueuePolicy(max_running=2),
    )  # fmt: skip
    now_in = QueueNow(
        queue_name="mail", is_paused=False, has_worker=True, pending=600, ready=600, delayed=0, running=8, failed=0,
        oldest_ready_seconds=1.0, rates=Rates(1.0, 1.0, 1.0, 0.0, 0.0), failure_share=None, slots=8,
        is_growing=is_growing, empties_in_seconds=None if is_growing else 600.0,
    )  # fmt: skip
    html = fragment(
        "parts/queue-head.html",
        AUDIENCE,
        up="",
        name="mail",
        queue=queue,
        now_in=now_in,
        outlook=outlook,
        empties_at=None if is_growing else after(600),
        sooner_at=None if outlook.empties_in is None else after(10),
    )
    _, lead = html.split('<p class="lead">')
    return " ".join(unescape(re.sub(r"<[^>]+>", "", lead)).split())


@pytest.mark.parametrize(
    ("outlook", "is_growing", "words"),
    [
        (Outlook(), False, f"At today's rate this backlog ends at {LATER}, in about 10 min."),
        (Outlook(120), False, f"ends at {LATER}, in about 10 min; with two more workers at {SOONER}."),
        (Outlook(300), True, f"With two more workers this backlog would end at {SOONER}."),
        (Outlook(cap=Cap.RATE), False, "More workers would not help: its rate is used up."),
        (
            Outlook(cap=Cap.MAX_RUNNING),
            True,
            "More workers would not help: its limit of 2 is reached.",
        ),
    ],
)
def test_it_says_when_the_backlog_ends_and_what_more_workers_change(
    outlook: Outlook, is_growing: bool, words: str
) -> None:
    assert words in told(outlook, is_growing=is_growing)
