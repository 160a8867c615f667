"""Login, logout, sessions, cookies, and what slows down guessing."""
