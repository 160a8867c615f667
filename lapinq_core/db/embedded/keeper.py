"""Keeps a temporary server for as long as somebody holds its standard input: a program of its own, which no signal to a
test run reaches. When the run ends, in whichever way, it stops the server and removes the folder.

Arguments: the folder, and the directory of PostgreSQL's programs if they are not to be searched for.
"""

import shutil
import signal
import sys
from pathlib import Path

from lapinq_core.db.embedded import EmbeddedDatabase


def keep(directory: Path, pg_bin: Path | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        with EmbeddedDatabase(directory / "data", pg_bin).use() as url:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            sys.stdin.readline()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    folder, *programs = map(Path, sys.argv[1:])
    keep(folder, programs[0] if programs else None)
