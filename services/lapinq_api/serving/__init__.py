"""Below uvicorn: reading, limiting and closing connections."""
