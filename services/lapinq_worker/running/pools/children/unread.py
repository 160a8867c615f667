"""What a child process reported last, looked at from another thread while the event loop does not read it.

It stays where it is: a loop that wakes up reads the same.
"""

import asyncio
import contextlib
import os
import socket
import time

import msgspec

from lapinq_worker.running.job import Job
from lapinq_worker.running.pools.child.frames import Line, Report
from lapinq_worker.running.pools.children.child_process import ChildProcess

FIRST_SIZE = 1024 * 1024  # more than a socket holds, unless somebody made them larger
PAUSE_SECONDS = 0.005

_messages = msgspec.msgpack.Decoder(Report | Line)


def unread_reports(child: ChildProcess, give_up: float) -> dict[Job, Report]:
    """The reports that lie unread in the socket of `child`; what was logged before them is in the jobs' logs then.

    The end of a child that was killed is waited for, up to `give_up` by time.monotonic: after it nothing more comes.
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
        for body in child.frames.copy().feed(_unread_bytes(child.transport)):
            message = _messages.decode(body)
            job = jobs.get(message.call)
            if job is None:
                continue
            if isinstance(message, Report):
                reports[job] = message
            else:
                job.write_log(message.text)
    return reports


def _unread_bytes(transport: asyncio.BaseTransport) -> bytes:
    # On a descriptor of our own, which nobody closes and opens as something else meanwhile.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as ours:
        size = FIRST_SIZE
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
