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


@click.command(cls=Command)
@click.option("--tool", type=click.Choice(["broom", "mop"]), required=True)
def sweep(tool: str) -> None:
    click.echo(tool)


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
    assert shown(bake, "-V").startswith("oven, version ")


def test_every_command_of_a_group_knows_h_and_a_lazy_one_shows_them_by_heading() -> None:
    assert shown(kitchen, "-h").index("bake") < shown(kitchen, "--help").index("clean")
    assert "Wash up." in shown(kitchen, "clean", "-h")
    assert "Food:\n  bake     Bake it.\n\nRest:\n  kitchen  Cook.\n\nOptions:" in shown(house, "-h")
    assert "Wash up." in shown(house, "kitchen", "clean", "-h")


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        (house, ["kichen"], "Did you mean 'kitchen'?"),
        (kitchen, ["claen"], "Did you mean 'clean'?"),
        (bake, ["--minuets", "3"], "Did you mean '--minutes'?"),
        (house, ["xyz"], "Error: No such command 'xyz'.\n"),
        (house, ["--minutes", "3", "bake"], "Flags go after the command: it COMMAND --minutes\n"),
        (house, ["--hep", "bake"], "Flags go after the command: it COMMAND --hep\n"),
        (
            house,
            ["kitchen", "--minutes=3", "bake"],
            "Flags go after the command: it kitchen COMMAND --minutes\n",
        ),
        (sweep, [], "Error: Missing option '--tool'. Choose from:\n\tbroom,\n\tmop\n"),
        (sweep, ["--tool", "broon"], "'broon' is not one of 'broom', 'mop'. Did you mean 'broom'?"),
    ],
)
def test_a_mistake_is_told_with_what_was_probably_meant(
    command: click.Command, arguments: list[str], told: str
) -> None:
    assert told in shown(command, *arguments, code=2)


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
