"""How commands reach lapinq: they call the REST API.

With `--server`, a server answers over HTTP. Without, the API's own application answers inside this process, on the
database that the flags name, for the operating system's user, who may do everything. So each command is written once,
and says the same both ways.
"""

import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec

from lapinq._client.calling.answer import TEMPORARY
from lapinq._client.environment import API_KEY, DEFAULT_URL, URL, named_server
from lapinq.commands.console.failure import ApiRefused, Failed, NoAnswer, RefusedValue
from lapinq.commands.console.operator import operator_name
from lapinq_core.command_line.sections import section
from lapinq_core.db.startup import database, explained, prepare_schema
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.database_url import check_login, is_database_url
from lapinq_core.domain.hosts.origins import is_same_server
from lapinq_core.domain.requests.api_key_header import header_of
from lapinq_core.domain.requests.refusals import NOTHING_HERE
from lapinq_core.runtime import flags
from lapinq_core.runtime.setting_values import SettingsError
from lapinq_core.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_SECONDS = 10.0
TIMEOUT_SECONDS = 60.0
BULK_TIMEOUT_SECONDS = 3600.0
"""For calls that change many tasks and answer at the end."""
MUST_EXIST = "must_exist"
"""The parameter with which the API refuses a name that nobody has seen."""
_LOCAL_POOL_SIZE = 2
_REPEAT_PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Pauses before a request is repeated, in seconds."""

api_flags = section(
    "Server",
    click.option(
        "--server",
        metavar="URL",
        help=f"Server to ask, instead of the database.  [env: {URL}, if no database is named]",
    ),
    flags.option("api_key", help="Key for --server."),
    flags.database("PostgreSQL to use"),
)
"""Where a command finds lapinq; `reached` takes them."""


class Answer(msgspec.Struct, frozen=True):
    """What the API answered: JSON text, and the header with which lists continue."""

    status: int
    text: str
    next_cursor: str | None = None

    @property
    def value(self) -> Any:
        """The decoded text."""
        return msgspec.json.decode(self.text)


class Api:
    """Calls the API. An answer that refuses raises `ApiRefused`, which ends the command with its sentence."""

    def __init__(self, client: "httpx.Client") -> None:
        self._client = client

    def get(self, path: str, **query: object) -> Answer:
        """`query` is sent without what is None."""
        return self.call("GET", path, query)

    def post(self, path: str, body: Mapping[str, object] | None = None, **query: object) -> Answer:
        return self.call("POST", path, query, body)

    def patch(self, path: str, body: Mapping[str, object], **query: object) -> Answer:
        return self.call("PATCH", path, query, body)

    def delete(self, path: str, **query: object) -> Answer:
        return self.call("DELETE", path, query)

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends the request. Raises `ApiRefused` for an answer of 400 and above, `NoAnswer` without one."""
        given = [(name, _text(value)) for name, value in (query or {}).items() if value is not None]
        content = None if body is None else msgspec.json.encode(body)
        try:
            return _answer(self.send(method, path, given, content, timeout=timeout, headers=headers))
        except RefusedValue as error:
            if (
                MUST_EXIST not in (query or {})
                or f"{MUST_EXIST} is not a known parameter" not in error.message
            ):
                raise
            # A server of an older release, which accepts every name.
            known = {name: value for name, value in (query or {}).items() if name != MUST_EXIST}
            return self.call(method, path, known, body, timeout=timeout, headers=headers)

    def send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> "httpx.Response":
        """Sends the request, with JSON as its content, and returns any answer. Raises `NoAnswer` without one."""
        import httpx

        declared = {"content-type": "application/json"} if content is not None else {}
        try:
            return self._client.request(
                method,
                path.lstrip("/"),  # below the path of the server's URL, if that has one
                params=list(query),
                content=content,
                headers={**declared, **(headers or {})},
                timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT_SECONDS),
            )
        except httpx.HTTPError as error:
            raise NoAnswer(
                f"no answer from {self._client.base_url}: {str(error) or type(error).__name__}",
                may_have_arrived=not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)),
            ) from error

    def post_once(self, path: str, body: object, key: str) -> Answer:
        """Posts under an idempotency key; again, if the request may have been carried out without an answer."""
        for pause in _REPEAT_PAUSES:
            try:
                return self.call("POST", path, body=body, headers={"idempotency-key": key})
            except NoAnswer as error:
                if not error.may_have_arrived:
                    raise
            except ApiRefused as error:
                if error.status not in TEMPORARY:
                    raise
            time.sleep(pause)
        return self.call("POST", path, body=body, headers={"idempotency-key": key})


