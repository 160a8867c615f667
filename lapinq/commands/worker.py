"""`lapinq worker` runs a worker; with a subcommand it asks about others."""

from typing import Any

import click
from click.core import ParameterSource

from lapinq_core.command_line.lazy_group import Lazy, LazyGroup
from lapinq_worker.flags import worker_flags

_COMMANDS = {
    "Commands": {
        "list": Lazy("lapinq.commands.workers:list_workers", "List the workers, live ones first."),
        "show": Lazy("lapinq.commands.workers:show", "Show a worker and the tasks that it runs."),
        "quiet": Lazy("lapinq.commands.workers:quiet", "Make workers stop claiming tasks."),
        "resume": Lazy("lapinq.commands.workers:resume", "Let quiet workers claim tasks again."),
        "stop": Lazy("lapinq.commands.workers:stop", "Stop workers as SIGTERM does."),
    },
}


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    invoke_without_command=True,
    meant={"start": "worker", "pause": "worker quiet", "kill": "worker stop"},
)
@worker_flags
@click.pass_context
def worker(ctx: click.Context, **given: Any) -> None:
    """Run tasks. SIGTERM or Ctrl-C lets running tasks finish; a second one releases them immediately.

    With a command: show workers, or ask them to pause or stop.
    """
    if ctx.invoked_subcommand is None:
        from lapinq_worker.cli import run  # the commands need none of it

        run(**given)
        return
    for param in ctx.command.params:
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            command = f"{ctx.command_path} {ctx.invoked_subcommand}"
            raise click.UsageError(f"{param.opts[0]} must come after `{command}`, if it takes it")
