"""Builds the images, and those that users derive from them as docs/operate/containers.md shows it."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lapinq_core.domain.version import __version__
from tests.deploy.base import DOCKERFILE, ROOT, of_this_machine
from tests.deploy.podman import command, inspect, podman
from tests.deploy.transcript import Transcript

TARGETS = ("lapinq-api", "lapinq-worker", "lapinq-scheduler", "lapinq")
PAGE = ROOT / "docs" / "operate" / "containers.md"
APP = Path(__file__).parent / "app"
DERIVED = "localhost/shop-worker"
DERIVED_WITH_PACKAGES = "localhost/shop-worker-with-packages"
FILE_TIME = 1580601600
"""Of every file in the images, whatever the commit, so that layers that were built before can be used again."""


def name_of(target: str) -> str:
    """The image's name, as it is published."""
    return f"ghcr.io/lapinq/{target}:{__version__}"


def build_all(base: str, transcript: Transcript) -> None:
    """Builds every target on that base."""
    for target in TARGETS:
        with transcript.timed(f"build {target}"):
            _build(ROOT, DOCKERFILE, name_of(target), base=base, target=target)


def build_again(base: str, transcript: Transcript) -> None:
    """Builds one of them without what was built before; the layers must be the same, to the byte."""
    again = "localhost/lapinq-again"
    with transcript.timed("build lapinq-worker again, from nothing"):
        _build(ROOT, DOCKERFILE, again, base=base, target="lapinq-worker", anew=True)
    first, second = (inspect(name)["RootFS"]["Layers"] for name in (name_of("lapinq-worker"), again))
    same = sum(one == other for one, other in zip(first, second, strict=False))
    transcript.check("the layers are the same", f"{same} of {len(first)}", holds=first == second)


def build_derived(base: str, transcript: Transcript) -> None:
    """Builds a user's worker of two lines, and one with packages of its own."""
    two_lines, with_packages = snippets()
    with transcript.timed(f"build a worker of one's own: {' / '.join(two_lines.splitlines())}"):
        _build_from(two_lines, DERIVED)
    with _uv_provided(with_packages, base), transcript.timed("build one with packages of its own"):
        _build_from(with_packages, DERIVED_WITH_PACKAGES)


def snippets() -> Sequence[str]:
    """The Dockerfiles that the page shows."""
    found = re.findall(r"^```dockerfile\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(found) >= 2, f"{PAGE} shows no Dockerfile"
    return found[:2]


def revision() -> tuple[str, str]:
    """The commit and its time in seconds since 1970; of no clone, nothing and 0."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%H %ct"], capture_output=True, text=True, check=False
    )
    commit, _, seconds = done.stdout.strip().partition(" ")
    return commit, seconds or "0"


def _build(
    context: Path,
    dockerfile: Path,
    name: str,
    *,
    base: str | None = None,
    target: str | None = None,
    anew: bool = False,
) -> None:
    commit, seconds = revision()
    created = datetime.fromtimestamp(int(seconds), UTC).isoformat()
    facts = {"BASE": base, "VERSION": __version__, "REVISION": commit, "CREATED": created} if base else {}
    command(
        *("buildah", "build", "--quiet", "--format", "docker", "--layers", "--pull=never"),
        *("--network", "host", "--isolation", "chroot", "--timestamp", str(FILE_TIME)),
        *of_this_machine(),
        *(f"--build-arg={key}={value}" for key, value in facts.items()),
        *(["--target", target] if target else []),
        *(["--no-cache"] if anew else []),
        *("--file", str(dockerfile), "--tag", name, str(context)),
    )


def _build_from(text: str, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="lapinq-shop-") as folder:
        context = Path(folder)
        shutil.copytree(APP, context, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        (context / "Dockerfile").write_text(text)
        _build(context, context / "Dockerfile", name)


@contextmanager
def _uv_provided(text: str, base: str) -> Generator[None]:
    """The builder has the image of uv that the page names; where no registry answers, one made of PyPI's uv."""
    found = re.search(r"from=(ghcr\.io/astral-sh/uv:[\w.]+)", text)
    assert found, "the second Dockerfile names no image of uv"
    if podman("pull", "--quiet", "--retry", "0", found[1], check=False).returncode == 0:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="lapinq-uv-") as folder:
        file = Path(folder) / "Dockerfile"
        tools = "localhost/lapinq-tools"
        _build(ROOT, DOCKERFILE, tools, base=base, target="tools")
        file.write_text(f"FROM {tools} AS tools\nFROM scratch\nCOPY --from=tools /tools/bin/uv /uv\n")
        _build(Path(folder), file, found[1])
    try:
        yield
    finally:
        podman("untag", found[1], check=False)
