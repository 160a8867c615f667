"""`lapinq health`: a container's health check. It runs every few seconds, so it imports little."""

import os
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import click

from lapinq_core.command_line.commands import Command
from lapinq_core.domain.hosts.host_names import local_address_of
from lapinq_core.runtime import flags
from lapinq_core.runtime.settings import SettingsError, load_settings

METRICS_PORT = 9100
MAX_ANSWER = 64 * 1024


@click.command(cls=Command)
@click.argument("daemon", metavar="DAEMON", type=click.Choice(["api", "worker", "scheduler"]))
@click.option(
    "--ready", is_flag=True, help="Check whether it can do its work now, not only whether it is alive."
)
@click.option("--url", help="URL to ask, instead of the one from the settings.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds to wait for a response.",
)
@flags.env_file()
def health(daemon: str, url: str | None, timeout: float, *, ready: bool) -> None:
    """Check whether DAEMON is healthy: api, worker or scheduler.

    Exits with 0 if it is, and with 1 if it is not or does not respond. It asks the API at LAPINQ_PORT, a worker or
    scheduler at LAPINQ_METRICS_PORT, or at 9100 if that is not set.
    """
    try:
        answer = _ask(url or _address_of(daemon), "/readyz" if ready else "/livez", timeout)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    click.echo(answer)


def _address_of(daemon: str) -> str:
    """The URL according to the settings. Raises `SettingsError`."""
    settings = load_settings(os.environ)
    host, port = settings.host, settings.port
    if daemon != "api":
        host, port = settings.metrics_host, settings.metrics_port or METRICS_PORT
    host = local_address_of(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _ask(address: str, path: str, timeout: float) -> str:
    """The response, if healthy. Raises `ClickException` if not, and `SettingsError` for an invalid URL."""
    try:
        parts = urlsplit(address)
        kind = {"http": HTTPConnection, "https": HTTPSConnection}[parts.scheme]
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    except (KeyError, ValueError, HTTPException):
        raise SettingsError(f"{address} is not a URL such as http://127.0.0.1:8001") from None
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        response = connection.getresponse()
        body = response.read(MAX_ANSWER).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        raise click.ClickException(
            f"no answer from {address}{path}: {error or type(error).__name__}"
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise click.ClickException(f"{address}{path} answers {response.status}: {body}")
    return body
