"""Containers as this run starts them: with podman and runc, on the host's network, and with no more than they need.

That is what docs/operate/containers.md advises: a root file system that can't be written to, no capabilities, no way to
get any, and an ordinary user.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

STOP_SECONDS = 45
_CONFINED = (
    *("--network", "host", "--cgroups", "enabled"),
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,size=64m,mode=1777"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
    *("--pull", "never", "--stop-timeout", str(STOP_SECONDS)),
)
# Without systemd there are no timers for health checks: they are asked for here, by hand.
_ENVIRONMENT = {**os.environ, "DISABLE_HC_SYSTEMD": "true"}


class PodmanError(Exception):
    """A command failed; the message has what it said."""


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`podman ARGUMENTS`; raises PodmanError when it fails, unless told not to `check`."""
    return command("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", *arguments, check=check)


def command(*words: str, check: bool = True, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
    """Runs a program; raises PodmanError when it fails, unless told not to `check`."""
    done = subprocess.run(
        words, capture_output=True, text=True, env=_ENVIRONMENT, timeout=timeout, check=False
    )
    if check and done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise PodmanError(f"{' '.join(words[:6])} … ended with {done.returncode}:\n" + "\n".join(said[-40:]))
    return done


def inspect(image: str) -> dict[str, Any]:
    """What podman knows of an image."""
    return json.loads(podman("image", "inspect", image).stdout)[0]


def once(
    image: str, *arguments: str, entrypoint: str = "", user: str = "10001", **given: Any
) -> subprocess.CompletedProcess[str]:
    """Runs a container to its end. `given` are `env` and `volumes`, as for `Container`."""
    named = ["--entrypoint", json.dumps([entrypoint])] if entrypoint else []
    return podman(
        *("run", "--rm", "--user", user),
        *_CONFINED,
        *named,
        *_options(**given),
        image,
        *arguments,
        check=False,
    )


def _options(env: Mapping[str, str] | None = None, volumes: Mapping[Path, str] | None = None) -> list[str]:
    named = [word for name, value in (env or {}).items() for word in ("--env", f"{name}={value}")]
    return named + [word for path, at in (volumes or {}).items() for word in ("--volume", f"{path}:{at}:ro")]


class Container:
    """A running container; as a context manager it is removed at the end."""

    def __init__(
        self,
        image: str,
        *arguments: str,
        env: Mapping[str, str],
        volumes: Mapping[Path, str],
    ) -> None:
        self.image = image
        self.id = podman(
            "run", "--detach", *_CONFINED, *_options(env, volumes), image, *arguments
        ).stdout.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        podman("rm", "--force", "--time", "0", self.id, check=False)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a program inside, as its user."""
        return podman("exec", self.id, *words, check=False)

    def is_healthy(self) -> bool:
        """Its HEALTHCHECK, asked now."""
        return podman("healthcheck", "run", self.id, check=False).returncode == 0

    def is_running(self) -> bool:
        return self._state()["Status"] == "running"

    def stop(self) -> tuple[int, float]:
        """Sends SIGTERM, and SIGKILL after the grace; returns the exit code and the seconds it took."""
        started = time.monotonic()
        podman("stop", self.id)
        return self._state()["ExitCode"], time.monotonic() - started

    def memory(self) -> str:
        """What its control group uses, as podman tells it."""
        stats = podman("stats", "--no-stream", "--format", "{{.MemUsage}}", self.id, check=False)
        return stats.stdout.partition("/")[0].strip() or "unknown"

    def log(self, lines: int = 15) -> str:
        """The end of what it wrote."""
        logs = podman("logs", "--tail", str(lines), self.id, check=False)
        return (logs.stdout + logs.stderr).strip()

    def _state(self) -> dict[str, Any]:
        return json.loads(podman("inspect", "--format", "{{json .State}}", self.id).stdout)


def zombies(container: Container) -> Sequence[str]:
    """The processes inside that ended and were not reaped."""
    script = (
        "import pathlib\n"
        "for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):\n"
        "    try: text = stat.read_text()\n"
        "    except OSError: continue\n"
        "    if text.rpartition(')')[2].split()[0] == 'Z': print(text.partition(')')[0] + ')')\n"
    )
    return container.run("python", "-c", script).stdout.splitlines()
