"""The key in a request's scope under which the middleware `RequestId` stores its id."""

SCOPE_KEY = "lapinq.request_id"
