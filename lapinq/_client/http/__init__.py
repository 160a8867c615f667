"""How entries get to a server and results come back: requests, responses, connections, long polls."""
