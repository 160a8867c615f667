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
Grants = list[tuple[str, Permission]]


def shown(way: str, grants: Grants, *, is_admin: bool = False, is_read_only: bool = False) -> str:
    audience = Audience(
        locale="en", is_admin=is_admin, grants=frozenset(grants), is_read_only=is_read_only, queues=None
    )
    asked = f'{{% from "macros.html" import {way.partition("(")[0]} %}}{{% call {way} %}}the button{{% endcall %}}'
    return TEMPLATES.from_string(asked).render(t=texts_in("en"), audience=audience).strip()


@pytest.mark.parametrize(
    ("way", "why", "without", "with_it"),
    [
        (
            'may(t, audience, "requeue", "mail", "Requeue", "small main")',
            "Needs the permission “requeue” on mail",
            [("mail", Permission.CANCEL), ("video", Permission.REQUEUE)],
            [("mail", Permission.REQUEUE)],
        ),
        (
            'may_anywhere(t, audience, "requeue", "Requeue", "small main")',
            "Needs the permission “requeue” on a queue",
            [("mail", Permission.CANCEL)],
            [("video", Permission.REQUEUE)],
        ),
        (
            'may_administer(t, audience, "Requeue", "small main")',
            "Only admins can do this",
            [("mail", one) for one in Permission],
            None,
        ),
    ],
)
def test_there_is_the_button_or_what_it_takes(
    way: str, why: str, without: Grants, with_it: Grants | None
) -> None:
    html = shown(way, without)
    assert 'aria-disabled="true"' in html
    assert f'aria-label="Requeue: {why}"' in html
    assert "the button" not in html
    assert with_it is None or shown(way, with_it) == "the button"
    assert shown(way, [], is_admin=True) == "the button"
    assert shown(way, [], is_admin=True, is_read_only=True) == ""
