"""What a program's log says, without what its tasks are about."""

import re

_RECORD = re.compile(r"\S+Z (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?P<logger>[\w.]+): ")


def own_tracebacks(output: str) -> list[str]:
    """The first lines of the records that have a traceback, but for those on tasks that failed."""
    found: list[str] = []
    record, logger = "", ""
    for line in output.splitlines():
        if start := _RECORD.match(line):
            record, logger = line, start["logger"]
        elif "Traceback" in line and logger != "lapinq.tasks":
            found.append(record or line)
    return found
