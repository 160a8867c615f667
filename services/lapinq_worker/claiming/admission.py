"""Asks whether claimed tasks may start whose name has a circuit breaker. Other tasks don't pass here.

If the answer is lost they stay, and it asks again: nobody knows whether they may run. Those that may not are parked in
the database, and no longer this worker's.
"""

from typing import NamedTuple

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.limits import breakers
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.claiming.member import Member
from lapinq_worker.running.clocks import elapsed


class Admitted(NamedTuple):
    """Claims that may start, others that are parked or lost, and how long ago they were asked for."""

    claims: list[Claim]
    refused: list[Claim]
    round_trip: float


class Admission:
    """True while claims wait to be admitted. The inbox owns it."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._waiting: list[Claim] = []
        self._worker = ""  # that claimed them
        self._asked = 0.0  # when the first claim was sent
        self._is_repeated = False  # the last answer was lost

    def __len__(self) -> int:
        return len(self._waiting)

    @any_thread
    def unstarted(self) -> list[Claim]:
        """The claims that wait."""
        return list(self._waiting)

    def take_unstarted(self) -> list[Claim]:
        """Takes them out."""
        claims, self._waiting, self._is_repeated = self._waiting, [], False
        return claims

    def hold_back(self, claims: list[Claim], round_trip: float) -> list[Claim]:
        """Keeps those to `admit` of claims that came after `round_trip` seconds; returns the others."""
        watched = self._member.watched
        if not watched or not claims or claims[0].is_transient:
            return claims
        held = [claim for claim in claims if claim.task_name in watched]
        if not held:
            return claims
        if not self._waiting:
            self._worker, self._asked = self._member.id, elapsed() - round_trip
        self._waiting += held
        return [claim for claim in claims if claim.task_name not in watched]

    async def admit(self, connection: PinnedConnection) -> Admitted:
        """Asks for those that wait."""
        if self._worker != self._member.id:
            self.take_unstarted()
        claims, is_repeated = list(self._waiting), self._is_repeated
        self._is_repeated = True
        admitted: list[Claim] = []
        refused: list[Claim] = []
        for name in dict.fromkeys(claim.task_name for claim in claims):
            asked = [claim for claim in claims if claim.task_name == name]
            allowed = await breakers.admit(connection, name, asked, again=is_repeated)
            for claim in asked:
                (admitted if claim.id in allowed else refused).append(claim)
        self.take_unstarted()
        if self._worker != self._member.id:
            return Admitted([], [], 0.0)  # declared dead meanwhile: others rescue them
        return Admitted(admitted, refused, elapsed() - self._asked)
