"""What browsers are told, what they are kept from, and whose word on a client's address is taken.

What counts as another origin, a trusted proxy and a rate is in `tests/unit/lapinq_api/middleware`."""

from collections.abc import Callable

import httpx
import psycopg
import pytest

from lapinq_api.routes import OPERATIONS
from tests.support.http.people import PASSWORD, add_user, browser

pytestmark = pytest.mark.http

Serve = Callable[..., httpx.Client]

TASK = {"task_name": "send", "module_path": "app.mail"}
ELSEWHERE = "https://evil.example"
SHOP = "https://shop.example"
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"


# Headers


def test_every_answer_tells_browsers_to_do_nothing_with_it(api: httpx.Client) -> None:
    for method, path, status in (
        ("GET", "/api/v1/queues", 200),
        ("HEAD", "/api/v1/queues", 200),
        ("GET", "/api/v1/tasks/x", 400),
        ("GET", "/nothing", 404),
        ("POST", "/health", 405),
        ("GET", "/static/none.css", 404),
        ("GET", "/login", 200),
    ):
        response = api.request(method, path)
        assert response.status_code == status, path
        assert {name: response.headers[name] for name in EVERYWHERE} == EVERYWHERE
        [policy] = response.headers.get_list("content-security-policy")
        assert len(response.headers.get_list("x-content-type-options")) == 1
        assert "server" not in response.headers
        if path == "/login":  # a page may load its own files, and JSON nothing
            assert "script-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
        else:
            assert policy == NOTHING, path


# Changes from elsewhere


FROM_ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": ELSEWHERE},
    {"Origin": "null"},
)
COOKIE = {"Cookie": "lapinq_session=x"}


def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    # No type and no header of ours: what a browser sends without asking first.
    content = b'{"task_name": "system", "module_path": "os", "args": ["true"]}'
    for headers in FROM_ELSEWHERE:
        response = api.post("/api/v1/enqueue", json=TASK, headers={**headers, **COOKIE})
        told = {"error": "a page of another origin may not do this with a session"}
        assert (response.status_code, response.json()) == (403, told)
        assert response.headers["x-request-id"]
        assert api.post("/login", data={"username": "a", "password": "b"}, headers=headers).status_code == 403
        for method, path, body in (
            ("POST", "/api/v1/enqueue", content),
            ("POST", "/api/v1/queues/mail/pause", b""),
            ("GET", "/api/v1/queues", b""),
        ):
            answer = api.request(method, path, content=body, headers=headers)
            told = {"error": "a page of another origin needs a key for this"}
            assert (answer.status_code, answer.json()) == (403, told)
    for one in OPERATIONS:
        if one.method not in {"GET", "HEAD"}:
            path = one.path.replace("{id}", "1").replace("{name}", "a")
            response = api.request(one.method, path, headers={**COOKIE, **FROM_ELSEWHERE[0]})
            assert response.status_code == 403, one.path
    assert db.execute("SELECT count(*) FROM lapinq_tasks").fetchone() == (0,)
    assert api.post("/api/v1/enqueue", content=content).status_code == 201
    own = str(api.base_url).rstrip("/")
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": own}):
        response = api.post("/api/v1/enqueue", json={}, headers={**headers, **COOKIE})
        assert response.status_code == 400


# CORS


def test_a_page_that_the_settings_name_may_change_what_anybody_may(api: httpx.Client, serve: Serve) -> None:
    named, anywhere = serve(cors_origins=(SHOP,)), serve(cors_origins=("*",))
    shop, evil = ({"Origin": origin, "Sec-Fetch-Site": "cross-site"} for origin in (SHOP, ELSEWHERE))
    assert named.post("/api/v1/enqueue", json=TASK, headers=shop).status_code == 201
    assert named.post("/api/v1/enqueue", json=TASK, headers=evil).status_code == 403
    assert named.get("/api/v1/queues", headers=shop).status_code == 200
    assert anywhere.post("/api/v1/enqueue", json=TASK, headers=evil).status_code == 201
    response = anywhere.get("/api/v1/queues", headers={"Origin": ELSEWHERE})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    # By default no other origin is let in.
    response = api.get("/api/v1/queues", headers={"Origin": ELSEWHERE})
    assert not [name for name in response.headers if name.startswith("access-control")]
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    assert api.options("/api/v1/enqueue", headers=asked).status_code == 405


def test_a_named_origin_may_call_the_api_with_the_session_and_sees_our_headers(serve: Serve) -> None:
    client = serve(cors_origins=(SHOP, "http://localhost:3000"), api_key="secret", rate_limit=100)
    for path, status in (("/api/v1/queues", 401), ("/api/v1/nothing", 401), ("/openapi.json", 200)):
        response = client.get(path, headers={"Origin": SHOP})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == SHOP
        assert response.headers["access-control-allow-credentials"] == "true"
        assert "X-Next-Cursor" in response.headers["access-control-expose-headers"]
        assert "Origin" in response.headers["vary"]
    other = client.get("/api/v1/queues", headers={"Origin": f"{SHOP}.evil.example"})
    assert "access-control-allow-origin" not in other.headers
    for path in ("/health", "/login", "/me"):
        assert "access-control-allow-origin" not in client.get(path, headers={"Origin": SHOP}).headers


