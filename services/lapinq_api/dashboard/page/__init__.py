"""What every page shares: its frame, words, texts, static files, and how a view is rendered."""
