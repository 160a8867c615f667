"""Where the id of a request stands in its scope: the middleware `RequestId` puts it there."""

SCOPE_KEY = "lapinq.request_id"
