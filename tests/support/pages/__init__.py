"""The dashboard in a browser, and its texts."""
