"""Flags of the command line, one for each field of `Settings`.

A flag that isn't given is None, so that the environment applies; its help names the variable.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click
from msgspec.structs import fields

from lapinq_core.command_line.sections import section
from lapinq_core.runtime.env_file import load_env_file
from lapinq_core.runtime.setting_texts import TEXTS
from lapinq_core.runtime.setting_values import Bytes, SettingsError
from lapinq_core.runtime.settings import GUARDS, Settings, parse_setting, variables

Command = TypeVar("Command", bound=Callable[..., Any])


def option(
    field: str,
    *names: str,
    help: str | None = None,  # noqa: A002  # click's own word
) -> Callable[[Command], Command]:
    """A click option for `field`, passed to the command under that name.

    `names` are its flags, by default `--field-name`. A switch also gets its `--no-` form, and a list may be given
    several times. An invalid value is a usage error that names the flag. `help` is for commands to which the field
    means something else than `setting_texts` says.
    """
    names = names or (f"--{field.replace('_', '-')}",)
    hint = _HINTS[field]
    multiple = get_origin(hint) is tuple
    text = help or TEXTS[field].replace("`", "") + (" Repeatable." if multiple else "")
    text = f"{text}  [{_origin(field)}]"
    if bool in (hint, *get_args(hint)):
        return click.option("/".join((*names, f"--no-{names[0][2:]}")), field, default=None, help=text)
    if get_origin(hint) is Literal:
        return click.option(
            *names, field, type=click.Choice(get_args(hint), case_sensitive=False), default=None, help=text
        )
    return click.option(
        *names, field, multiple=multiple, callback=_read, metavar=_metavar(field), default=None, help=text
    )


def group(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator for several options, shown in the order given."""

    def decorate(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


def database(purpose: str) -> Callable[[Command], Command]:
    """The flags that name the database; `purpose` is part of their help: "PostgreSQL to use"."""
    return section(
        "Database",
        option("database_url", help=f"URL of the {purpose}. Without it, the embedded PostgreSQL."),
        option("data_dir"),
        option("pg_bin"),
        env_file(),
    )


def env_file() -> Callable[[Command], Command]:
    """The flag that names a file of variables. They count for all other flags, wherever it stands."""
    return section(
        "Options",
        click.option(
            "--env-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            callback=_load_env_file,
            expose_value=False,
            is_eager=True,
            help="File with environment variables, such as .env. Variables that are already set win.",
        ),
    )


def logging(*more: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """The flags of the log, and `more` that belong to them."""
    return section(
        "Log",
        option("log_level"),
        option("json_log"),
        *more,
    )


def maintenance() -> Callable[[Command], Command]:
    """The flags of what deletes ended tasks."""
    return section(
        "Ended tasks",
        option("cleanup_interval"),
        option("keep"),
    )


def metrics() -> Callable[[Command], Command]:
    """The flags for serving metrics, for a program without its own HTTP server."""
    return section(
        "Metrics",
        option("metrics_port"),
        option("metrics_host"),
    )


_HINTS = get_type_hints(Settings)
_BOUNDED_HINTS = get_type_hints(Settings, include_extras=True)
_METAVARS = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
_DEFAULTS = {field.name: field.default for field in fields(Settings)}


def _origin(field: str) -> str:
    default = _DEFAULTS[field]
    if isinstance(default, bool) or default is None or default == ():
        return f"env: {', '.join(variables(field))}"
    shown = f"{default:g}" if isinstance(default, float) else default
    return f"default: {shown}; env: {', '.join(variables(field))}"


def _metavar(field: str) -> str:
    bounded = _BOUNDED_HINTS[field]
    if Bytes in (bounded, *get_args(bounded)):
        return "SIZE"
    hint = _HINTS[field]
    return next((_METAVARS[kind] for kind in (hint, *get_args(hint)) if kind in _METAVARS), "TEXT")


def _load_env_file(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        try:
            load_env_file(value)
        except SettingsError as error:
            raise click.BadParameter(str(error), ctx, param) from error


def _read(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...] | None) -> object:
    assert param.name is not None, "options have names"
    if value == "":
        if param.name in GUARDS:
            return value  # which `load_settings` refuses, with its own exit code
        raise click.BadParameter("must not be empty", ctx, param)
    if not value:
        return None
    try:
        return parse_setting(param.name, ",".join(value) if isinstance(value, tuple) else value, "")
    except SettingsError as error:
        raise click.BadParameter(str(error).removeprefix(": "), ctx, param) from error
