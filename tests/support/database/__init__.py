"""PostgreSQL servers, private databases, and what stands between them and a program."""