def path(template: str, *names: str) -> str:
    """`template` with a name for each `{}`, escaped."""
    return template.format(*(quote(name, safe="") for name in names))


@contextmanager
def reached(given: Mapping[str, object]) -> Generator[Api]:
    """The API, as the flags in `given` name it. An error ends the command with a message and an exit code."""
    with explained():
        settings, url = place_of(given)
        with _local(settings) if url is None else remote(url, key_for(url, settings, given)) as api:
            yield api


def place_of(given: Mapping[str, object]) -> tuple[Settings, str | None]:
    """The settings, and the URL of the server to ask; None is the database of the settings. Raises `SettingsError`."""
    flags_given = dict(given)
    server: Any = flags_given.pop("server", None)
    if server is not None and any(flags_given.get(name) for name in ("database_url", "data_dir", "pg_bin")):
        raise click.UsageError("give --server or the flags of a database, not both")
    settings = load_settings(os.environ, **flags_given)
    names_database = settings.database_url is not None or settings.data_dir is not None
    url = named_server() if server is None and not names_database else server
    if url is None:
        return settings, None
    name = URL if server is None else "--server"
    try:
        check_login(url)
    except InvalidValue as error:
        raise SettingsError(f"{name}: {error.msg}") from None
    if is_database_url(url):
        return load_settings(os.environ, **{**flags_given, "database_url": url}), None
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{name}: must begin with http:// or https://")
    return settings, url


def key_for(url: str, settings: Settings, given: Mapping[str, object]) -> str | None:
    """The key for the server at `url`. One of the environment is sent without encryption only to the server that the
    environment names, or to this machine. Raises `SettingsError`."""
    key = settings.api_key
    if key is None or given.get("api_key") is not None or url.lower().startswith("https://"):
        return key
    if is_same_server(url, named_server() or DEFAULT_URL) or is_same_server(url, DEFAULT_URL):
        return key
    raise SettingsError(
        f"{API_KEY} is not sent to {url}, as anyone on the way could read it: use https://, set {URL} to this address,"
        " or give --api-key"
    )


@contextmanager
def remote(url: str, api_key: str | None) -> Generator[Api]:
    """The API of the server at `url`."""
    import httpx

    headers = {"accept": "application/json"}
    try:
        if api_key is not None:
            headers["x-api-key"] = header_of(api_key)
        client = httpx.Client(base_url=url, headers=headers)
    except (httpx.InvalidURL, InvalidValue) as error:
        raise click.UsageError(f"--server or --api-key can't be used: {error}") from error
    with client:
        yield Api(client)


@contextmanager
def _local(settings: Settings) -> Generator[Api]:
    import httpx

    from lapinq.commands.console.local_transport import LocalTransport

    with database(settings) as url:
        prepare_schema(url, migrates=False)
        settings = msgspec.structs.replace(settings, database_url=url, pool_size=_LOCAL_POOL_SIZE)
        with httpx.Client(
            base_url="http://lapinq", transport=LocalTransport(settings, operator_name())
        ) as client:
            yield Api(client)


def _answer(response: "httpx.Response") -> Answer:
    is_json = response.headers.get("content-type", "").startswith("application/json")
    if not response.is_success:
        said = _error(response.text) if is_json else None
        if said is None:
            kind = NoAnswer if response.status_code in TEMPORARY else Failed
            raise kind(
                f"{response.url} answered {response.status_code} without an error of lapinq: is it a lapinq server?"
            )
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            said += ". Give the key as --api-key or in LAPINQ_API_KEY"
        elif said == NOTHING_HERE:
            said += f": {response.url}. The URL of a server ends before /api/v1"
        kind = RefusedValue if response.status_code == HTTPStatus.BAD_REQUEST else ApiRefused
        raise kind(said, response.status_code)
    if not is_json and response.content:
        raise Failed(f"{response.url} did not answer with JSON: is it a lapinq server?")
    return Answer(response.status_code, response.text, response.headers.get("x-next-cursor"))


def _error(text: str) -> str | None:
    try:
        return msgspec.json.decode(text, type=_Body).error
    except msgspec.DecodeError:
        return None


class _Body(msgspec.Struct):
    error: str


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
