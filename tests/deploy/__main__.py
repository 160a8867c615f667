"""`scripts/image`: builds the images, looks at what is in them, and runs them."""

import os
import platform
import sys
from pathlib import Path

import click

from tests.deploy.base import find_base
from tests.deploy.building import build_again, build_all, build_derived
from tests.deploy.contents import look_at_images
from tests.deploy.podman import PodmanError, command
from tests.deploy.running import run_all_in_one, run_daemons, run_derived
from tests.deploy.setting import new_setting
from tests.deploy.transcript import Transcript


@click.command()
@click.option("--base", help="Image to build on, instead of the one that deploy/Dockerfile names.")
@click.option("--record", type=click.Path(path_type=Path), help="Page to write what was seen to.")
def main(base: str | None, record: Path | None) -> None:
    """Builds the images and tries them; fails if anything is not as it should be."""
    transcript = Transcript()
    try:
        _try_all(base, transcript)
    except (AssertionError, PodmanError) as error:
        transcript.check("the run comes to its end", error, holds=False)
    transcript.part(f"{len(transcript.failed)} failed" if transcript.failed else "All is well")
    if record:
        transcript.save(record)
    sys.exit(bool(transcript.failed))


def _try_all(base: str | None, transcript: Transcript) -> None:
    transcript.part("The machine")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    transcript.note(f"{platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GiB of memory")
    said = [command(program, "--version").stdout for program in ("podman", "buildah", "runc")]
    transcript.note(", ".join(one.splitlines()[0].split(" (")[0] for one in said))
    transcript.part("Building")
    base, said = (base, base) if base else find_base()
    transcript.note(f"base: {said}")
    build_all(base, transcript)
    build_again(base, transcript)
    build_derived(base, transcript)
    transcript.part("What is in them")
    look_at_images(transcript)
    run_derived(transcript)
    with new_setting() as setting:
        run_daemons(setting, transcript)
        run_all_in_one(setting, transcript)


if __name__ == "__main__":
    main()
