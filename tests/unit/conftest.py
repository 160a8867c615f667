"""Drawn examples have no deadline: a first import or a busy machine would fail one that is right."""

from hypothesis import settings

settings.register_profile("without a deadline", settings(deadline=None))
settings.load_profile("without a deadline")
