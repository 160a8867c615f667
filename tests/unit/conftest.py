"""Drawn examples have no deadline: a first import or a busy machine would fail one that is right."""

from hypothesis import settings

from tests.support.tries import tries

settings.register_profile("lapinq", settings(deadline=None, max_examples=tries(100)))
settings.load_profile("lapinq")
