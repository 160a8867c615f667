"""The table of the newsletter, and transactions on the database of the current application."""

from contextlib import AbstractContextManager
from datetime import datetime
from uuid import UUID

from flask import Flask, current_app
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from sqlalchemy.types import DateTime


class Base(DeclarativeBase):
    """All tables of the newsletter. Those of lapinq are in the same database."""


class Subscriber(Base):
    """The id is only in the link that confirms the address."""

    __tablename__ = "subscribers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def connect(app: Flask, url: str) -> None:
    """Give the application its pool of connections."""
    app.extensions["sessions"] = sessionmaker(create_engine(url))


def transaction() -> AbstractContextManager[Session]:
    """A session that commits at the end of the block. Needs an application context."""
    sessions: sessionmaker[Session] = current_app.extensions["sessions"]
    return sessions.begin()


def create_tables() -> None:
    """Create the tables of the newsletter, unless they are there."""
    with transaction() as session:
        Base.metadata.create_all(session.connection())
