"""Deliveries of webhooks that the tests of a module share."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.database.postgres import private_database
from tests.support.eventually import DEADLINE_SECONDS, eventually
from tests.support.http.delivering import delivering, outbox
from tests.support.http.receiver import Receiver, receiving


@pytest.fixture(scope="module")
def delivered(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database whose webhooks are delivered, to this machine too."""
    with private_database(postgres_url, template_database) as database, delivering(database):
        yield database


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def row_of(database: str, task: str) -> dict[str, Any]:
    """The one webhook of a task."""
    (row,) = outbox(database, task)
    return row


def arrived(database: str, task: str, timeout: float = DEADLINE_SECONDS) -> dict[str, Any]:
    """The webhook of a task once it is delivered."""
    eventually(lambda: row_of(database, task)["state"] == "delivered", timeout)
    return row_of(database, task)


def failed_try(database: str, task: str, timeout: float = DEADLINE_SECONDS) -> dict[str, Any]:
    """The webhook of a task once a try has failed."""
    eventually(lambda: row_of(database, task)["failure"], timeout)
    return row_of(database, task)
