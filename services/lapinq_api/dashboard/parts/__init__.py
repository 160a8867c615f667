"""Parts of pages: payloads, timelines, and the words of a search."""
