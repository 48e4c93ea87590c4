"""/v1/contracts: the kinds of message with their published schemas and examples. Open to everybody: a contract is no secret."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.errors import ContractError
from contracts.kinds import KINDS, Kind
from contracts.signed import Rules, SigningRule
from lgsp.http.answers import json_response
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services

_MEDIA_TYPES = {"json": JSON, "xsd": "application/xml", "xml": "application/xml"}
_CACHED = {"Cache-Control": "public, max-age=300"}


class ContractLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Paths on this hub. `xsd` is null where the XML is defined elsewhere."""

    json_schema: str | None
    xsd: str | None
    examples: list[str]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one kind. A published version never changes."""

    kind: str
    name: str
    version: int
    title_vi: str
    title_en: str
    source: str
    senders: str
    media_types: list[str]
    signed: Annotated[tuple[SigningRule, ...], Meta(description="Which parts must be signed in this hub, and by whom")]
    links: ContractLinks


class ContractList(msgspec.Struct, frozen=True, kw_only=True):
    contracts: list[Contract]


class Contracts:
    def __init__(self, services: Services) -> None:
        policy = services.intake.policy
        self._files = {key: published_files(kind) for key, kind in KINDS.items()}
        self._contracts = {key: _contract(kind, self._files[key], policy.of(key)) for key, kind in KINDS.items()}

    def routes(self) -> tuple[Route, ...]:
        paths = {"kind": "name of the kind, e.g. case.file", "version": "a number, e.g. 1"}
        return (
            Route(
                method="GET",
                path="/v1/contracts",
                name="listContracts",
                tag="Contracts",
                summary="All kinds of message",
                public=self.all,
                answers={200: Answer(description="Every kind and version", media={JSON: ContractList})},
            ),
            Route(
                method="GET",
                path="/v1/contracts/{kind}/{version}",
                name="getContract",
                tag="Contracts",
                summary="One kind of message",
                public=self.one,
                paths=paths,
                answers={200: Answer(description="The contract with links to its schemas and examples", media={JSON: Contract})},
                refusals=("request.not_found",),
            ),
            Route(
                method="GET",
                path="/v1/contracts/{kind}/{version}/{file}",
                name="getContractFile",
                tag="Contracts",
                summary="A schema or an example",
                public=self.file,
                paths={**paths, "file": "as linked from the contract, e.g. schema.json"},
                answers={200: Answer(description="The file", media={JSON: None, "application/xml": None})},
                refusals=("request.not_found",),
            ),
        )

    async def all(self, request: web.Request) -> web.Response:
        return json_response(ContractList(contracts=list(self._contracts.values())), headers=_CACHED)

    async def one(self, request: web.Request) -> web.Response:
        return json_response(self._contracts[self._key(request)], headers=_CACHED)

    async def file(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        octets = self._files[self._key(request)].get(name)
        if octets is None:
            raise ContractError("request.not_found", "file")
        return web.Response(body=octets, headers={"Content-Type": _MEDIA_TYPES[name.rpartition(".")[2]], **_CACHED})

    def _key(self, request: web.Request) -> str:
        key = f"{request.match_info['kind']}/{request.match_info['version']}"
        if key not in self._contracts:
            raise ContractError("request.not_found", "kind")
        return key


def published_files(kind: Kind) -> Mapping[str, bytes]:
    """File name -> octets of what the package carries about this kind; empty when it has not been published."""
    folder = files("contracts") / "schemas" / kind.name / str(kind.version)
    if not folder.is_dir():
        return MappingProxyType({})
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _MEDIA_TYPES}
    return MappingProxyType(dict(sorted(found.items())))


def _contract(kind: Kind, published: Mapping[str, bytes], signed: Rules) -> Contract:
    base = f"/v1/contracts/{kind.key}/"

    def link(name: str) -> str | None:
        return base + name if name in published else None

    return Contract(
        kind=kind.key,
        name=kind.name,
        version=kind.version,
        title_vi=kind.title_vi,
        title_en=kind.title_en,
        source=kind.source,
        senders=kind.senders,
        media_types=sorted(kind.media_types),
        signed=signed,
        links=ContractLinks(
            json_schema=link("schema.json"),
            xsd=link("schema.xsd"),
            examples=[base + name for name in published if name.startswith("example-")],
        ),
    )
