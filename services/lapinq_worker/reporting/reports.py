"""What a worker reports of its tasks beside their outcomes."""

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.runtime.loops import Loop, Service
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.reporting.error_recorder import ErrorRecorder
from lapinq_worker.reporting.live_logs import LiveLogs
from lapinq_worker.reporting.profiles import Profiles
from lapinq_worker.reporting.progress import ProgressReporter
from lapinq_worker.reporting.recorder import Recorder
from lapinq_worker.running.failures import FailureTally
from lapinq_worker.running.host import Host
from lapinq_worker.running.tally import Tally
from lapinq_worker.running.time_limits import Limits
from lapinq_worker.settling.step_store import StepStore


class Reports:
    """While attempts run: progress and live logs. At their ends: profiles, figures (from `tally`) and errors (from
    `failures`)."""

    def __init__(self, pool: Pool, membership: Membership, release: str | None) -> None:
        self._membership = membership
        self.tally = Tally()
        self.failures = FailureTally()
        self.progress = ProgressReporter(pool)
        self.live_logs = LiveLogs(pool)
        self.profiles = Profiles(pool)
        self.figures = Recorder(pool, self.tally)
        self.errors = ErrorRecorder(pool, self.failures, lambda: membership.name, release)

    def host(self, limits: Limits, database_url: str, steps: StepStore, max_payload_size: int) -> Host:
        """How running attempts report. `steps` answers durable ones, whose results may have so many bytes."""
        return Host(
            limits,
            database_url=database_url,
            note_progress=self.progress.note,
            note_log=self.live_logs.note,
            note_profile=self.profiles.note,
            lease_is_current=lambda: self._membership.is_current,
            ask=steps.ask,
            max_payload_size=max_payload_size,
        )

    def services(self, times: LoopTimes) -> list[Service]:
        """What sends the reports. `times` measures some of them."""
        return [
            Service("progress", self.progress.run),
            Service("live logs", self.live_logs.run),
            Service("profiles", self.profiles.run),
            Loop("figures", self.figures.turn, expected=is_away, observe=times.of("figures")),
            Loop(
                "errors",
                self.errors.turn,
                wake=self.failures.due,
                expected=is_away,
                observe=times.of("errors"),
            ),
        ]
