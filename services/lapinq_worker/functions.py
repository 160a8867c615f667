"""Finds the functions of claimed tasks, each once. Importing the user's modules happens off the event loop."""

import asyncio
from collections.abc import Sequence

from lapinq_core.domain.claim import Claim
from lapinq_core.domain.outcome import Outcome
from lapinq_core.importing import resolve
from lapinq_worker.job import Target
from lapinq_worker.outcomes import raised


class Functions:
    """A cache of targets by module and name. A failure is not kept: the next task tries again."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = allowed
        self._targets: dict[tuple[str, str], Target] = {}

    def known(self, claim: Claim) -> Target | None:
        """The target, if it was found before."""
        return self._targets.get((claim.module_path, claim.task_name))

    async def find(self, claim: Claim) -> Target | Outcome:
        """The target, or the outcome of a task whose function can't be found."""
        try:
            function = await asyncio.to_thread(resolve, claim.module_path, claim.task_name, self._allowed)
        except BaseException as error:  # user code: importing a module runs it
            if isinstance(error, asyncio.CancelledError):
                raise
            return raised(error)
        target = Target(function)
        self._targets[claim.module_path, claim.task_name] = target
        return target
