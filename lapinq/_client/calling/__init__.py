"""What the client asks and what it is answered, whatever carries it: calls, answers, the interface of transports."""
