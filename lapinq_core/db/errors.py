"""Translates the driver's errors into errors that callers can act on."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from lapinq_core.domain.errors import LapinqError


class DatabaseUnavailable(LapinqError):
    """The database can't be reached, or didn't answer in time."""


class SchemaNotReady(DatabaseUnavailable):
    """The database has no schema of this release yet. The message says what to do, and may be shown to anybody."""


class DatabaseReadOnly(DatabaseUnavailable):
    """The database accepts no changes: it is a standby, or was set read-only."""


class ValueRefused(LapinqError):
    """The database cannot store a value that it was given."""


_AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    pg.QueryCanceled,
    pg.LockNotAvailable,
    pg.InsufficientResources,
    pg.OperatorIntervention,
    # The driver reports these as internal errors, but they are temporary.
    pg.ReadOnlySqlTransaction,
    pg.IdleInTransactionSessionTimeout,
    pg.TransactionTimeout,
    PoolTimeout,
    PoolClosed,
    TooManyRequests,
    TimeoutError,
    OSError,
)


def is_away(error: BaseException) -> bool:
    """Whether the database is unreachable or overloaded, so that the same call may succeed later."""
    return isinstance(error, _AWAY)


def is_outage(error: BaseException) -> bool:
    """Whether that holds for every call, not only for one that was cancelled, waited for a lock, met a deadlock, or
    tried to write."""
    return is_away(error) and not isinstance(
        error, (pg.QueryCanceled, pg.LockNotAvailable, pg.DeadlockDetected, pg.ReadOnlySqlTransaction)
    )


@contextmanager
def translated() -> Generator[None]:
    """Around calls of the driver: raises `DatabaseUnavailable` or `ValueRefused` instead of its errors."""
    try:
        yield
    except psycopg.DataError as error:
        raise ValueRefused(error.diag.message_primary or str(error)) from error
    except pg.ReadOnlySqlTransaction as error:
        raise DatabaseReadOnly(_one_line(error)) from error
    except _AWAY as error:
        raise DatabaseUnavailable(_one_line(error)) from error


def _one_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).partition("\n")[0]
