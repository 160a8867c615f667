"""`lapinq webhook`: shows webhooks and sends them again."""

import json
import os
import sys
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import click

from lapinq.commands.console.api import Answer, Api, api_flags, path, reached
from lapinq.commands.console.confirmation import confirm, yes_flag
from lapinq.commands.console.failure import ApiRefused, Failed, saying
from lapinq.commands.output.json_output import json_array, json_flag, print_json
from lapinq.commands.output.tables import Id, headings_flag, limit_flag, print_more, print_table
from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import utc_text
from lapinq_core.command_line.commands import Group
from lapinq_core.db.startup import explained
from lapinq_core.domain.counted import counted
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.webhooks.signature import ROOT_PREFIX, read_keys, secret_of
from lapinq_core.domain.webhooks.target import read_target
from lapinq_core.domain.webhooks.webhook import WebhookState
from lapinq_core.runtime import exits
from lapinq_core.runtime.settings import load_settings

_WEBHOOKS = "/api/v1/webhooks"
_WEBHOOK = f"{_WEBHOOKS}/{{}}"
_HEADINGS = ("ID", "STATE", "TRIES", "ENDED", "TASK", "QUEUE", "URL", "FAILURE")
_PAGE = 1000

_queue = click.option("--queue", "-q", help="Only webhooks of tasks in this queue.")
_task = click.option("--task", "-t", "task_id", help="Only webhooks of the task with this id.")


@click.group(cls=Group, meant={"get": "webhook show", "retry": "webhook resend"})
def webhook() -> None:
    """List, show and resend webhooks."""


@webhook.command("list")
@click.option(
    "--state",
    "-s",
    type=click.Choice([state.value for state in WebhookState]),
    help="Only webhooks in this state.",
)
@_task
@_queue
@limit_flag
@headings_flag
@json_flag
@api_flags
def list_webhooks(
    state: str | None,
    task_id: str | None,
    queue: str | None,
    limit: int,
    as_json: bool,
    **given: object,
) -> None:
    """List webhooks, newest first."""
    with reached(given) as api:
        found = api.get(_WEBHOOKS, state=state, task_id=task_id, queue=queue, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(_HEADINGS, [_row(one) for one in found.value], "There are no such webhooks.")
    print_more(found)


@webhook.command()
@click.argument("webhook_id", metavar="ID")
@json_flag
@api_flags
def show(webhook_id: str, as_json: bool, **given: object) -> None:
    """Show a webhook and its latest delivery. ID may be the beginning of its id."""
    with reached(given) as api:
        which = _whole_id(api, webhook_id)
        with saying(HTTPStatus.NOT_FOUND, _no_webhook(which)):
            found = api.get(path(_WEBHOOK, which))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    for field, value in fields.items():
        click.echo(field_text(field, value))


@webhook.command()
@click.argument("webhook_ids", nargs=-1, metavar="[ID...]")
@click.option(
    "--state",
    "-s",
    type=click.Choice([state.value for state in WebhookState]),
    help="All webhooks in this state, instead of IDs.",
)
@_task
@_queue
@yes_flag
@json_flag
@api_flags
def resend(
    webhook_ids: tuple[str, ...],
    state: str | None,
    task_id: str | None,
    queue: str | None,
    is_sure: bool,
    as_json: bool,
    **given: object,
) -> None:
    """Send webhooks again: now, and then with retries for a day until the receiver accepts them.

    ID may be the beginning of an id. Without one, --state, --task or --queue choose the webhooks.
    """
    filters = {"state": state, "task_id": task_id, "queue": queue}
    has_filters = any(value is not None for value in filters.values())
    if bool(webhook_ids) == has_filters:
        raise click.UsageError("give either IDs, or --state, --task or --queue")
    with reached(given) as api:
        if webhook_ids:
            chosen = list(dict.fromkeys(_whole_id(api, one) for one in webhook_ids))
        else:
            chosen = _matching(api, filters)
            if chosen:
                confirm(f"Resend {counted(len(chosen), 'webhook')}?", is_sure=is_sure)
        answers = {one: _resend(api, one) for one in chosen}
    sent = [answer for answer in answers.values() if answer is not None]
    # Those that match filters may have been deleted since they were listed.
    unknown = [one for one, answer in answers.items() if answer is None] if webhook_ids else []
    if unknown == chosen and unknown:
        raise Failed("\n".join(_no_webhook(one) for one in unknown))
    for one in unknown:
        click.echo(f"Error: {_no_webhook(one)}", err=True)
    if as_json:
        click.echo(json_array(sent))
    elif len(sent) == 1:
        click.echo(f"resends {sent[0].value['id']}")
    else:
        click.echo(f"resends {counted(len(sent), 'webhook')}")
    if unknown:
        sys.exit(exits.FAILED)


@webhook.command()
@click.argument("url", metavar="URL")
@json_flag
def secret(url: str, as_json: bool) -> None:
    """Print the secret of the receiver at URL, derived from LAPINQ_WEBHOOK_SECRET in this environment.

    All URLs with the same scheme, host and port share it. If LAPINQ_WEBHOOK_SECRET has several whroot_ secrets, one
    line is printed for each.
    """
    try:
        origin = read_target(url).origin
    except InvalidValue as error:
        raise click.UsageError(f"{error.loc} {error.msg}") from error
    with explained():
        configured = load_settings(os.environ).webhook_secret
        own = read_keys(configured).own(origin)
    if not configured:
        raise Failed("LAPINQ_WEBHOOK_SECRET is not set: set it to what the servers and schedulers have")
    if not own:
        raise Failed(f"LAPINQ_WEBHOOK_SECRET has no secret that begins with {ROOT_PREFIX}")
    secrets = [secret_of(key) for key in own]
    if as_json:
        click.echo(json.dumps({"origin": origin, "secrets": secrets}))
    else:
        click.echo("\n".join(secrets))


def _resend(api: Api, webhook_id: str) -> Answer | None:
    """None if there is no such webhook."""
    try:
        return api.post(f"{path(_WEBHOOK, webhook_id)}/resend")
    except ApiRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _whole_id(api: Api, text: str) -> str:
    """The id that begins with `text`. A whole one isn't looked up: a key may resend without reading."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        pass
    found = [one["id"] for one in api.get(_WEBHOOKS, id=text, limit=2).value]
    if not found:
        raise Failed(_no_webhook(text))
    if len(found) > 1:
        raise Failed(f"several webhooks have an id that begins with {plain(text)}: give more of it")
    return found[0]


def _no_webhook(text: str) -> str:
    return f"no webhook {plain(text)}"


def _matching(api: Api, filters: Mapping[str, str | None]) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = api.get(_WEBHOOKS, **filters, limit=_PAGE, cursor=cursor)
        found += [one["id"] for one in page.value]
        cursor = page.next_cursor
        if cursor is None:
            return found


def _row(one: Mapping[str, Any]) -> list[object]:
    begin = [Id(one["id"]), one["state"], one["tries"], utc_text(one["created_at"])]
    return [*begin, one["task_name"], one["queue_name"], one["url"], one["failure"]]
