"""Changes tasks or workflows one by one, and continues after a refusal."""

import sys
from collections.abc import Callable, Sequence

import click

from lapinq.commands.arguments.named import OF_TASKS, Kind, whole_id
from lapinq.commands.console.api import Answer, Api
from lapinq.commands.console.failure import ApiRefused, Failed, NoAnswer
from lapinq.commands.output.json_output import json_array
from lapinq_core.runtime import exits

Change = Callable[[Api, str], tuple[Answer, str]]
"""Changes what has this id; returns the API's answer, and what to print."""


def change_each(
    api: Api, texts: Sequence[str], change: Change, kind: Kind = OF_TASKS, *, as_json: bool
) -> None:
    """Ends the command with an error at the end if one could not be changed, and at once if nobody answers.

    `texts` are ids or their beginnings.
    """
    answers: list[Answer] = []
    failed = False
    try:
        for text in texts:
            try:
                answer, said = change(api, whole_id(api, text, kind))
            except NoAnswer:
                raise
            except Failed as error:
                told = _about(text, error, kind)
                if len(texts) == 1:
                    raise told from error
                click.echo(f"Error: {told.message}", err=True)
                failed = True
                continue
            answers.append(answer)
            if not as_json:
                click.echo(said)
    finally:
        if as_json and (answers or len(texts) != 1):
            click.echo(json_array(answers))
    if failed:
        sys.exit(exits.FAILED)


def _about(text: str, error: Failed, kind: Kind) -> Failed:
    """The same error with the id that the API leaves out."""
    if not isinstance(error, ApiRefused):
        return error
    if error.message == kind.unknown:
        return Failed(f"no {kind.noun} {text}")
    return type(error)(f"{kind.noun} {text}: {error.message}", error.status)
