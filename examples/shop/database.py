"""The tables of the shop, and a session for each request."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends
from sqlalchemy import CheckConstraint, create_engine
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import DateTime, Text

DATABASE_URL = os.environ["DATABASE_URL"]

engine = create_engine(DATABASE_URL)


class Base(DeclarativeBase):
    """All tables of the shop. Those of lapinq are in the same database."""


class Article(Base):
    """Something to buy. The database refuses to sell more than there is."""

    __tablename__ = "articles"
    __table_args__ = (CheckConstraint("stock >= 0", name="articles_in_stock"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    stock: Mapped[int]


class Order(Base):
    """`packed` counts the articles that are in the parcel."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str]
    articles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    packed: Mapped[int] = mapped_column(default=0)
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


def create_tables() -> None:
    """Create the tables, with some articles to sell, unless they are there."""
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    with Session(engine) as session, session.begin():
        if session.get(Article, "tea pot") is None:
            session.add_all(
                [
                    Article(name="tea pot", stock=20),
                    Article(name="cup", stock=100),
                    Article(name="samovar", stock=1),
                ]
            )


def begin_session() -> Iterator[Session]:
    """A session in a transaction, which commits when the request has been handled."""
    with Session(engine) as session, session.begin():
        yield session


# `scope="function"`: commit before the response is sent, not after it.
RequestSession = Annotated[Session, Depends(begin_session, scope="function")]
