"""A Django project to test `lapinq.contrib.django`: that of `examples/django_shop`, with more tasks and backends."""
