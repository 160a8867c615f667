"""Under uvicorn: how connections are read, bounded and closed."""
