"""What the visitor sees."""

import re
from datetime import UTC, datetime
from uuid import UUID, uuid4

from flask import Blueprint, abort, render_template, request
from sqlalchemy.exc import IntegrityError

from .database import Subscriber, transaction
from .tasks import ask_to_confirm

ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,255}", re.ASCII)

blueprint = Blueprint("newsletter", __name__)


@blueprint.get("/")
def show_form() -> str:
    """The form to sign up."""
    return render_template("newsletter.html")


@blueprint.post("/")
def sign_up() -> tuple[str, int]:
    """Store the subscriber and enqueue the mail: both or neither."""
    email = request.form["email"]
    if not ADDRESS.fullmatch(email):
        return page("That is not an e-mail address"), 400
    subscriber = Subscriber(id=uuid4(), email=email)
    try:
        with transaction() as session:
            session.add(subscriber)
            ask_to_confirm.using(session).queue(subscriber.id)
    except IntegrityError:
        return page(f"{email} has already signed up"), 409
    return page(f"You will get a mail at {email}. Please open the link in it."), 201


@blueprint.get("/confirm/<uuid:subscriber_id>")
def confirm(subscriber_id: UUID) -> str:
    """The link in the mail."""
    with transaction() as session:
        subscriber = session.get(Subscriber, subscriber_id)
        if subscriber is None:
            abort(404)
        subscriber.confirmed_at = subscriber.confirmed_at or datetime.now(UTC)
        return page(f"{subscriber.email} is confirmed")


def page(message: str) -> str:
    """The form again, with a message above it."""
    return render_template("newsletter.html", message=message)
