"""What schemathesis makes of `/openapi.json`: it asks for all of it, rightly and wrongly, and finds nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lapinq_api.credentials import key_throttle
from lapinq_api.routes import OPERATIONS
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import Status
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, log_in

pytestmark = pytest.mark.http

ROOT = Path(__file__).parents[4]
KEY = "the-key-of-this-server"


@pytest.fixture
def server(
    serve: Serve, made: dict[Status, str], held: Claim, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """The address of a server that is closed and has tasks of every status, and a session of an admin."""
    # It sends a wrong key to each operation in turn, and takes any answer but 401 for a hole.
    monkeypatch.setattr(key_throttle, "MAX_WRONG_KEYS", 1_000_000)
    client = serve(api_key=KEY)
    client.headers["X-API-Key"] = KEY
    # Not the first user, whom another run of this module may have taken away.
    admin = add_user(client, "admin")
    return str(client.base_url), log_in(client, admin["username"], PASSWORD)


def run(server: tuple[str, str], *arguments: str, timeout: float) -> None:
    address, session = server
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "tests/support/http/schemathesis.toml"),
        *("run", f"{address}/openapi.json", "--no-color", "--generation-deterministic", *arguments),
    ]
    path = os.pathsep.join(str(ROOT / folder) for folder in (".", "services"))
    environment = {**os.environ, "LAPINQ_API_KEY": KEY, "SESSION": session, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, "schemathesis found something, which is printed above"
    # All but the one that it has the document from, which it leaves out.
    assert f"Tested: {len(OPERATIONS) - 1}\n" in done.stdout


@pytest.mark.slow  # the table of hostile values (test_hostile) asks the same operations in seconds
def test_schemathesis_finds_nothing(server: tuple[str, str]) -> None:
    run(server, "--max-examples", "300", timeout=3600)
