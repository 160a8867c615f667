"""The routes of the REST API, a file a subject. A handler decodes, calls one verb, encodes."""
