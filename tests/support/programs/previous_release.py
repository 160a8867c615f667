"""The previous release, built from its commit: during an upgrade its processes run beside those of this one.

Nothing is installed: its packages come first on `PYTHONPATH`, in the same virtual environment.
"""

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from tests.support.programs.processes import REPOSITORY

COMMIT = "51270d52bfa475734742b9ae176500c1ab9ca542"
"""What it is built from. After a release set it to the commit of the tag: `git rev-parse v2.0.0^{commit}`.

Nothing is released yet: this is the last commit before the baseline of the schema.
"""

PACKAGES = ("lapinq", "lapinq_core", "services", "migrations")


def unpack(folder: Path, commit: str = COMMIT) -> Path:
    """Puts the packages of `commit` into `folder`, and returns it. AssertionError when this clone lacks the commit."""
    done = subprocess.run(
        # Root may run the tests in somebody else's clone.
        ["git", "-c", "safe.directory=*", "archive", "--format=tar", commit, *PACKAGES],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (
        f"commit {commit}, from which the previous release is built, is not in this clone: `git fetch --unshallow`"
        f" gets the whole history ({done.stderr.decode().strip()})"
    )
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """What makes Python import the packages in `folder`, and the tasks of the tests from this clone."""
    places = [folder, folder / "services", folder / "migrations", REPOSITORY]
    return {"PYTHONPATH": os.pathsep.join(map(str, places)), "PYTHONSAFEPATH": "1"}
