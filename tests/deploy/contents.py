"""What is in the images, and what isn't."""

import json
from typing import Any

from lapinq_core.domain.version import __version__
from tests.deploy.building import DERIVED, DERIVED_WITH_PACKAGES, TARGETS, name_of, revision
from tests.deploy.podman import inspect, once, podman
from tests.deploy.transcript import Transcript

UNWANTED = (
    *("cc", "gcc", "g++", "clang", "ld", "make", "cargo"),
    *("curl", "wget", "git", "ssh", "nc", "pip", "pip3", "uv", "hatchling"),
)
_LOOK = f"""
import glob, importlib.util, json, os, shutil, stat
marked, writable = [], []
for folder, names, files in os.walk("/", onerror=None):
    names[:] = [name for name in names if os.path.join(folder, name) not in ("/proc", "/sys", "/dev", "/tmp")]
    for path in [os.path.join(folder, name) for name in (*names, *files)]:
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            marked.append(path)
        if not stat.S_ISLNK(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            writable.append(path)
print(json.dumps({{
    "programs": [name for name in {UNWANTED!r} if shutil.which(name)],
    "modules": [name for name in ("pip", "ensurepip", "setuptools", "uv", "hatchling")
                if importlib.util.find_spec(name)],
    "marked": marked,
    "writable": writable,
    "packages": [path for pattern in ("/var/lib/apt/lists/*", "/var/cache/apt/*.bin", "/var/cache/apt/archives/*.deb")
                 for path in glob.glob(pattern) if os.path.isfile(path) and os.path.getsize(path)],
    "app": os.listdir("/app"),
}}))
"""


def look_at_images(transcript: Transcript) -> None:
    """Sizes, layers, labels and what should not be there."""
    known = {target: inspect(name_of(target)) for target in TARGETS}
    layers = {target: tuple(image["RootFS"]["Layers"]) for target, image in known.items()}
    for name in (*map(name_of, TARGETS), DERIVED, DERIVED_WITH_PACKAGES):
        transcript.note(f"{name}: {inspect(name)['Size'] / 1e6:.1f} MB")
    transcript.check(
        "the four images are the same layers",
        f"{len(layers['lapinq'])} of them",
        holds=len(set(layers.values())) == 1,
    )
    history = json.loads(podman("history", "--format", "json", name_of("lapinq")).stdout)
    told = ", ".join(f"{step['size'] / 1e6:.1f}" for step in reversed(history) if step["size"])
    transcript.note(f"from the base on they have {told} MB: tidying, packages, lapinq")
    for target, image in known.items():
        _look_at_config(target, image["Config"], transcript)
        test = image.get("HealthCheck", image.get("Healthcheck", {})).get("Test", [])
        transcript.check(f"{target} has a health check", test, holds=test[:3] == ["CMD", "lapinq", "health"])
    _look_inside(name_of("lapinq-worker"), transcript)


def _look_at_config(target: str, config: dict[str, Any], transcript: Transcript) -> None:
    labels: dict[str, str] = config["Labels"]
    said = [
        labels.get(f"org.opencontainers.image.{key}") for key in ("title", "version", "licenses", "revision")
    ]
    wanted = [target, __version__, "MIT", revision()[0]]
    transcript.check(f"{target} is labelled, and with the commit", said[:3], holds=said == wanted)
    runs = [config.get(key) for key in ("User", "StopSignal", "WorkingDir")]
    transcript.check(f"{target} runs as", runs, holds=runs == ["10001:10001", "SIGTERM", "/app"])
    entry = config["Entrypoint"]
    transcript.check(f"{target} starts", entry, holds="/bin/sh" not in entry)


def _look_inside(image: str, transcript: Transcript) -> None:
    said = once(image, "--version", entrypoint="lapinq").stdout.split()
    transcript.check("lapinq inside says its version", said, holds=said[-1:] == [__version__])
    done = once(image, "-c", _LOOK, entrypoint="python", user="0")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for fact, key in (
        ("no compiler, fetcher or installer", "programs"),
        ("no module that installs", "modules"),
        ("no program that acts for another user", "marked"),
        ("nothing that everybody may write", "writable"),
        ("nothing left of apt", "packages"),
        ("an empty /app", "app"),
    ):
        transcript.check(fact, found[key] or "", holds=not found[key])
