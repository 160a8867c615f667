"""`python -m examples.thumbnails`: enqueue a task for each photograph, and make a page of the results."""

import sys
from pathlib import Path

from ..running import TaskFailed, options, run, value_of


def main() -> None:
    """Enqueue everything first, then wait, so the workers share the photographs."""
    parser = options("thumbnails", "Make thumbnails of photographs.")
    parser.add_argument(
        "photos", nargs="?", type=Path, help="a folder of photographs; by default some samples"
    )
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[160, 320, 640], help="in pixels [%(default)s]"
    )
    given = parser.parse_args()

    # Import here, so `run` can report a missing Pillow.
    from .gallery import write_gallery
    from .photographs import photographs
    from .tasks import Photo, make_thumbnails, queue

    queue.server_url, queue.api_key = given.server_url, given.api_key
    folder = given.folder.resolve()  # the worker may run in another directory
    chosen = photographs(given.photos)
    refs = [make_thumbnails.queue(str(photo), str(folder), given.sizes) for photo in chosen]

    made: list[Photo] = []
    for photo, ref in zip(chosen, refs, strict=True):
        try:
            made.append(value_of(ref.wait(given.timeout)))
        except TaskFailed as error:
            print(f"{photo.name}: {error}", file=sys.stderr)
        else:
            print(f"{photo.name}: {', '.join(each['file'] for each in made[-1]['thumbnails'])}")
    print(write_gallery(made, folder))
    if len(made) < len(chosen):
        sys.exit(1)


if __name__ == "__main__":
    run(main)
