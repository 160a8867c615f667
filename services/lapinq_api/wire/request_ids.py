"""The key in a request's scope under which the middleware `Entrance` stores its id."""

SCOPE_KEY = "lapinq.request_id"
