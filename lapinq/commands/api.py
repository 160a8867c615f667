"""`lapinq api`: calls any path of the HTTP API, for scripts and for what no other command does."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qsl

import click
import msgspec

from lapinq.commands.console.api import BULK_TIMEOUT_SECONDS, Api, api_flags, reached
from lapinq.commands.output.terminal import json_text, plain
from lapinq_core.command_line.commands import Command
from lapinq_core.command_line.sections import section
from lapinq_core.runtime import exits

if TYPE_CHECKING:
    import httpx

_ROOT = "/api/v1/"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_IN_QUERY = ("GET", "DELETE", "HEAD")
"""Methods whose fields are parameters of the query."""
Pairs = list[tuple[str, str]]


@click.command(cls=Command)
@click.argument("call", nargs=-1, required=True, metavar="[METHOD] PATH")
@section(
    "Request",
    click.option(
        "--field", "-f", "texts", multiple=True, metavar="NAME=TEXT", help="A field with a text. Repeatable."
    ),
    click.option(
        "--json-field",
        "-F",
        "values",
        multiple=True,
        metavar="NAME=JSON",
        help="A field whose value is JSON: a number, true, null, a list. Repeatable.",
    ),
    click.option(
        "--input",
        "-i",
        "file",
        type=click.File("rb"),
        help="File with the body, instead of fields; - is standard input.",
    ),
    click.option(
        "--header", "-H", "headers", multiple=True, metavar="NAME:VALUE", help="A header. Repeatable."
    ),
)
@click.option("--include", is_flag=True, help="Print the status and the headers of the answer, too.")
@click.option("--paginate", is_flag=True, help="Print all pages of a list, as one JSON array.")
@api_flags
def api(
    call: tuple[str, ...],
    texts: tuple[str, ...],
    values: tuple[str, ...],
    file: BinaryIO | None,
    headers: tuple[str, ...],
    include: bool,
    paginate: bool,
    **given: object,
) -> None:
    """Call a path of the HTTP API and print the answer.

    METHOD is GET, or POST if there are fields or an --input. PATH is below /api/v1/, or begins with a slash: tasks,
    queues/mail/pause, /health. The fields become the JSON body, or the query with GET and DELETE. Exits with 1 if the
    status is 400 or above.
    """
    fields: dict[str, object] = {**dict(_pair(text, "-f") for text in texts), **_json_fields(values)}
    method, path, query = _call(call, has_content=bool(fields) or file is not None)
    if paginate and (method != "GET" or include):
        raise click.UsageError("--paginate goes with GET, and without --include")
    content = None if file is None else file.read()
    if file is not None or method in _IN_QUERY:
        query += [(name, _text(value)) for name, value in fields.items()]
    elif fields:
        content = msgspec.json.encode(fields)
    sent = dict(_header(text) for text in headers)
    with reached(given) as reachable:
        if paginate:
            _print_pages(_pages(reachable, path, query, sent))
            return
        answer = reachable.send(method, path, query, content, headers=sent, timeout=BULK_TIMEOUT_SECONDS)
    if include:
        click.echo(f"HTTP/1.1 {_status(answer)}")
        for name, value in answer.headers.items():
            click.echo(plain(f"{name}: {value}"))
        click.echo()
    _print(answer)


def _call(call: Sequence[str], *, has_content: bool) -> tuple[str, str, Pairs]:
    """The method, the path and the query."""
    *methods, target = call
    method = methods[0].upper() if methods else "POST" if has_content else "GET"
    if len(methods) > 1 or method not in _METHODS:
        raise click.UsageError(f"give [METHOD] PATH; METHOD is one of {', '.join(_METHODS)}")
    path, _, query = target.partition("?")
    if "://" in path or not path.isprintable():
        # An address would be sent the key.
        raise click.UsageError("PATH is a path such as tasks or /health, not an address")
    return method, path if path.startswith("/") else _ROOT + path, parse_qsl(query, keep_blank_values=True)


def _pages(api: Api, path: str, query: Pairs, headers: Mapping[str, str]) -> Iterator["httpx.Response"]:
    cursor: str | None = None
    while True:
        asked = query if cursor is None else [*query, ("cursor", cursor)]
        page = api.send("GET", path, asked, headers=headers)
        yield page
        cursor = page.headers.get("x-next-cursor") if page.is_success else None
        if cursor is None:
            return


def _print_pages(pages: Iterator["httpx.Response"]) -> None:
    printed = 0
    for number, page in enumerate(pages):
        text = page.text.strip()
        if not page.is_success or not text.startswith("["):
            if number:
                click.echo()
            _print(page)
            return
        inner = text[1:-1].strip()
        click.echo("[" if number == 0 else "", nl=False)
        click.echo((",\n" if printed and inner else "") + json_text(inner), nl=False)
        printed += bool(inner)
    click.echo("]")


def _print(answer: "httpx.Response") -> None:
    """The body, and for a failure the status on standard error."""
    text = answer.text
    if answer.headers.get("content-type", "").startswith("application/json"):
        text = msgspec.json.format(text, indent=2) if sys.stdout.isatty() else text
        click.echo(json_text(text))
    elif text:
        click.echo(plain(text), nl=not text.endswith("\n"))
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        click.echo(f"Error: {_status(answer)}", err=True)
        sys.exit(exits.FAILED)


def _status(answer: "httpx.Response") -> str:
    return f"{answer.status_code} {answer.reason_phrase}".rstrip()


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise click.BadParameter("must have the form NAME=VALUE", param_hint=flag)
    return name, value


def _json_fields(texts: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for text in texts:
        name, value = _pair(text, "-F")
        try:
            found[name] = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise click.BadParameter(
                f"{name} must be JSON; -f takes a text: {error}", param_hint="-F"
            ) from error
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not (name and colon and text.isascii() and text.isprintable()):
        raise click.BadParameter("must have the form NAME:VALUE, in ASCII", param_hint="-H")
    return name, value
