"""What becomes of somebody while the body of their request is on its way counts."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admin/users", b'{"username": "friend of %d", "password": "correct horse", "role": "admin"}'),
        ("/admin/users/%d/role", b'{"role": "admin"}'),
        ("/api/v1/keys", b'{"name": "friend of %d", "scopes": ["manage"]}'),
    ],
)
def test_who_is_no_admin_any_more_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client, path: str, body: bytes
) -> None:
    admin = add_user(signed_in, "admin")

    def slowly() -> Iterator[bytes]:
        yield b" "
        answer = signed_in.post(f"/admin/users/{admin['id']}/role", json={"role": "user"})
        assert answer.status_code == 200
        yield body.replace(b"%d", b"%d" % admin["id"])

    with browser(api, admin["username"], PASSWORD) as client:
        answer = client.post(
            path.replace("%d", str(admin["id"])),
            content=slowly(),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 403
        assert client.get("/me").json()["role"] == "user"


def test_who_is_gone_when_the_body_is_there_changes_nothing(
    api: httpx.Client, signed_in: httpx.Client
) -> None:
    admin = add_user(signed_in, "admin")

    def slowly() -> Iterator[bytes]:
        yield b" "
        assert signed_in.delete(f"/admin/users/{admin['id']}").status_code == 200
        yield b'{"username": "heir", "password": "correct horse", "role": "admin"}'

    with browser(api, admin["username"], PASSWORD) as client:
        answer = client.post("/admin/users", content=slowly(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 401
