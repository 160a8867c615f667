"""Help pages: flags under the headings of their sections, colours, `-h`, and the nearest name for a mistyped one."""

import click
import pytest
from click.testing import CliRunner

from lapinq_core.command_line.commands import Command, Group, version_flag
from lapinq_core.command_line.lazy_group import Lazy, LazyGroup
from lapinq_core.command_line.sections import section


@click.command(cls=Command)
@version_flag("oven")
@click.option("--degrees", help="How hot.")
@section("Time", click.option("--minutes", help="How long."))
@section(
    "Place",
    section("Shelf", click.option("--shelf", help="Which one.")),
    click.option("--left", help="Where."),
)
def bake(**_: object) -> None:
    """Bake it."""


@click.group(cls=Group)
def kitchen() -> None:
    """Cook."""


kitchen.add_command(bake)


@kitchen.command()
def clean() -> None:
    """Wash up."""


HERE = __name__
LAZY = {
    "Food": {"bake": Lazy(f"{HERE}:bake", "Bake it.")},
    "Rest": {"kitchen": Lazy(f"{HERE}:kitchen", "Cook.")},
}


@click.group(cls=LazyGroup, lazy=LAZY)
def house() -> None:
    """Live."""


def shown(command: click.Command, *arguments: str, code: int = 0, color: bool = False) -> str:
    done = CliRunner().invoke(command, [*arguments], color=color, prog_name="it", terminal_width=80)
    assert done.exit_code == code, done.output
    return done.output


def test_flags_stand_below_the_heading_of_their_section() -> None:
    assert shown(bake, "-h").split("\n\n", 2)[2] == (
        "Time:\n  --minutes TEXT  How long.\n\n"
        "Shelf:\n  --shelf TEXT    Which one.\n\n"
        "Place:\n  --left TEXT     Where.\n\n"
        "Options:\n  -V, --version   Show the version and exit.\n  --degrees TEXT  How hot.\n"
        "  -h, --help      Show this message and exit.\n"
    )


def test_every_command_of_a_group_knows_h_and_the_order_is_that_of_the_code() -> None:
    assert shown(kitchen, "-h").index("bake") < shown(kitchen, "--help").index("clean")
    assert "Wash up." in shown(kitchen, "clean", "-h")
    assert shown(bake, "-V").startswith("oven, version ")


def test_a_lazy_group_shows_its_commands_by_heading() -> None:
    assert "Food:\n  bake     Bake it.\n\nRest:\n  kitchen  Cook.\n\nOptions:" in shown(house, "-h")
    assert "Wash up." in shown(house, "kitchen", "clean", "-h")


@pytest.mark.parametrize(
    ("command", "arguments", "nearest"),
    [(house, ["kichen"], "kitchen"), (kitchen, ["claen"], "clean"), (bake, ["--minuets", "3"], "--minutes")],
)
def test_the_nearest_name_is_suggested(command: click.Command, arguments: list[str], nearest: str) -> None:
    assert f"Did you mean '{nearest}'?" in shown(command, *arguments, code=2)


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        (house, ["--minutes", "3", "bake"], "it COMMAND --minutes"),
        (house, ["--hep", "bake"], "it COMMAND --hep"),
        (house, ["kitchen", "--minutes=3", "bake"], "it kitchen COMMAND --minutes"),
    ],
)
def test_a_flag_before_the_command_is_told_its_place(
    command: click.Command, arguments: list[str], told: str
) -> None:
    assert f"Flags go after the command: {told}\n" in shown(command, *arguments, code=2)


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    assert "Error: No such command 'xyz'.\n" in shown(house, "xyz", code=2)


@click.command(cls=Command)
@click.option("--tool", type=click.Choice(["broom", "mop"]), required=True)
def sweep(tool: str) -> None:
    click.echo(tool)


def test_a_required_choice_that_is_missing_is_named_with_its_values() -> None:
    missing = shown(sweep, code=2)
    assert "Error: Missing option '--tool'. Choose from:\n\tbroom,\n\tmop\n" in missing
    assert "'broon' is not one of 'broom', 'mop'. Did you mean 'broom'?" in shown(
        sweep, "--tool", "broon", code=2
    )


def test_help_is_coloured_on_a_terminal_unless_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NO_COLOR": "", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    coloured = shown(house, "-h", color=True)
    assert "\x1b[33mFood:\x1b[0m" in coloured
    assert click.unstyle(coloured) == shown(house, "-h")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in shown(house, "-h", color=True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(house, "-h", color=True)
