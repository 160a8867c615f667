"""Over HTTP, by a client of no library and by commands through a server."""

from collections.abc import Iterator

import httpx
import pytest

from lapinq.server import create_app
from tests.integration.lapinq.mistakes.mistake import check
from tests.support.http.serving import serving

pytestmark = pytest.mark.http


@pytest.fixture(scope="module")
def open_server(in_use: str) -> Iterator[httpx.Client]:
    """It has no key."""
    with serving(create_app(in_use)) as client:
        yield client


THROUGH_A_SERVER = """
1 | queue purge mail --yes | although the API is open: `lapinq key create` on the database of the server makes a key
1 | queue purge mail --yes | Give the key as --api-key or in LAPINQ_API_KEY
"""


def test_commands_through_an_open_server(open_server: httpx.Client) -> None:
    check(THROUGH_A_SERVER, ("--server", str(open_server.base_url)))
