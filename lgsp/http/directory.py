"""/v1/agencies: who is connected, by code and name. Addresses, secrets and grants belong to an agency alone and are not here."""

from bisect import bisect_left
from datetime import date
from difflib import get_close_matches
from typing import Annotated, NamedTuple

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from contracts.agency import MAX_CODE_CHARS
from contracts.errors import ContractError
from contracts.text import search_key
from lgsp.core.directory import Agency, Alias, Directory, Level
from lgsp.http.answers import json_response
from lgsp.http.reading import Query
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services


class PublicAgency(msgspec.Struct, frozen=True, kw_only=True):
    """An agency as everybody may know it. `delivery`: pushed to its system, or fetched by it from its mailbox."""

    code: str
    name_vi: str
    name_en: str
    level: Level
    parent: str | None
    aliases: tuple[Alias, ...]
    closed_on: date | None
    successors: tuple[str, ...]
    delivery: Annotated[str, Meta(extra_json_schema={"enum": ["push", "mailbox"]})]
    receives_at: Annotated[str, Meta(description="Address of the endpoint; told to the agency itself only")] | UnsetType = UNSET


class AgencyPage(msgspec.Struct, frozen=True, kw_only=True):
    """In the order of codes. `next_after` is the `after` of the next page; null on the last."""

    agencies: list[PublicAgency]
    next_after: str | None
    directory_version: int


class _Entry(NamedTuple):
    code: str
    haystack: str
    agency: Agency


SEARCH = Query(
    "search",
    Annotated[str, Meta(max_length=200)],
    "",
    "words of the name, with or without Vietnamese marks, or part of a code, also of an earlier one",
)
LIMIT = Query("limit", Annotated[int, Meta(ge=1, le=1000)], 100, "at most so many agencies")
AFTER = Query("after", Annotated[str, Meta(max_length=MAX_CODE_CHARS)], "", "only codes that sort after this one")
_NEIGHBOURS = 200  # of an unknown code, to either side: where codes that were meant instead are looked for


class Agencies:
    def __init__(self, services: Services) -> None:
        self._directory = services.directory
        self._clock = services.clock
        self._entries: tuple[_Entry, ...] = ()
        self._entries_of: Directory | None = None

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/v1/agencies",
                name="listAgencies",
                tag="Directory",
                summary="Agencies by name or code",
                agency=self.page,
                query=(SEARCH, LIMIT, AFTER),
                answers={200: Answer(description="A page of agencies", media={JSON: AgencyPage})},
                refusals=("request.field_invalid",),
            ),
            Route(
                method="GET",
                path="/v1/agencies/{code}",
                name="getAgency",
                tag="Directory",
                summary="One agency by any of its codes",
                agency=self.one,
                paths={"code": "a code of any scheme, current or former"},
                answers={200: Answer(description="The agency", media={JSON: PublicAgency})},
                refusals=("agency.unknown",),
            ),
        )

    async def page(self, request: web.Request, caller: Agency) -> web.Response:
        search, limit, after = SEARCH.read(request), LIMIT.read(request), AFTER.read(request)
        words = search_key(search).split()
        directory = self._directory.current
        found = [
            entry.agency
            for entry in self._index(directory)
            if entry.code > after and all(word in entry.haystack for word in words)
        ]
        more = len(found) > limit
        page = AgencyPage(
            agencies=[public(agency) for agency in found[:limit]],
            next_after=found[limit - 1].code if more else None,
            directory_version=directory.version,
        )
        return json_response(page)

    async def one(self, request: web.Request, caller: Agency) -> web.Response:
        agency = self._directory.current.known_as(request.match_info["code"], self._clock().date())
        if agency is None:
            raise ContractError("agency.unknown", "code", self._near(request.match_info["code"]))
        told = public(agency)
        if agency.endpoint is not None and agency.code == caller.code:
            told = msgspec.structs.replace(told, receives_at=agency.endpoint.url)
        return json_response(told)

    def _near(self, code: str) -> str:
        """Codes that were probably meant. Only among the neighbours in the order of codes: a directory may hold ten thousand."""
        index = self._index(self._directory.current)
        place = bisect_left(index, code, key=lambda entry: entry.code)
        neighbours = [entry.code for entry in index[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]]
        near = get_close_matches(code[:MAX_CODE_CHARS], neighbours, n=3)
        return f"near matches: {', '.join(near)}" if near else ""

    def _index(self, directory: Directory) -> tuple[_Entry, ...]:
        """Made once for each version of the directory: folding ten thousand names takes longer than looking through them."""
        if self._entries_of is not directory:
            self._entries = tuple(_entry(directory.agencies[code]) for code in sorted(directory.agencies))
            self._entries_of = directory
        return self._entries


def _entry(agency: Agency) -> _Entry:
    texts = (agency.code, agency.name_vi, agency.name_en, *(alias.code for alias in agency.aliases))
    return _Entry(agency.code, search_key(" ".join(texts)), agency)


def public(agency: Agency) -> PublicAgency:
    return PublicAgency(
        code=agency.code,
        name_vi=agency.name_vi,
        name_en=agency.name_en,
        level=agency.level,
        parent=agency.parent,
        aliases=agency.aliases,
        closed_on=agency.closed_on,
        successors=agency.successors,
        delivery="mailbox" if agency.endpoint is None else "push",
    )
