"""The web application. `mount` adds the dashboard, the API and a worker."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from lapinq.contrib.starlette import mount

from .database import Article, Order, RequestSession, create_tables
from .tasks import confirm, pack, queue


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """The shop's own startup. It ends before the worker starts."""
    create_tables()
    yield


app = FastAPI(title="Shop", lifespan=lifespan)
mount(app, "/tasks", queue, worker=True)


class NewOrder(BaseModel):
    """What the customer sends."""

    email: str = Field(min_length=3)
    articles: Annotated[list[str], Field(min_length=1, max_length=20)]


class OrderState(BaseModel):
    """What the customer sees."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    articles: list[str]
    packed: int
    confirmed_at: datetime | None


@app.post("/orders", status_code=201)
def place_order(new: NewOrder, session: RequestSession) -> OrderState:
    """Store the order, take the articles from stock, and enqueue the tasks: all of it or nothing."""
    order = Order(email=new.email, articles=new.articles)
    session.add(order)
    session.flush()
    confirm.using(session).queue(order.id)
    pack.using(session).queue(order.id)
    for name in new.articles:
        take = update(Article).where(Article.name == name).values(stock=Article.stock - 1)
        try:
            taken = session.execute(take.returning(Article.name)).one_or_none()
        except IntegrityError:
            raise HTTPException(409, f"{name} is sold out") from None
        if taken is None:
            raise HTTPException(404, f"there is no {name}")
    return OrderState.model_validate(order)


@app.get("/orders/{order_id}")
def show_order(order_id: UUID, session: RequestSession) -> OrderState:
    """How far the order is."""
    order = session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, "there is no such order")
    return OrderState.model_validate(order)


@app.get("/articles")
def list_articles(session: RequestSession) -> dict[str, int]:
    """What is in stock."""
    return {
        article.name: article.stock for article in session.scalars(select(Article).order_by(Article.name))
    }


@app.get("/")
def show_shop() -> FileResponse:
    """The page, which asks for the rest."""
    return FileResponse(Path(__file__).with_name("shop.html"))