def test_a_browser_may_ask_before_it_sends_a_key(serve: Serve) -> None:
    client = serve(cors_origins=(SHOP,), api_key="secret", rate_limit=1)
    asked = {
        "Origin": SHOP,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, idempotency-key, x-api-key, x-lapinq-claim, x-request-id",
    }
    for _ in range(3):  # not counted: it is the browser that asks
        response = client.options("/api/v1/enqueue", headers=asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == SHOP
        assert "POST" in response.headers["access-control-allow-methods"]
    for wrong in (
        {"Origin": ELSEWHERE},
        {"Access-Control-Request-Method": "BREW"},
        {"Access-Control-Request-Headers": "x-evil"},
    ):
        response = client.options("/api/v1/enqueue", headers={**asked, **wrong})
        assert response.status_code == 400
        assert response.json()["error"].startswith("CORS is not allowed for this ")
        assert response.headers["x-request-id"]
    assert client.post("/api/v1/enqueue", json={}, headers={"Origin": SHOP}).status_code == 401
    refused = client.post("/api/v1/enqueue", json={}, headers={"Origin": SHOP})
    assert refused.status_code == 429
    assert refused.headers["access-control-allow-origin"] == SHOP
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


# The rate limit and proxies


def test_errors_say_what_is_left_of_the_rate_too_and_a_made_up_address_does_not_count(serve: Serve) -> None:
    client = serve(rate_limit=3, api_key="secret", trusted_proxies=("192.0.2.0/24",))
    answers: list[httpx.Response] = []
    for number, path in enumerate(("queues", "tasks?limit=0", "nothing", "queues")):
        headers = {"X-API-Key": "secret", "X-Forwarded-For": f"203.0.113.{number}"}
        answers.append(client.get(f"/api/v1/{path}", headers=headers))
    assert [answer.status_code for answer in answers] == [200, 400, 404, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[-1].headers["x-ratelimit-limit"] == "3"
    assert answers[-1].headers["x-ratelimit-reset"] == answers[-1].headers["retry-after"]


def test_behind_a_trusted_proxy_each_client_has_a_rate_an_address_and_a_scheme_of_its_own(
    serve: Serve,
) -> None:
    client = serve(rate_limit=2, api_key="secret", trusted_proxies=("127.0.0.1",))
    client.headers["X-API-Key"] = "secret"

    def ask(forwarded: str) -> int:
        return client.get("/api/v1/queues", headers={"X-Forwarded-For": forwarded}).status_code

    assert [ask("203.0.113.1"), ask("203.0.113.2"), ask("203.0.113.1")] == [200, 200, 200]
    # What the client itself sent stands before what the proxy saw.
    assert [ask("198.51.100.1, 203.0.113.1"), ask("203.0.113.2")] == [429, 200]
    address = {"X-Forwarded-For": "1.1.1.1, 203.0.113.7"}
    wanted = {"name": "from a proxy", "scopes": ["read"]}
    assert client.post("/api/v1/keys", json=wanted, headers=address).status_code == 201
    [newest] = client.get("/api/v1/audit", params={"limit": "1"}, headers=address).json()
    assert newest["address"] == "203.0.113.7"
    del client.headers["X-API-Key"]
    headers = {"Host": "10.0.0.7", "Origin": "https://10.0.0.7", "Cookie": "lapinq_session=x"}
    for scheme, status in (("http", 403), ("https", 401)):
        proto = {**headers, "X-Forwarded-Proto": scheme}
        assert client.post("/account/password", json={}, headers=proto).status_code == status


@pytest.mark.parametrize(("trusted", "is_secure"), [((), False), (("127.0.0.1",), True)])
def test_behind_a_proxy_with_tls_the_cookie_is_for_https_alone(
    serve: Serve, trusted: tuple[str, ...], is_secure: bool
) -> None:
    client = serve(trusted_proxies=trusted)
    answer = client.post("/login", data=_somebody(client), headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 303
    assert ("secure" in answer.headers["set-cookie"].lower()) is is_secure
    assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if is_secure else None)
    name, _, token = answer.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == ("__Host-lapinq_session" if is_secure else "lapinq_session")
    cookie = {"Cookie": f"lapinq_session={'x' * 43}; __Host-lapinq_session={token}"}
    assert client.get("/me", headers=cookie).status_code == 200


def test_strict_transport_security_covers_what_the_setting_says(serve: Serve) -> None:
    for hsts, header in (("subdomains", "max-age=31536000; includeSubDomains"), ("off", None)):
        client = serve(hsts=hsts, trusted_proxies=("127.0.0.1",))
        answer = client.get("/livez", headers={"X-Forwarded-Proto": "https"})
        assert answer.headers.get("strict-transport-security") == header


def test_logging_out_ends_the_sessions_of_both_cookies(serve: Serve) -> None:
    client = serve(trusted_proxies=("127.0.0.1",))
    tls, form = {"X-Forwarded-Proto": "https"}, _somebody(client)
    tokens: list[str] = []
    for headers in ({}, tls):
        answer = client.post("/login", data=form, headers=headers)
        tokens.append(answer.headers["set-cookie"].partition(";")[0].partition("=")[2])
        client.cookies.clear()
    both = {"Cookie": f"lapinq_session={tokens[0]}; __Host-lapinq_session={tokens[1]}", **tls}
    answer = client.post("/logout", headers=both)
    cleared = answer.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cleared] == ["__Host-lapinq_session", "lapinq_session"]
    for token in tokens:
        assert client.get("/me", headers={"Cookie": f"lapinq_session={token}"}).status_code == 401


def _somebody(server: httpx.Client) -> dict[str, str]:
    """The login form of a new user. Behind a proxy the default password does not work."""
    with browser(server) as admin:
        return {"username": add_user(admin)["username"], "password": PASSWORD}
