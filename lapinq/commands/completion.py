"""`lapinq completion`: the script with which a shell completes commands and flags."""

import click
from click.shell_completion import get_completion_class

from lapinq_core.command_line.commands import Command


@click.command(cls=Command)
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and flags in SHELL: bash, zsh or fish.

    \b
    bash: add to ~/.bashrc
      eval "$(lapinq completion bash)"
    zsh: add to ~/.zshrc, below compinit
      eval "$(lapinq completion zsh)"
    fish: run once
      lapinq completion fish > ~/.config/fish/completions/lapinq.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click has all three"
    click.echo(kind(ctx.find_root().command, {}, "lapinq", "_LAPINQ_COMPLETE").source())
