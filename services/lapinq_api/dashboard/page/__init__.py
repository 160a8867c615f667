"""What all pages share: frame, texts, formats, static files, and rendering."""
