"""What HTTP counts. Labels are route templates and statuses, so they are few."""

from functools import cache

from prometheus_client import Histogram

_REQUEST_S = Histogram(
    "lgsp_http_request_seconds",
    "Duration of HTTP requests by route and status; long polls wait on purpose",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})

_child = cache(_REQUEST_S.labels)


def observe(method: str, route: str, status: int, took_s: float) -> None:
    """`route` is a template; methods we do not serve count as one."""
    _child(method if method in _METHODS else "other", route, str(status)).observe(took_s)
