"""The route table: one value per operation. The router and the OpenAPI document are both made from it, so they cannot differ."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from lgsp.core.directory import Agency
from lgsp.http.reading import Query

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AgencyHandler = Callable[[web.Request, Agency], Awaitable[web.StreamResponse]]

JSON, JOSE, XML = "application/json", "application/jose", "application/xml"


@dataclass(frozen=True, slots=True)
class Lines:
    """In the place of a type: text with one such JSON document a line (NDJSON)."""

    of: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A request header. `schema` is a type that msgspec can describe."""

    name: str
    description: str
    schema: Any = str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request carries: media type -> type (None: any octets)."""

    media: Mapping[str, Any]
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What comes back: media type -> type (None: any octets; empty mapping: no body). `headers`: name -> meaning."""

    description: str
    media: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation. Exactly one of `agency` (the caller is authenticated first) and `public` handles it.

    `path` in aiohttp's form; `paths` explains its variables; `refusals` are catalogue codes beyond those every route may give.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    agency: AgencyHandler | None = None
    public: Handler | None = None
    description: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    query: tuple[Query[Any], ...] = ()
    headers: tuple[Header, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
