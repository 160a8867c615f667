"""Parts of pages: payloads, timelines, and the syntax of the search box."""
