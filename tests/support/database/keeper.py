"""Keeps a PostgreSQL for as long as somebody holds its standard input: a program of its own, which no signal to a test
run reaches. When the run ends, in whichever way, it stops the server and removes the folder.

Arguments: the folder, and the programs to run if they are not to be sought.
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
            print(url, flush=True)
            sys.stdin.readline()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    folder, *programs = map(Path, sys.argv[1:])
    keep(folder, programs[0] if programs else None)
