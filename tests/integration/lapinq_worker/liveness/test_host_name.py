"""The name of a worker that has none in the settings."""

import subprocess
import sys
import uuid

import pytest

from lapinq_worker.liveness import host_name
from lapinq_worker.liveness.host_name import HostName

HOLDING = """
import sys
from lapinq_worker.liveness.host_name import HostName
print(HostName(sys.argv[1]).name, flush=True)
held = HostName(sys.argv[1])
print(held.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def host() -> str:
    return f"box-{uuid.uuid4()}"


def test_a_name_is_free_again_as_soon_as_its_process_has_ended(host: str) -> None:
    first, second, third = (HostName(host) for _ in range(3))
    assert [first.name, second.name, third.name] == [host, f"{host}-2", f"{host}-3"]
    for _ in range(2):
        second.release()
    again = HostName(host)
    assert again.name == f"{host}-2"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert [other.stdout.readline().strip() for _ in range(2)] == [f"{host}-4"] * 2
        other.kill()
        other.wait()
    assert HostName(host).name == f"{host}-4"


def test_if_no_name_is_free_it_contains_the_process_id(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_name, "MAX_NUMBER", 1)
    held = HostName(host)
    other = HostName(host)
    assert held.name == host
    assert other.name.startswith(f"{host}-")
    other.release()
