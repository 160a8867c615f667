"""The server process: starts it, identifies it reliably, and only then signals it.

PostgreSQL writes `postmaster.pid`. After a crash it is stale, and its process id may belong to any other process by
now. A process counts as our server only if it runs `postgres` in this very directory, or listens on the socket named
in the file.
"""

import errno
import os
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.binaries import Binaries
from lapinq_core.db.embedded.folder import Folder

PORT = 5432  # part of the socket's name, nothing else
_MAX_PID_FILE = 8192
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The contents of `postmaster.pid`; the later fields are empty while the server is only starting."""

    pid: int
    data_dir: str
    port: int
    socket_dir: str
    status: str
    """`starting`, `ready`, `standby` or `stopping`."""


def recorded(pgdata: Path) -> Postmaster | None:
    """The process named in `postmaster.pid`, which may be stale."""
    try:
        with (pgdata / "postmaster.pid").open(encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file.read(_MAX_PID_FILE).splitlines()]
        pid, data_dir, _started, port, socket_dir, _address, _memory, status = (*lines, *[""] * 8)[:8]
        return Postmaster(int(pid), data_dir, int(port or PORT), socket_dir, status)
    except (FileNotFoundError, ValueError):
        return None


def proven(folder: Folder) -> Postmaster | None:
    """The process named in `postmaster.pid`, if it is alive and the server of this directory."""
    named = recorded(folder.pgdata)
    if named is None or named.pid <= 1:
        return None
    return named if _listens(named, folder) or named.pid in _processes(folder) else None


def send(number: signal.Signals, folder: Folder) -> bool:
    """Signals the server of this directory; False if no process is proven to be it."""
    named = recorded(folder.pgdata)
    if named is None:
        return False
    try:
        handle = os.pidfd_open(named.pid)
    except ProcessLookupError:
        return False
    except OSError as error:
        if error.errno not in {errno.ENOSYS, errno.EPERM}:
            raise
        handle = None  # an old kernel or a sandbox: then only the next lines lie between proof and signal
    try:
        found = proven(folder)
        if found is None or found.pid != named.pid:
            return False
        if handle is None:
            os.kill(named.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)  # it can't reach another process that got the same id
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def end_orphans(folder: Folder) -> None:
    """Ends the children of a killed server: they may run for a long time, and keep a new server from starting."""
    for pid in _processes(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)


@dataclass(frozen=True, slots=True)
class Peer:
    """A process that listens on a socket; its `pid` is 0 if it is not visible from here."""

    pid: int
    uid: int


def listener(socket_dir: Path, port: int = PORT) -> Peer | None:
    """The process that listens there, according to the kernel; None if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(str(socket_dir / socket_name(port)))
            credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid, uid, _gid = struct.unpack("3i", credentials)
    return Peer(pid, uid)


def socket_name(port: int = PORT) -> str:
    return f".s.PGSQL.{port}"


def spawn(folder: Folder, binaries: Binaries, socket_dir: Path, *, log: int, inherit: int) -> None:
    """Starts the server and returns immediately. The server inherits the file `inherit`.

    It is detached, in its own session: it outlives us, no key in our terminal reaches it, and it leaves no zombie when
    somebody else stops it.
    """
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": '"' + str(socket_dir).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "logging_collector": "off",
        "log_destination": "stderr",
        "cluster_name": "lapinq",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    folder.owner.run(
        ["/bin/sh", "-c", '"$@" &', "sh", str(binaries.postgres), "-D", str(folder.pgdata), *options],
        cwd=folder.path,
        timeout=30,
        output=log,
        inherit=(inherit,),
    )


# Runs as the owner: in a container root may not inspect other users' processes.
_FIND_PROCESSES = """
for process in /proc/[0-9]*; do
    if [ "$process/cwd" -ef "$1" ]; then
        case $(readlink "$process/exe") in
            */postgres* | */postmaster*) echo "${process#/proc/}" ;;
        esac
    fi
done
"""


def _processes(folder: Folder) -> list[int]:
    """The processes that run PostgreSQL in this directory: the server and its children."""
    found = folder.owner.run(
        ["/bin/sh", "-c", _FIND_PROCESSES, "sh", str(folder.pgdata)], cwd=Path("/"), timeout=30
    )
    return [int(line) for line in found.stdout.splitlines() if line.isdecimal()]


def _listens(named: Postmaster, folder: Folder) -> bool:
    try:
        if not named.socket_dir or not Path(named.data_dir).samefile(folder.pgdata):
            return False
    except OSError:
        return False
    return listener(Path(named.socket_dir), named.port) == Peer(named.pid, folder.owner.uid)
