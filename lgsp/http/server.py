"""How the application is served: limits on request heads, no second access log, and TLS that asks for client certificates."""

import ssl
from pathlib import Path

from aiohttp import web

from lgsp.settings import Settings

_MAX_LINE_BYTES = 8190
_MAX_FIELD_BYTES = 16 * 1024  # Lgsp-Recipients may hold a few hundred codes
_MAX_HEADERS = 64
_KEEPALIVE_S = 75.0


def make_runner(app: web.Application, *, shutdown_grace_s: float) -> web.AppRunner:
    """A runner to be set up and given a site. Its own access log is off: the application writes one line per request."""
    return web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=_KEEPALIVE_S,
        max_line_size=_MAX_LINE_BYTES,
        max_field_size=_MAX_FIELD_BYTES,
        max_headers=_MAX_HEADERS,
        auto_decompress=False,
        shutdown_timeout=shutdown_grace_s,
    )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None when no certificate is configured. With a CA for clients their certificates are asked for and checked, not demanded:
    a caller may bring a token instead."""
    if settings.tls_cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    ca_file: Path | None = settings.tls_client_ca_file
    if ca_file is not None:
        context.load_verify_locations(ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
