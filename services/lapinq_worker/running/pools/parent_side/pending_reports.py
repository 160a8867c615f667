"""The jobs of child processes while the event loop is blocked, with the reports that nobody has read yet.

Other threads call this. The reports stay in the socket: a loop that wakes up reads the same.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterable

import msgspec

from lapinq_core.domain.tasks.outcome import Interrupted, Unstarted
from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child_side.frames import Report, ToWorker
from lapinq_worker.running.pools.parent_side.child_process import ChildProcess, note
from lapinq_worker.running.pools.verdict import verdict
from lapinq_worker.running.unsettled import Unsettled

END_SECONDS = 1.0
INITIAL_SIZE = 1024 * 1024  # more than a socket holds, unless somebody made them larger
PAUSE_SECONDS = 0.005

_messages = msgspec.msgpack.Decoder(ToWorker)


def unsettled_jobs(children: Iterable[ChildProcess]) -> list[Unsettled]:
    """The jobs that `children`, just killed, were handed."""
    now = time.perf_counter()
    give_up = time.monotonic() + END_SECONDS
    found: list[Unsettled] = []
    for child in children:
        reports = _pending_reports(child, give_up)
        position = child.position
        for place, job in enumerate(list(child.jobs)):
            request = child.stop_requests.get(job)
            stop_outcome = None if request is None else request.outcome
            if (report := reports.get(job)) is not None:
                job.is_committed = report.is_committed
                found.append(Unsettled(job, verdict(job, report.outcome, stop_outcome), report.seconds))
            elif place > position:
                found.append(Unsettled(job, stop_outcome or Unstarted(), 0.0))
            else:
                found.append(Unsettled(job, stop_outcome or Interrupted(), now - child.handed_over))
        found += [Unsettled(job, Unstarted(), 0.0) for job in child.surplus]
    return found


def _pending_reports(child: ChildProcess, give_up: float) -> dict[Job, Report]:
    """The reports in the socket of `child`. What was logged and spent before them is with the jobs then.

    Waits for the end of a killed child, up to `give_up` by time.monotonic: after it nothing more comes.
    """
    first = child.first
    jobs = dict(enumerate(list(child.jobs), first))
    if child.transport is None or not jobs or child.first != first:
        return {}
    if child.is_doomed:
        _wait_for_end(child.pid, give_up)
    reports: dict[Job, Report] = {}
    with contextlib.suppress(
        OSError, ValueError
    ):  # it is closed; or read meanwhile, and so cut in the wrong place
        for body in child.frames.copy().feed(_peek(child.transport)):
            message = _messages.decode(body)
            job = jobs.get(message.call)
            if job is None:
                continue
            if isinstance(message, Report):
                reports[job] = message
            else:
                note(job, message)
    return reports


def _peek(transport: asyncio.BaseTransport) -> bytes:
    # On a descriptor of our own, which nobody closes and opens as something else meanwhile.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as ours:
        size = INITIAL_SIZE
        while True:
            try:
                data = ours.recv(size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            except BlockingIOError:
                return b""
            if len(data) < size:
                return data
            size *= 4


def _wait_for_end(pid: int, give_up: float) -> None:
    with contextlib.suppress(ChildProcessError):  # it is reaped
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() > give_up:
                return
            time.sleep(PAUSE_SECONDS)
