"""A plain blocking HTTP client for what is not timed: readiness, tokens, uploads, looking after a delivery."""

import http.client
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.bench.processes import BenchFailed

_TIMEOUT_S = 60.0


class Answer(NamedTuple):
    """`headers` by name in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    token: str = "",
) -> Answer:
    """Raises OSError when nobody answers."""
    connection = connect(port)
    try:
        connection.request(method, path, body, {**(headers or {}), **bearer(token)})
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def ask_well(
    port: int,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    token: str = "",
) -> Answer:
    """Raises BenchFailed unless the answer is 2xx."""
    answer = ask(port, method, path, body, headers, token)
    if answer.status // 100 != 2:
        raise BenchFailed(f"{method} {path}: HTTP {answer.status} {answer.body[:300]!r}")
    return answer


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
