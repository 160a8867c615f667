"""A page that shows the thumbnails."""

from html import escape
from pathlib import Path

from ..files import replacing
from .tasks import Photo


def write_gallery(photos: list[Photo], folder: Path) -> Path:
    """Write `index.html` into the folder of the thumbnails."""
    page = folder / "index.html"
    figures = "\n".join(_figure(photo) for photo in photos)
    with replacing(page) as part:
        part.write_text(f"{_HEAD}\n{figures}\n", encoding="utf-8")
    return page


def _figure(photo: Photo) -> str:
    smallest = photo["thumbnails"][0]
    choices = ", ".join(f"{escape(each['file'])} {each['width']}w" for each in photo["thumbnails"])
    about = [photo["name"], f"{photo['width']} × {photo['height']}", photo["camera"], photo["taken"]]
    caption = " · ".join(escape(fact) for fact in about if fact)
    return (
        f'<figure><img src="{escape(smallest["file"])}" srcset="{choices}" sizes="20rem" alt="">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


_HEAD = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Thumbnails</title>
<style>
  body { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem; font: 0.8rem/1.4 system-ui, sans-serif }
  figure { margin: 0; width: 20rem }
  img { width: 100%; height: 14rem; object-fit: cover; border-radius: 0.4rem }
</style>"""
