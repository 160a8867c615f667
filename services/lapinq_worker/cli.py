"""`lapinq-worker` and `lapinq worker`."""

import asyncio
import logging
import os
import sys
from typing import Any, NoReturn

import click
import msgspec

from lapinq_core.command_line.commands import Command, version_flag
from lapinq_core.db.startup import database, explained, wait_for_schema
from lapinq_core.importing import prepare_imports
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.monitoring.metrics_server import serving_metrics
from lapinq_core.monitoring.probes import Probes
from lapinq_core.runtime.logs import configure_logging
from lapinq_core.runtime.main_loop import end_without_threads, run_main
from lapinq_core.runtime.reexec import make_reexec
from lapinq_core.runtime.settings import Settings, SettingsError, load_settings
from lapinq_core.runtime.signals import stop_signals, was_asked_to_stop
from lapinq_core.runtime.unknown_variables import warn_of_unknown_variables
from lapinq_worker.claiming.queue_settings import choice_of
from lapinq_worker.flags import worker_flags
from lapinq_worker.worker import Worker

log = logging.getLogger(__name__)


@click.command(cls=Command)
@worker_flags
@version_flag("lapinq-worker")
def worker(**given: Any) -> None:
    """Run tasks. SIGTERM or Ctrl-C lets running tasks finish; a second one releases them immediately."""
    run(**given)


def main() -> None:
    """The console script."""
    worker()


def run(*, drain: bool, reloads: bool, **given: object) -> None:
    """Runs a worker with these flags until it is stopped."""
    with explained():
        settings = load_settings(os.environ, **given)
        choice_of(settings)  # fails if they are invalid
        configure_logging(settings.log_level, as_json=settings.json_log)
        warn_of_unknown_variables(os.environ)
        if reloads:
            if drain:
                raise SettingsError("--reload can't be combined with --drain")
            _reload(settings)
        prepare_imports(settings.worker_imports)
        metrics, probes = Metrics(), Probes(settings.worker_timeout + settings.lease_seconds)
        with serving_metrics(settings, metrics, probes), database(settings) as url:
            settings = msgspec.structs.replace(settings, database_url=url)
            run_main(_serve(settings, metrics, probes, drain=drain))
        end_without_threads()


async def _serve(settings: Settings, metrics: Metrics, probes: Probes, *, drain: bool) -> None:
    assert settings.database_url is not None
    with stop_signals() as signals, probes.beating():
        await wait_for_schema(settings.database_url, signals.asked)
        if signals.asked.is_set():
            return
        reexec = make_reexec(lambda: was_asked_to_stop() or running.is_dismissed)
        running = Worker(settings, drain=drain, reexec=reexec, ends_tainted=not drain)
        metrics.show(running)
        probes.started(running.why_not_ready)
        task = asyncio.create_task(running.run(), name="worker")
        for event in (signals.asked, signals.insisted):
            told = asyncio.create_task(event.wait())
            await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
            told.cancel()
            if task.done():
                break
            running.stop()
        await task
        if running.is_tainted and not signals.asked.is_set():
            reexec()
    log.info("stopped")


def _reload(settings: Settings) -> NoReturn:
    from lapinq_worker.reload import own_command, places_to_watch, run_reloading  # not needed in production

    prepare_imports(())  # makes the working directory importable
    with database(settings) as url:
        # This process holds an embedded database, so that it outlives each worker.
        named = [] if settings.database_url else ["--database-url", url]
        code = run_main(run_reloading([*own_command(), *named], places_to_watch(settings.worker_imports)))
    sys.exit(code)


if __name__ == "__main__":
    main()
