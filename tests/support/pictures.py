"""Comparing pictures."""

from PIL import Image, ImageChops, ImageOps, ImageStat


def assert_same_picture(thumbnail: Image.Image, whole: Image.Image) -> None:
    """Coarsely, for scaling and compression change the details; a turned or another one is far off."""
    coarse = [ImageOps.fit(image, (16, 16), Image.Resampling.BOX) for image in (thumbnail, whole)]
    assert max(ImageStat.Stat(ImageChops.difference(*coarse)).mean) < 10
