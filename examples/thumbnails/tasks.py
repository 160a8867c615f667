"""The task: make several thumbnails of one photograph. A plain function, because it uses the CPU."""

from pathlib import Path
from typing import TypedDict

from PIL import ExifTags, Image, ImageOps

from lapinq import TaskQueue

from ..files import replacing

queue = TaskQueue(queue_name="thumbnails")


class Thumbnail(TypedDict):
    """A written file; `file` is its name in the folder."""

    file: str
    width: int
    height: int
    bytes: int


class Photo(TypedDict):
    """Facts about a photograph, turned upright. Tasks return JSON values."""

    name: str
    width: int
    height: int
    camera: str | None
    taken: str | None
    thumbnails: list[Thumbnail]


@queue.task(max_retries=1, retry_delay=1)
def make_thumbnails(photo: str, folder: str, sizes: list[int]) -> Photo:
    """Fit the photograph into a square of each of `sizes` pixels, never enlarging it."""
    path = Path(photo)
    with Image.open(path) as image:
        exif = image.getexif()
        # Cameras store rotated pictures and note the rotation in the metadata. Thumbnails have no metadata (it
        # may contain the location), so turn the picture itself.
        upright = _opaque(ImageOps.exif_transpose(image))
    return {
        "name": path.name,
        "width": upright.width,
        "height": upright.height,
        "camera": _text(exif.get(ExifTags.Base.Model)),
        "taken": _text(exif.get(ExifTags.Base.DateTime)),
        "thumbnails": [
            _save(upright, size, Path(folder, f"{path.stem}-{size}.jpg")) for size in sorted(sizes)
        ],
    }


def _opaque(image: Image.Image) -> Image.Image:
    """Replace transparency with white: JPEG has none."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    background = Image.new("RGBA", image.size, "white")
    background.alpha_composite(image.convert("RGBA"))
    return background.convert("RGB")


def _save(upright: Image.Image, size: int, target: Path) -> Thumbnail:
    small = upright.copy()
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    with replacing(target) as part:
        small.save(part, "JPEG", quality=85, progressive=True)
    return {
        "file": target.name,
        "width": small.width,
        "height": small.height,
        "bytes": target.stat().st_size,
    }


def _text(value: object) -> str | None:
    """Strip the NULs and blanks that cameras pad their fields with."""
    return str(value).partition("\0")[0].strip() or None if value is not None else None
