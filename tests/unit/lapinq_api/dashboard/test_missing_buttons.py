"""A limited user sees that there is an action, and which permission it takes."""

import jinja2
import pytest

from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.texts import texts_in
from lapinq_api.dashboard.page.words import FILTERS
from lapinq_core.domain.accounts.account import Permission

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("lapinq_api"), autoescape=True, undefined=jinja2.StrictUndefined
)
TEMPLATES.filters.update(FILTERS)
ON_QUEUE = 'may(t, audience, "requeue", "mail", "Requeue", "small main")'
ANYWHERE = 'may_anywhere(t, audience, "requeue", "Requeue", "small main")'
OF_ADMINS = 'may_administer(t, audience, "Requeue", "small main")'
WAYS = pytest.mark.parametrize("way", [ON_QUEUE, ANYWHERE, OF_ADMINS])


def shown(
    *grants: tuple[str, Permission], way: str = ON_QUEUE, is_admin: bool = False, is_read_only: bool = False
) -> str:
    audience = Audience(locale="en", is_admin=is_admin, grants=frozenset(grants), is_read_only=is_read_only)
    asked = f'{{% from "macros.html" import {way.partition("(")[0]} %}}{{% call {way} %}}the button{{% endcall %}}'
    return TEMPLATES.from_string(asked).render(t=texts_in("en"), audience=audience).strip()


@pytest.mark.parametrize(
    ("way", "why", "grants"),
    [
        (
            ON_QUEUE,
            "Needs the permission “requeue” on mail",
            [("mail", Permission.CANCEL), ("video", Permission.REQUEUE)],
        ),
        (ANYWHERE, "Needs the permission “requeue” on a queue", [("mail", Permission.CANCEL)]),
        (OF_ADMINS, "Only admins can do this", [("mail", one) for one in Permission]),
    ],
)
def test_without_the_permission_it_says_what_is_needed(
    way: str, why: str, grants: list[tuple[str, Permission]]
) -> None:
    html = shown(*grants, way=way)
    assert 'aria-disabled="true"' in html
    assert f'aria-label="Requeue: {why}"' in html
    assert "the button" not in html


def test_with_it_there_is_the_button() -> None:
    assert shown(("mail", Permission.REQUEUE)) == "the button"
    assert shown(("video", Permission.REQUEUE), way=ANYWHERE) == "the button"


@WAYS
def test_an_admin_has_all_buttons_and_a_read_only_server_none(way: str) -> None:
    assert shown(way=way, is_admin=True) == "the button"
    assert shown(way=way, is_admin=True, is_read_only=True) == ""
