"""WebSockets: who watches which page, and the updates they get."""
