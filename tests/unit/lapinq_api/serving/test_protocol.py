"""How many connections there may be."""

import resource

import pytest

from lapinq_api.serving import connection_limits
from lapinq_api.serving.connection_limits import MAX_CONNECTIONS, max_connections


@pytest.mark.parametrize(
    ("files", "connections"),
    [(resource.RLIM_INFINITY, MAX_CONNECTIONS), (1_048_576, MAX_CONNECTIONS), (1024, 768), (400, 200)],
)
def test_connections_leave_files_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    def limits(_: int) -> tuple[int, int]:
        return files, files

    monkeypatch.setattr(connection_limits.resource, "getrlimit", limits)
    assert max_connections() == connections
