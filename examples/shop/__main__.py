"""`python -m examples.shop`: the shop on http://127.0.0.1:8000, in the database `DATABASE_URL`."""

import os
import sys

from ..running import run


def main() -> None:
    """Serve the shop until Ctrl-C."""
    if not os.environ.get("DATABASE_URL"):
        sys.exit("set DATABASE_URL to a PostgreSQL database, such as postgresql+psycopg://localhost/shop")

    # Import here, so `run` can report a missing FastAPI.
    import uvicorn

    from .app import app

    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))


if __name__ == "__main__":
    run(main)
