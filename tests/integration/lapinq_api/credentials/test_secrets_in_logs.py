"""Whatever is set, sent or typed and must stay secret is in no line of a server's log, also at level debug."""

import base64
import re
from urllib.parse import quote

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.http

MASTER = "master-key-5d41402abc4b2a76"
SESSION_SECRET = "session-secret-7d793037a0760186"
ADMIN_PASSWORD = "admin-password-9b74c9897bac770f"
DATABASE_PASSWORD = "database-password-e99a18c428cb38d5"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"webhook-secret-0123456789").decode()
TYPED_AS_NAME = "typed-into-the-wrong-field-3858f62230ac3c91"
IN_QUERY = "in-the-query-2c26b46b68ffc68f"
IN_URL = "token-in-a-webhook-url-fcde2b2edba56bf4"


@pytest.mark.parametrize("as_json", [pytest.param("0", marks=pytest.mark.slow), "1"])
def test_no_secret_is_in_the_log(database: str, as_json: str) -> None:
    # Where the test database asks for no password, any will do.
    given = conninfo_to_dict(database)
    own_password = str(given.get("password") or DATABASE_PASSWORD)
    url = make_conninfo(database, password=own_password)
    env = {
        "LAPINQ_LOG_LEVEL": "debug",
        "LAPINQ_JSON_LOG": as_json,
        "LAPINQ_API_KEY": MASTER,
        "LAPINQ_SESSION_SECRET": SESSION_SECRET,
        "LAPINQ_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "LAPINQ_WEBHOOK_SECRET": WEBHOOK_SECRET,
    }
    with (
        ApiProcess(url, "--worker", "--scheduler", env=env) as program,
        httpx.Client(base_url=program.url, trust_env=False, timeout=15) as client,
    ):
        secrets = _use_everything(client)
        eventually(lambda: "/api/v1/nothing" in program.output)
        assert program.stop() == 0
        log = program.output
    secrets |= {
        MASTER,
        SESSION_SECRET,
        ADMIN_PASSWORD,
        WEBHOOK_SECRET,
        TYPED_AS_NAME,
        IN_QUERY,
        IN_URL,
        PASSWORD,
    }
    if len(own_password) > 8:
        secrets.add(own_password)
    found = {
        line
        for line in log.splitlines()
        for secret in secrets
        if secret in line
        or quote(secret, safe="") in line
        or base64.b64encode(secret.encode()).decode() in line
    }
    assert not found
    assert not re.search(r"(?i)(x-api-key|set-cookie|cookie|authorization)['\"]?[:,]", log)


def _use_everything(client: httpx.Client) -> set[str]:
    """Goes through what takes secrets, well and badly; answers those that were made on the way."""
    key = {"X-API-Key": MASTER}
    made = client.post("/api/v1/keys", json={"name": "a key", "scopes": ["enqueue", "read"]}, headers=key)
    assert made.status_code == 201
    named: str = made.json()["key"]
    task = {
        "task_name": "factorial",
        "module_path": "math",
        "args": [5],
        "webhook_url": f"http://127.0.0.1:9/{IN_URL}",
    }
    for sent in (key, {"X-API-Key": named}, {"X-API-Key": f"{named}x"}, {"X-API-Key": "\x7f"}, {}):
        client.post("/api/v1/enqueue", json=task, headers=sent)
        client.get(f"/api/v1/tasks?task_name={IN_QUERY}", headers=sent)
        client.get(f"/api/v1/tasks?no_such={IN_QUERY}", headers=sent)
    client.post("/login", data={"username": TYPED_AS_NAME, "password": ADMIN_PASSWORD})
    client.post("/login", data={"username": "lapinq", "password": f"{ADMIN_PASSWORD}x"})
    client.post("/login", content=f"username={TYPED_AS_NAME}&password=%ff".encode())
    entered = client.post("/login", data={"username": "lapinq", "password": ADMIN_PASSWORD})
    assert entered.status_code == 303
    token: str = client.cookies["lapinq_session"]
    user = {"username": "somebody", "password": PASSWORD, "role": "user"}
    assert client.post("/admin/users", json=user).status_code == 201
    client.post("/admin/users", json={**user, "no_such": PASSWORD})
    client.post("/account/password", json={"current_password": PASSWORD, "new_password": f"{PASSWORD} 2"})
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    client.get("/ws", headers={**upgrade, "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()})
    client.get("/logout")
    client.get("/", headers={"Cookie": f"lapinq_session={token}"})
    client.get("/api/v1/nothing", headers=key)
    return {named, token}
