"""Where a command goes."""

import pytest

from lapinq.commands.console.api import place_of

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
