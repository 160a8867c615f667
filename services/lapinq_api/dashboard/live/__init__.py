"""The sockets: who watches what, and what they are sent."""
