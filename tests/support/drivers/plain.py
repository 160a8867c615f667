"""Connections of the drivers for plain code, each with what its user calls on it."""

import importlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.support.drivers.django_connection import django_connection
from tests.support.drivers.urls import sqlalchemy_url


@dataclass
class Plain:
    """`connection` is given to `using`."""

    connection: object
    commit: Callable[[], object]
    rollback: Callable[[], object]
    savepoint: Callable[[], AbstractContextManager[Any]]


@contextmanager
def on_psycopg(url: str) -> Generator[Plain]:
    with psycopg.connect(url) as conn:
        yield Plain(conn, conn.commit, conn.rollback, conn.transaction)
        conn.rollback()


@contextmanager
def on_sqlalchemy(url: str) -> Generator[Plain]:
    with _engine(url) as engine, engine.connect() as conn:
        yield Plain(conn, conn.commit, conn.rollback, conn.begin_nested)


@contextmanager
def on_session(url: str) -> Generator[Plain]:
    with _engine(url) as engine, Session(engine) as session:
        yield Plain(session, session.commit, session.rollback, session.begin_nested)


@contextmanager
def on_scoped_session(url: str) -> Generator[Plain]:
    with _engine(url) as engine:
        session = scoped_session(sessionmaker(engine))
        yield Plain(session, session.commit, session.rollback, session.begin_nested)
        session.remove()


@contextmanager
def on_django(url: str) -> Generator[Plain]:
    transaction: Any = importlib.import_module("django.db.transaction")  # it has no types

    with django_connection(url) as connection:

        def atomic() -> Any:
            return transaction.atomic(using=connection.alias)

        outermost = atomic()
        outermost.__enter__()

        def end(error: Exception | None) -> None:
            outermost.__exit__(type(error) if error else None, error, None)
            outermost.__enter__()

        yield Plain(connection, lambda: end(None), lambda: end(RuntimeError("rolled back")), atomic)
        outermost.__exit__(RuntimeError, RuntimeError(), None)


PLAIN = {
    "psycopg": on_psycopg,
    "sqlalchemy": on_sqlalchemy,
    "session": on_session,
    "scoped_session": on_scoped_session,
    "django": on_django,
}


@contextmanager
def _engine(url: str, driver: str = "psycopg") -> Generator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(sqlalchemy_url(url, driver))
    try:
        yield engine
    finally:
        engine.dispose()
