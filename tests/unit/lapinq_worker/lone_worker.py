"""A program with children that run for ever, to be killed: `python -m tests.unit.lapinq_worker.lone_worker PATH`.

Writes the ids of its two children to the file: one that runs a function, one that is idle.
"""

import asyncio
import sys
from pathlib import Path

from lapinq_core.domain.tasks.outcome import Completed
from tests.support.sample import tasks
from tests.unit.lapinq_worker.claims import make_job
from tests.unit.lapinq_worker.workbench import processes


async def main(path: Path) -> None:
    async with processes(limit=2) as bench:
        await bench.run(make_job(tasks.process_id), make_job(tasks.process_id))
        bench.dispatcher.offer([make_job(tasks.spin)])
        written = path.with_suffix(".new")
        written.write_text(" ".join(pid.result for pid in bench.outcomes if isinstance(pid, Completed)))
        written.rename(path)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
