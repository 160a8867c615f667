"""A newsletter: Flask, SQLAlchemy and lapinq. Everyone who signs up gets a mail with a link to confirm the address."""

import os

from flask import Flask


def create_app() -> Flask:
    """The application. `flask` calls this, and each process of the worker that runs a task."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise RuntimeError(
            "set DATABASE_URL to a PostgreSQL database, such as postgresql+psycopg://localhost/newsletter"
        )
    app = Flask(__name__)
    app.config.from_mapping(
        MAIL_FOLDER="output/flask_newsletter",
        SERVER_NAME="127.0.0.1:5000",  # for links in mails
    )
    app.config.from_prefixed_env()

    # Import here, because the tasks import this function.
    from . import database, pages

    database.connect(app, url)
    app.register_blueprint(pages.blueprint)
    app.cli.command("init-db")(database.create_tables)
    return app
