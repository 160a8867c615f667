"""What one of several server processes gets from the process that started it.

The parent (`supervisor`) puts it on the child's command line: a program that re-executes itself there gets it again,
and what it starts does not inherit it.
"""

import logging
import os
import signal
import socket
import threading
from contextlib import suppress

import msgspec

from lapinq_core.domain.errors import LapinqError

OPTION = "--share"

log = logging.getLogger(__name__)


class NoShare(LapinqError):
    """This option is for the processes that `--processes` starts."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The child's number, from 0, and file descriptors: `life` ends with the parent, `started` tells it of the start.

    `parent` is its process id. `has_random_secret`: the parent made the session secret, so it lasts as long as that.
    """

    number: int
    parent: int
    life: int
    started: int
    sockets: list[int]
    has_random_secret: bool

    @property
    def runs_services(self) -> bool:
        """Whether this process runs the embedded services. One is enough, and its worker counts once."""
        return self.number == 0

    def opened(self) -> list[socket.socket]:
        return [socket.socket(fileno=number) for number in self.sockets]

    def end_with_parent(self) -> None:
        """From now on this process stops when the parent has died."""
        threading.Thread(target=self._watch, name="lapinq parent watch", daemon=True).start()

    def say_started(self, hello: str) -> None:
        """Tells the parent that this process serves, and what to print."""
        with suppress(BrokenPipeError):  # it was told before, by the program that this one replaces
            os.write(self.started, hello.encode() + b"\n")

    def _watch(self) -> None:
        os.read(self.life, 1)
        log.warning("the process that started this one has died: stopping")
        os.kill(os.getpid(), signal.SIGTERM)


def read_share(text: str | None) -> Share | None:
    """The share on the command line, if any. Raises `NoShare` if it doesn't come from this process's parent."""
    if text is None:
        return None
    try:
        share = msgspec.json.decode(text, type=Share)
    except msgspec.DecodeError as error:
        raise NoShare from error
    if share.parent != os.getppid():
        raise NoShare
    return share
