"""The base of the images: the one that deploy/Dockerfile names, or one like it made here, where no registry answers.

Made here it is Debian's smallest system with Debian's Python, and with what the official slim image has besides: the
authorities' certificates, time zones, and pip.
"""

import os
import re
import resource
import sys
import tempfile
from pathlib import Path

from tests.deploy.podman import PodmanError, command, podman

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
MADE = "localhost/lapinq-base:trixie"

_SUITES = (
    "deb http://deb.debian.org/debian trixie main",
    "deb http://deb.debian.org/debian trixie-updates main",
    "deb http://deb.debian.org/debian-security trixie-security main",
)
_PACKAGES = "python3,ca-certificates,netbase,tzdata"
_PIP_HOME = "usr/local/lib/python3.13/dist-packages"


def named_base() -> str:
    """The image that the Dockerfile builds on unless told otherwise."""
    found = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert found, "deploy/Dockerfile has no ARG BASE"
    return found[1]


def find_base() -> tuple[str, str]:
    """A base that can be had here, and what is to be said of it."""
    name = named_base()
    try:
        podman("pull", "--quiet", "--retry", "0", name)
    except PodmanError:
        if podman("image", "exists", MADE, check=False).returncode == 0:
            return MADE, f"{MADE}, made before, for no registry answers"
        _make()
        return MADE, f"{MADE}, made of Debian trixie, for no registry answers"
    return name, name


def _make() -> None:
    with tempfile.TemporaryDirectory(prefix="lapinq-base-") as folder:
        tarball = Path(folder) / "base.tar"
        pip = f'"{sys.executable}" -m pip install --quiet --root-user-action=ignore --target "$1/{_PIP_HOME}" pip'
        command(
            *("mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}"),
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "locale", "info")),
            f"--customize-hook={pip}",
            *("trixie", str(tarball), *_SUITES),
        )
        podman(
            *("import", "--quiet", "--change", "CMD=python3"),
            *("--change", "ENV=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            *(str(tarball), MADE),
        )


def of_this_machine() -> list[str]:
    """Options of a build: it believes the authorities that this machine believes, which in some networks are others,
    and has the limits that we have, for it may not be allowed to raise them.
    """
    options: list[str] = []
    if bundle := os.environ.get("SSL_CERT_FILE"):
        options += ["--volume", f"{bundle}:/etc/ssl/certs/ca-certificates.crt:ro"]
    for name, limit in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        _, hard = resource.getrlimit(limit)
        options += ["--ulimit", f"{name}={hard}:{hard}"]
    return options
