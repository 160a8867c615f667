"""What is published is of one version, and is refused where nothing says what changed."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from lapinq_core.domain.version import __version__
from scripts import changelog
from tests.support.programs.packages import ROOT

pytestmark = pytest.mark.slow

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def files(*places: str) -> Iterator[Path]:
    """The text files there."""
    for place in places:
        path = ROOT / place
        yield from (
            [path]
            if path.is_file()
            else (
                each
                for each in path.rglob("*")
                if each.suffix in {".py", ".sql", ".toml", ".yml", ".yaml", ".html", ".js", ".md", ""}
                and each.is_file()
                and "__pycache__" not in each.parts
            )
        )


# The version


def test_the_version_stands_in_one_place() -> None:
    code = files("lapinq", "lapinq_core", "services", "migrations", "scripts", ".github", "pyproject.toml")
    repeated = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w.])")
    assert [str(path.relative_to(ROOT)) for path in code if repeated.search(path.read_text())] == [
        "lapinq_core/domain/version.py"
    ]


def test_images_that_are_named_are_those_of_this_version() -> None:
    # A manifest and a page can't look it up, so they are found here when the version moves.
    named = {
        (str(path.relative_to(ROOT)), version)
        for path in files("deploy", "docs", "compose.yaml", "README.md")
        for version in re.findall(
            r"(?:lapinq/lapinq[a-z-]*:|newTag: \"?)(\d+\.\d+\.\d+\w*)",
            path.read_text() if path.exists() else "",
        )
    }
    assert {pair for pair in named if pair[1] != __version__} == set()


def test_the_version_is_written_as_the_index_writes_it() -> None:
    assert str(Version(__version__)) == __version__
    assert Version(__version__).local is None


# The changelog


def test_the_changelog_goes_from_the_newest_to_the_oldest() -> None:
    names = [name for name, _ in changelog.sections(CHANGELOG)]
    assert names.count("Unreleased") == (1 if names[0] == "Unreleased" else 0)
    versions = [Version(name) for name in names if name != "Unreleased"]
    assert versions == sorted(set(versions), reverse=True)
    assert versions[0] == Version(__version__)


def test_the_notes_are_what_stands_below_the_version() -> None:
    text = "# Changelog\n\n## [2.1.0] - 2027-01-31\n\n### Added\n\n- More.\n\n## [2.0.0]\n\n- All.\n"
    assert changelog.sections(text) == [("2.1.0", "### Added\n\n- More."), ("2.0.0", "- All.")]
    assert changelog.notes(text, "2.1.0") == "### Added\n\n- More."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("## [Unreleased]\n\n- More.\n\n## [2.1.0]\n\n- All.\n", r"begins with \[Unreleased\]"),
        ("## [2.0.0]\n\n- All.\n", r"begins with \[2.0.0\]"),
        ("## [2.1.0]\n\n## [2.0.0]\n\n- All.\n", "has no entries for 2.1.0"),
        ("", "begins with"),
    ],
)
def test_a_version_of_which_nothing_is_said_is_not_released(text: str, reason: str) -> None:
    with pytest.raises(LookupError, match=reason):
        changelog.notes(text, "2.1.0")


# The script


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the last commit, whose changelog begins with the version."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no clone to clone from")
    place = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(ROOT), str(place))
    path = place / "CHANGELOG.md"
    path.write_text(f"# Changelog\n\n## [{__version__}]\n\n- All.\n\n" + path.read_text().partition("\n")[2])
    commit(place)
    return place


def git(cwd: Path, *arguments: str) -> None:
    names = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(["git", *names, *arguments], cwd=cwd, check=True, capture_output=True)


def commit(clone: Path) -> None:
    git(clone, "commit", "--quiet", "--all", "--message", "Change")


def refusal(clone: Path, tag: str) -> str:
    done = subprocess.run([clone / "scripts/release", tag], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert not (clone / "dist").exists()
    return done.stderr


def test_another_tag_than_the_versions_is_refused(clone: Path) -> None:
    assert f"the tag is v9.9.9, but lapinq_core/domain/version.py says {__version__}" in refusal(
        clone, "v9.9.9"
    )


def test_changes_that_are_not_committed_are_refused(clone: Path) -> None:
    (clone / "new.txt").touch()
    assert "changes that are not committed" in refusal(clone, f"v{__version__}")


def test_a_changelog_that_is_not_ready_is_refused(clone: Path) -> None:
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- More.\n")
    commit(clone)
    assert "begins with [Unreleased]" in refusal(clone, f"v{__version__}")
