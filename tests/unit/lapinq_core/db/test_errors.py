"""What the driver's errors say about the database."""

import psycopg
import pytest
from psycopg import errors

from lapinq_core.db.errors import is_away, is_outage


@pytest.mark.parametrize(
    ("error", "away", "outage"),
    [
        (psycopg.OperationalError, True, True),
        (errors.AdminShutdown, True, True),
        (errors.DeadlockDetected, True, False),
        (errors.LockNotAvailable, True, False),
        (errors.QueryCanceled, True, False),
        (errors.ReadOnlySqlTransaction, True, False),
        (errors.UniqueViolation, False, False),
    ],
)
def test_an_error_of_one_call_is_no_outage(error: type[Exception], away: bool, outage: bool) -> None:
    assert (is_away(error()), is_outage(error())) == (away, outage)
