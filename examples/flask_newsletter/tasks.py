"""The mail to a new subscriber."""

from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from flask import current_app, render_template

from lapinq import TaskQueue
from lapinq.contrib.flask import AppContext

from ..files import replacing
from . import create_app
from .database import Subscriber, transaction

queue = TaskQueue(queue_name="newsletter", middleware=[AppContext(create_app)])


@queue.task
def ask_to_confirm(subscriber_id: UUID) -> str:
    """Put the mail into the folder of mails. A second run replaces it with the same mail."""
    with transaction() as session:
        subscriber = session.get_one(Subscriber, subscriber_id)
        mail = EmailMessage()
        mail["From"] = "newsletter@example.org"
        mail["To"] = subscriber.email
        mail["Subject"] = "Please confirm your address"
        mail.set_content(render_template("mail.txt", subscriber=subscriber))
    file = Path(f"{current_app.config['MAIL_FOLDER']}/{subscriber_id}.eml")
    with replacing(file) as part:
        part.write_bytes(mail.as_bytes())
    return str(file)
