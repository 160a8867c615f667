"""A small shop: FastAPI, SQLAlchemy and lapinq in one process."""
