"""The macros for tables and tiles: what a page says in one line is complete in HTML."""

import re
from collections import Counter

import jinja2
import pytest

from lapinq_api.dashboard.page import rendering, words
from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import Column, row
from lapinq_api.dashboard.page.sorting import sorting
from lapinq_api.dashboard.page.sparkline import sparkline
from lapinq_api.dashboard.page.texts import texts_in

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("lapinq_api"), autoescape=True, undefined=jinja2.StrictUndefined
)
TEMPLATES.filters.update(words.FILTERS)
COLUMNS = [
    Column("name", "Queue"),
    Column("ready", "Ready", is_number=True),
    Column("do", "Act", is_hidden=True),
]


def shown(template: str, **values: object) -> str:
    return TEMPLATES.from_string(template).render(t=texts_in("en"), columns=COLUMNS, **values)


def test_a_head_says_how_the_table_is_sorted_and_links_to_the_other_orders() -> None:
    order = sorting({"sort": "-ready"}, {"name": False, "ready": True}, "name")
    html = shown('{% from "tables.html" import head %}{{ head(columns, order) }}', order=order)
    assert '<th scope="col" role="columnheader" class="number" aria-sort="descending">' in html
    assert '<a class="sort" href="?sort=ready">Ready</a>' in html
    assert '<a class="sort" href="?">Queue</a>' in html
    assert '<span class="hidden">Act</span>' in html


def test_a_cell_carries_its_label_for_a_phone() -> None:
    html = shown(
        '{% from "tables.html" import cell %}{% call cell(columns[1], "big") %}{{ "<b>" }}{% endcall %}'
    )
    assert html.strip() == '<td role="cell" data-label="Ready" class="number big">&lt;b&gt;</td>'


def test_a_tile_says_its_way_in_words() -> None:
    html = shown(
        '{% from "tiles.html" import spark, tile %}'
        '{{ tile("Ready", 12, "q?a=1&b=2", line=spark(t, line, "1", "5", "3")) }}',
        line=sparkline([1.0, 5.0, 3.0]),
    )
    assert '<a href="q?a=1&amp;b=2">Ready</a>' in html
    assert 'role="img" aria-label="Between 1 and 5, now 3"' in html


def test_each_share_can_be_seen_and_what_waits_leaves_a_gap() -> None:
    def shares(**counts: int) -> list[tuple[str, float, float]]:
        html = shown(
            '{% from "workflow-pieces.html" import share %}{{ share(counts) }}', counts=Counter(counts)
        )
        found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="0" width="([\d.]+)"', html)
        return [(status, float(x), float(width)) for status, x, width in found]

    assert shares(pending=7) == []
    assert shares(completed=3) == [("completed", 0, 100)]
    assert shares(completed=9_999, failed=1) == [("completed", 0, 95.99), ("failed", 95.99, 4.01)]
    assert shares(completed=9_999, blocked=1) == [("completed", 0, 95.99)]
    everything = dict.fromkeys(("completed", "failed", "expired", "cancelled", "deleted", "running"), 5)
    assert sum(width for _, _, width in shares(**everything)) == pytest.approx(100, abs=0.1)


def test_a_row_is_rendered_once_for_equal_values_and_for_each_audience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rendering, "_MAX_ROWS", 3)
    monkeypatch.setattr(rendering, "_rows", {})
    admin, reader = (
        Audience(locale="en", is_admin=is_admin, grants=frozenset(), is_read_only=False, queues=None)
        for is_admin in (True, False)
    )

    def badge(audience: Audience, count: int) -> str:
        return row(audience, "badge.html", "", badge="errors", count=count)

    first = badge(admin, 3)
    assert badge(reader, 3) is not first
    assert badge(admin, 4) != first
    assert badge(admin, 3) is first
    for count in (5, 6, 7):
        badge(admin, count)
    assert badge(admin, 3) is not first, "few are kept"
