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
CALL = (
    '{% from "macros.html" import may %}'
    '{% call may(t, audience, "requeue", "mail", "Requeue", "small main") %}the button{% endcall %}'
)


def shown(*grants: tuple[str, Permission], is_admin: bool = False, is_read_only: bool = False) -> str:
    audience = Audience(locale="en", is_admin=is_admin, grants=frozenset(grants), is_read_only=is_read_only)
    return TEMPLATES.from_string(CALL).render(t=texts_in("en"), audience=audience).strip()


def test_without_the_permission_it_says_what_is_needed() -> None:
    html = shown(("mail", Permission.CANCEL), ("video", Permission.REQUEUE))
    assert 'aria-disabled="true"' in html
    assert 'aria-label="Requeue: Needs the permission “requeue” on mail"' in html
    assert "data-to" not in html


@pytest.mark.parametrize("is_admin", [False, True])
def test_with_it_there_is_the_button(is_admin: bool) -> None:
    grants = () if is_admin else (("mail", Permission.REQUEUE),)
    assert shown(*grants, is_admin=is_admin) == "the button"


def test_a_read_only_server_has_no_actions() -> None:
    assert shown(is_admin=True, is_read_only=True) == ""
