"""Turns claims into jobs. An unknown function is imported in the background, because that may take long."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.outcome import Outcome, Unstarted
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.clocks import elapsed
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.functions import Functions
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target

RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class Arrivals:
    """The inbox owns it. `on_ended` gets jobs whose function was not found, `on_refused` claims for which the
    dispatcher has no place; `on_imported` is called when claims no longer wait for their function."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        functions: Functions,
        host: Host,
        *,
        worker_id: Callable[[], str],
        on_ended: Callable[[Job, Outcome, float], None],
        on_refused: Callable[[list[Claim]], None],
        on_imported: Callable[[], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._functions = functions
        self._host = host
        self._worker_id = worker_id
        self._on_ended = on_ended
        self._on_refused = on_refused
        self._on_imported = on_imported
        self._imports: dict[asyncio.Task[None], list[Claim]] = {}

    @property
    def waiting(self) -> int:
        """How many claims wait for their function."""
        return sum(map(len, self._imports.values()))

    def take_in(self, claims: list[Claim], round_trip: float) -> None:
        """Takes claims that came after `round_trip` seconds. The dispatcher gets those with a known function now."""
        asked = elapsed() - round_trip
        ready: list[Job] = []
        unknown: dict[tuple[str, str], list[Claim]] = {}
        for claim in claims:
            target = self._functions.known(claim)
            if target is None:
                unknown.setdefault((claim.module_path, claim.task_name), []).append(claim)
            else:
                ready.append(Job(claim, target, self._host, asked))
        if ready:
            self._offer(ready)
        for alike in unknown.values():
            task = asyncio.create_task(
                self._import(alike, self._worker_id(), asked), name="import a task's function"
            )
            self._imports[task] = alike

    def end(self, ends: Iterable[tuple[Claim, Outcome]]) -> None:
        """Ends claims that don't start."""
        for claim, outcome in ends:
            self._on_ended(Job(claim, _NO_TARGET, self._host), outcome, 0.0)

    @any_thread
    def unstarted(self) -> list[Claim]:
        """The claims that wait for their function and can be released."""
        waiting = list(self._imports.values())
        return [claim for claims in waiting for claim in claims if not claim.is_transient]

    def take_unstarted(self) -> list[Claim]:
        """Takes out `unstarted`. Fire-and-forget tasks stay: they exist nowhere else."""
        claims = self.unstarted()
        self._imports = {task: alike for task, alike in self._imports.items() if alike[0].is_transient}
        return claims

    def stop(self) -> None:
        """Stops looking for functions."""
        for task in list(self._imports):
            task.cancel()

    async def _import(self, claims: list[Claim], worker: str, asked: float) -> None:
        """`claims` need the same function, and `worker` made them."""
        task = asyncio.current_task()
        try:
            found = await self._functions.find(claims[0])
        except Exception as error:  # noqa: BLE001  # no fault of the task's: most likely there is no thread for it
            wanted = f"{claims[0].module_path}.{claims[0].task_name}"
            log.error("can't look for %s (%s); releasing it", wanted, error)  # noqa: TRY400  # it is ours
            # Not at once, for it would come back at once.
            await asyncio.sleep(RETRY_SECONDS)
            found = Unstarted()
        if task is None or self._imports.pop(task, None) is None or worker != self._worker_id():
            return  # released meanwhile, or others have them
        if isinstance(found, Target):
            self._offer([Job(claim, found, self._host, asked) for claim in claims])
        else:
            self.end((claim, found) for claim in claims)
        self._on_imported()

    def _offer(self, jobs: list[Job]) -> None:
        if refused := self._dispatcher.offer(jobs):
            self._on_refused([job.claim for job in refused])


_NO_TARGET = Target(lambda: None)
