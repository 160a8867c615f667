"""Builds the application: routes, the middleware around them, and the lifespan."""

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from lapinq_api import dashboard
from lapinq_api.auth.startup_warnings import warn_of_risky_settings
from lapinq_api.dashboard.page import unavailable
from lapinq_api.embedded.service_runner import EmbeddedService
from lapinq_api.lifespan import make_lifespan
from lapinq_api.middleware.access_log import AccessLog
from lapinq_api.middleware.authentication import Authentication
from lapinq_api.middleware.cors import Cors
from lapinq_api.middleware.entrance import Entrance
from lapinq_api.middleware.error_responses import ErrorResponses
from lapinq_api.middleware.guard import Guard
from lapinq_api.middleware.proxy_headers import ProxyHeaders
from lapinq_api.middleware.rate_limit import RateLimit
from lapinq_api.middleware.timing import Timing
from lapinq_api.operations.endpoint import routes_for
from lapinq_api.operations.fixed_paths import FixedPaths
from lapinq_api.routes import OPERATIONS
from lapinq_api.state import State
from lapinq_core.domain.hosts.networks import read_networks
from lapinq_core.domain.hosts.origins import read_origins
from lapinq_core.runtime.settings import Settings


def build_app(
    settings: Settings,
    *,
    services: Sequence[EmbeddedService] = (),
    url: str | None = None,
    migrates: bool = False,
    shares_port: bool = False,
    has_random_secret: bool = False,
) -> Starlette:
    """The API and the dashboard on the database that `settings` names.

    The lifespan runs `services` beside the requests. With `migrates` it updates the schema at the start. Otherwise it
    waits until somebody updates it, and answers 503 until then. `url` is where our own server listens, None under
    another one. `shares_port`: other processes serve the same address. `has_random_secret`: the session secret in the
    settings lasts only until a restart.
    """
    state = State(settings, url=url, shares_port=shares_port, has_random_secret=has_random_secret)
    warn_of_risky_settings(settings)
    middleware = [Middleware(Timing, (state.counters.answered, AccessLog()))]
    if settings.trusted_proxies:
        middleware.append(Middleware(ProxyHeaders, read_networks(settings.trusted_proxies)))
    middleware.append(Middleware(Entrance, settings.hsts))
    if settings.cors_origins:
        middleware.append(Middleware(Cors, read_origins(settings.cors_origins)))
    if settings.rate_limit:
        middleware.append(Middleware(RateLimit, settings.rate_limit))
    middleware += [
        # Errors raised below become responses here, so the layers above add their headers to them, too.
        Middleware(ErrorResponses),
        Middleware(Guard, state),
        Middleware(Authentication, state, unavailable.page_for),
    ]
    app = _Application(
        routes=[*routes_for(OPERATIONS, state), *dashboard.routes(state)],
        middleware=middleware,
        lifespan=make_lifespan(state, services, migrates=migrates),
    )
    app.router.redirect_slashes = False
    app.state.stop_is_forced = asyncio.Event()
    app.state.shared = state
    return app


def announce_stop(app: Starlette) -> None:
    """Ends requests that only wait for something, because the application is about to stop."""
    shared: State = app.state.shared
    shared.stopping.set()


def force_stop(app: Starlette) -> None:
    """Makes the embedded services of a stopping application end without waiting for their work."""
    app.state.stop_is_forced.set()


class _Application(Starlette):
    """Starlette without its two error layers: `ErrorResponses` replaces them, also for the router's errors."""

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = FixedPaths(self.router)
        for layer, args, kwargs in reversed(self.user_middleware):
            app = layer(app, *args, **kwargs)
        return app
