"""The addresses of dashboards, for the admin."""

from __future__ import annotations

from django import template

from lapinq.contrib.django.configured import lapinq_backends

register = template.Library()


@register.simple_tag
def lapinq_dashboards() -> list[str]:
    """The dashboards of the backends, each once."""
    return sorted({backend.dashboard_url for backend in lapinq_backends() if backend.dashboard_url})
