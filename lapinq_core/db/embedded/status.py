"""The status of a data directory, seen from outside, without changing or waiting for anything."""

import os
from dataclasses import dataclass
from pathlib import Path

from lapinq_core.db.embedded.cluster import cluster_major
from lapinq_core.db.embedded.folder import Folder
from lapinq_core.db.embedded.lease import USERS
from lapinq_core.db.embedded.locks import Holder, holders
from lapinq_core.db.embedded.postmaster import recorded
from lapinq_core.db.embedded.probe import NotAnswering, ask
from lapinq_core.db.embedded.server import Server


@dataclass(frozen=True, slots=True)
class Status:
    """The state of an embedded database.

    `state` is `running`, `stopped`, or between them `starting` or `stopping`. `version` is the server's, or while it is
    stopped the major version of its files; `size` is that of the files in bytes.
    """

    state: str
    data_dir: Path
    url: str | None = None
    version: str | None = None
    pid: int | None = None
    users: tuple[Holder, ...] = ()
    kept: bool = False
    size: int = 0
    log: Path | None = None

    @property
    def running(self) -> bool:
        return self.state == "running"


def status_of(folder: Folder) -> Status:
    major = cluster_major(folder.pgdata)
    users = folder.open(USERS)
    try:
        used_by = holders(users)
    finally:
        os.close(users)
    state, version, url, pid = "stopped", str(major) if major else None, None, None
    if not Server(folder, None).is_gone():
        server = recorded(folder.pgdata)
        pid = server.pid if server else None
        try:
            answer = ask(folder.pgdata)
            state, version, url = "running", answer.version, answer.url
        except NotAnswering:
            state = "stopping" if server and server.status == "stopping" else "starting"
    return Status(
        state=state,
        data_dir=folder.path,
        url=url,
        version=version,
        pid=pid,
        users=used_by,
        kept=folder.keep.exists(),
        size=_size(folder.pgdata),
        log=folder.log,
    )


def _size(directory: Path) -> int:
    total = 0
    for place, _, files in os.walk(directory):
        for name in files:
            try:
                total += os.lstat(f"{place}/{name}").st_blocks * 512
            except FileNotFoundError:  # a running server removes files
                continue
    return total
