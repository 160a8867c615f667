"""Where a login leads, whatever stands in `next`."""

import pytest

from lapinq_api.dashboard.page.return_path import return_path
from lapinq_api.dashboard.page.view import MAX_ADDRESS, Views
from lapinq_api.dashboard.views import VIEWS

PAGES = Views(VIEWS)
ID = "01990b3e-7a3f-7cc0-8a50-7f1f6f8a9e21"


def test_it_leads_back_to_the_page() -> None:
    for wanted in (
        "/", "/tasks", "/tasks?queue=a%20b&status=failed#top", "/tasks?queue=https://example.org/../x",
        f"/tasks/{ID}", "/schedules/nightly%20report/edit", "/admin/users", "/account",
    ):  # fmt: skip
        assert return_path(PAGES, wanted) == wanted
    assert return_path(PAGES, "/tasks?queue=vídeo x") == "/tasks?queue=v%C3%ADdeo%20x"


@pytest.mark.parametrize(
    "wanted",
    [
        "", "tasks", "https://evil.example/tasks", "https:/tasks", "javascript:alert(1)", "//evil.example/tasks",
        "///evil.example/tasks", "/\\evil.example/tasks", "\\\\evil.example/tasks", "/tasks?x=\\",
        "/\t/evil.example/tasks", "/\n/evil.example", "/tasks\r\nSet-Cookie: x=1", "/tasks%0D%0ASet-Cookie:x",
        " /tasks", "/tasks/..", "/tasks/%2e%2E", "/schedules/.", "//[/tasks", "/login", "/logout", "/me", "/ws",
        "/api/v1/tasks", "/static/x/app.js", "/account/sessions", "/nowhere", "/tasks?x=\ud800",
        f"/tasks?queue={'x' * MAX_ADDRESS}", "/tasks?" + "&".join(f"x{number}=1" for number in range(100)),
    ],
)  # fmt: skip
def test_it_leads_nowhere_else(wanted: str) -> None:
    assert return_path(PAGES, wanted) is None
