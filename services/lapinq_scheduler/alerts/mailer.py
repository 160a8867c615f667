"""Sends mail over SMTP, in a thread: a mail server can be slow, and must delay neither the event loop nor its end."""

import asyncio
import contextlib
import smtplib
import ssl
import threading
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from lapinq_core.domain.alerts.smtp_url import SmtpServer
from lapinq_core.domain.webhooks.webhook import Delivered, Undelivered

STEP_SECONDS = 10.0
"""For each answer of the server."""
WHOLE_SECONDS = 40.0
_ACCEPTED = 250


class Mailer:
    """Sends from one address through one server."""

    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server = server
        self._sender = sender

    async def send(self, addresses: Sequence[str], subject: str, text: str) -> Delivered | Undelivered:
        """Sends one mail to all addresses. Every failure is an outcome; its text names the server but no password."""
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(addresses)
        mail["Subject"] = subject
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(f"{text}\n")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Delivered | Undelivered] = loop.create_future()

        def done(found: Delivered | Undelivered) -> None:
            if not outcome.done():
                outcome.set_result(found)

        def run() -> None:
            found = self._outcome(mail)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(done, found)

        threading.Thread(target=run, name="mail", daemon=True).start()
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await outcome
        except TimeoutError:
            return Undelivered(f"{self._server.host} took more than {WHOLE_SECONDS:g} s")

    def _outcome(self, mail: EmailMessage) -> Delivered | Undelivered:
        host = self._server.host
        try:
            return self._send(mail)
        except smtplib.SMTPRecipientsRefused as error:
            return Undelivered(self._refuses(error.recipients))
        except smtplib.SMTPResponseException as error:
            return Undelivered(f"{host} answered {error.smtp_code}", error.smtp_code)
        except ssl.SSLCertVerificationError as error:
            return Undelivered(f"the certificate of {host} is not trusted: {error.verify_message}")
        except ssl.SSLError:
            return Undelivered(f"no TLS connection to {host}")
        except TimeoutError:
            return Undelivered(f"no answer from {host} within {STEP_SECONDS:g} s")
        except (smtplib.SMTPException, OSError) as error:
            return Undelivered(f"no mail connection to {host}: {type(error).__name__}")
        except UnicodeError:
            return Undelivered(f"{host} can't be asked: the user or password is not ASCII")

    def _send(self, mail: EmailMessage) -> Delivered | Undelivered:
        server = self._server
        context = ssl.create_default_context()
        if not server.is_verified:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if server.is_tls:
            smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=STEP_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=STEP_SECONDS)
        with smtp:
            smtp.ehlo_or_helo_if_needed()
            if not (server.is_tls or server.is_plain):
                # Somebody between us and the server can hide its offer.
                if not smtp.has_extn("starttls"):
                    if server.user is not None:
                        return Undelivered(
                            f"{server.host} offers no TLS, and a password is not sent without it"
                        )
                    return Undelivered(
                        f"{server.host} offers no TLS; for mail in plain text, end LAPINQ_SMTP_URL with ?tls=no"
                    )
                smtp.starttls(context=context)
            if server.user is not None:
                smtp.login(server.user, server.password)
            refused = smtp.send_message(mail)
            # The server has the mail, whatever it answers now.
            with contextlib.suppress(smtplib.SMTPException):
                smtp.quit()
        # The others would get it again with each further try.
        return Delivered(_ACCEPTED, f"{self._refuses(refused)}; the others got it" if refused else None)

    def _refuses(self, refused: Mapping[str, tuple[int, bytes]]) -> str:
        return f"{self._server.host} refuses {', '.join(f'{who} ({code})' for who, (code, _) in refused.items())}"
