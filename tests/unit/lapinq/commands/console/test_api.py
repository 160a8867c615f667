"""Where a command goes, and what it repeats there."""

import pytest

from lapinq.commands.console.api import place_of, remote
from lapinq.commands.console.failure import RefusedValue
from tests.unit.lapinq.conftest import Script

SERVER = "https://lapinq.example"
VARIABLES = ("LAPINQ_DATABASE_URL", "DATABASE_URL", "LAPINQ_DATA_DIR", "LAPINQ_URL")


@pytest.mark.parametrize(
    ("variables", "flags", "url"),
    [
        ({}, {}, SERVER),
        ({"LAPINQ_DATABASE_URL": "postgresql://h/d"}, {}, None),
        ({"DATABASE_URL": "postgresql://h/d"}, {}, None),
        ({"LAPINQ_DATA_DIR": "/srv/lapinq"}, {}, None),
        ({}, {"database_url": "postgresql://h/d"}, None),
        ({}, {"data_dir": "/srv/lapinq"}, None),
        ({"LAPINQ_DATA_DIR": "/srv/lapinq"}, {"server": "https://other.example"}, "https://other.example"),
    ],
)
def test_the_server_of_the_environment_is_asked_only_if_no_database_is_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], flags: dict[str, object], url: str | None
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"LAPINQ_URL": SERVER, **variables}.items():
        monkeypatch.setenv(name, value)
    assert place_of(flags)[1] == url


def test_a_server_of_an_older_release_is_asked_again_without_must_exist(server: Script) -> None:
    is_json = {"content-type": "application/json"}
    query = "?name=a&must_exist=true"
    with remote(server.url, None) as api:
        for _ in range(2):
            server.answer(400, {"error": "must_exist is not a known parameter (did you mean 'x'?)"}, is_json)
        server.answer(200, {"paused": True}, is_json)
        with pytest.raises(RefusedValue):
            api.post("/pause", name="a", must_exist=True)
        assert [one.path for one in server.requests] == [f"/pause{query}", "/pause?name=a"]
        server.answers.appendleft((400, {"error": "must_exist is not a known parameter"}, is_json))
        assert api.post("/pause", {"reason": "x"}, name="a", must_exist=True).value == {"paused": True}
        assert [(one.path, one.json) for one in server.requests[2:]] == [
            (f"/pause{query}", {"reason": "x"}),
            ("/pause?name=a", {"reason": "x"}),
        ]
        server.answer(400, {"error": "reason is wrong"}, is_json)
        with pytest.raises(RefusedValue):
            api.post("/pause", must_exist=True)
        assert len(server.requests) == 5
