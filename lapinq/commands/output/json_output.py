"""The flag `--json` and what it prints."""

from collections.abc import Iterable

import click

from lapinq.commands.console.api import Answer
from lapinq.commands.output.terminal import json_text, plain
from lapinq_core.domain.json_times import encode
from lapinq_core.domain.schedules.schedule_file import MODULE

json_flag = click.option("--json", "-j", "as_json", is_flag=True, help="Print JSON.")


def print_json(answer: Answer) -> None:
    """Prints the API's answer as it came, but for characters that terminals act on."""
    click.echo(json_text(answer.text))


def print_done(answer: Answer, done: str, *, as_json: bool, source: str | None = None) -> None:
    """Prints the API's answer as JSON, or the sentence; after it a note about what the module `source` declares."""
    if as_json:
        print_json(answer)
        return
    click.echo(done)
    if source is not None:
        module = plain(source.removeprefix(MODULE))
        click.echo(f"Code declares it, in {module}: the next start of the scheduler sets it back.")


def json_array(answers: Iterable[Answer]) -> str:
    """The answers to several requests as one array."""
    return json_text(f"[{','.join(answer.text for answer in answers)}]")


def json_of(value: object) -> str:
    return json_text(encode(value).decode())
