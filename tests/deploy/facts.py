"""What a run ran on."""

import os
import platform

from tests.deploy.podman import command


def machine() -> list[str]:
    """Lines for a reader who compares figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    programs = ("podman --version", "buildah --version", "runc --version")
    versions = [command(*program.split()).stdout.splitlines()[0].split(" (")[0] for program in programs]
    return [f"{platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GiB of memory", ", ".join(versions)]
