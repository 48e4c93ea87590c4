"""The evidence log for everybody: checkpoint, tiles, keys and proofs (C2SP tlog-tiles); its entries for those who may read them.

Nothing beyond the published checkpoint is shown, so that whoever fetched that finds all it speaks of and nothing it does not.
"""

from base64 import b64encode
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.errors import ContractError
from contracts.receipt import LogEntry
from lgsp.core.directory import Agency
from lgsp.core.log.merkle import ProofInvalid
from lgsp.core.log.tile_paths import ENTRIES, Tile, TileInvalid, encode_entries, parse_path
from lgsp.core.log.tiles import Span
from lgsp.core.receipts import log_entry
from lgsp.errors import Unavailable
from lgsp.flow import log_proofs
from lgsp.flow.log_keeper import LogForked
from lgsp.http.answers import json_response
from lgsp.http.lookup import PATH, PATHS, Lookup
from lgsp.http.parties import is_operator
from lgsp.http.reading import MAX_ID, Query
from lgsp.http.routes import JSON, Answer, Route
from lgsp.http.services import Services
from lgsp.ports import Checkpoint

TEXT, OCTETS = "text/plain; charset=utf-8", "application/octet-stream"
_FULL = "public, max-age=31536000, immutable"
_PARTIAL = "public, max-age=3600"
_SIZE = Annotated[int, Meta(ge=0, le=MAX_ID)]
FROM = Query("from", _SIZE, 0, "size of the smaller tree")
TO: Query[int | None] = Query("to", _SIZE | None, None, "size of the larger tree; default: that of the published checkpoint")


class NotPublished(Unavailable):
    """It is on record; the next checkpoint speaks of it."""

    code = "log.not_published"
    retry_after_s = 1


class ConsistencyProof(msgspec.Struct, frozen=True, kw_only=True):
    """That the tree of `to` entries begins with that of `from`: RFC 6962, 2.1.2. Hashes are base64, the first one first."""

    from_size: int = msgspec.field(name="from")
    to_size: int = msgspec.field(name="to")
    from_root: str
    to_root: str
    hashes: list[str]


class TimeStamp(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 3161 over the checkpoint as it stands in the proof, byte for byte. `token`: base64 of the DER."""

    authority: str
    token: str


class EnvelopeProof(msgspec.Struct, frozen=True, kw_only=True):
    """What shows to anybody that the hub has had the envelope on record: in a checkpoint that witnesses have seen, too."""

    log: LogEntry
    time_stamps: list[TimeStamp]


class LogRoutes:
    def __init__(self, services: Services) -> None:
        self._store = services.log
        self._keeper = services.keeper
        self._keys = services.keys
        self._readers = frozenset(services.settings.log_readers)
        self._lookup = Lookup(services)

    def routes(self) -> tuple[Route, ...]:
        return (*self._public(), *self._for_agencies())

    def _public(self) -> tuple[Route, ...]:
        tiles: dict[str, Any] = {"tag": "Evidence log", "method": "GET"}
        tile = {"level": "0 to 63", "path": "number of the tile in groups of three digits, such as x001/234, or x001/234.p/17"}
        return (
            Route(
                path="/checkpoint",
                name="getCheckpoint",
                summary="The head of the evidence log: how many entries, which root",
                description="A signed note (C2SP tlog-checkpoint): by the hub, and by the witnesses of its policy.",
                public=self.checkpoint,
                answers={200: Answer(description="The note", media={"text/plain": str})},
                refusals=("request.not_found",),
                **tiles,
            ),
            Route(
                path="/tile/{level:[0-9]+}/{path:.+}",
                name="getTile",
                summary="Hashes of the evidence log, as C2SP tlog-tiles lays them out",
                public=self.tile,
                paths=tile,
                answers={200: Answer(description="1 to 256 hashes of 32 bytes", media={OCTETS: None})},
                refusals=("request.not_found",),
                **tiles,
            ),
            Route(
                path="/log/vkey",
                name="getLogKeys",
                summary="The public keys of the log: the one that signs first, then those that did",
                description="A line each, as C2SP signed-note writes verifier keys.",
                public=self.vkeys,
                answers={200: Answer(description="The keys", media={"text/plain": str})},
                **tiles,
            ),
            Route(
                path="/v1/log/consistency",
                name="getConsistency",
                summary="That the log only grew between two sizes",
                public=self.consistency,
                query=(FROM, TO),
                answers={200: Answer(description="The proof", media={JSON: ConsistencyProof})},
                refusals=("request.field_invalid", "request.not_found"),
                **tiles,
            ),
        )

    def _for_agencies(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/tile/entries/{path:.+}",
                name="getEntries",
                tag="Evidence log",
                summary="Entries of the evidence log, for the operator and those it lets read them",
                description="A bundle of C2SP tlog-tiles: each entry behind its length, two bytes. Who exchanges what with whom"
                " stands in them, so they are not for everybody.",
                agency=self.entries,
                paths={"path": "as of a tile of level 0"},
                answers={200: Answer(description="1 to 256 entries", media={OCTETS: None})},
                refusals=("request.not_found", "access.operator_only"),
            ),
            Route(
                method="GET",
                path=PATH + "/proof",
                name="getProof",
                tag="Following",
                summary="Proof in the published log that the hub accepted an envelope, for its parties",
                description="A receipt carries such a proof already. This one leads to a checkpoint that was published, with the"
                " cosignatures of witnesses and the time-stamps that there are.",
                agency=self.proof,
                paths=PATHS,
                answers={200: Answer(description="Record, proof, checkpoint and time-stamps", media={JSON: EnvelopeProof})},
                refusals=("access.not_a_party", "log.not_published", "log.forked"),
            ),
        )

    async def checkpoint(self, request: web.Request) -> web.Response:
        published = await self._published()
        return web.Response(body=published.note, headers={"Content-Type": TEXT, "Cache-Control": "no-cache"})

    async def vkeys(self, request: web.Request) -> web.Response:
        origin = "" if self._keeper is None else self._keeper.origin
        lines = [f"{one.vkey}\n" for one in self._keys.log_verifiers(origin)] if origin else []
        return web.Response(body="".join(lines).encode(), headers={"Content-Type": TEXT, "Cache-Control": "public, max-age=300"})

    async def tile(self, request: web.Request) -> web.Response:
        tile = await self._asked(f"tile/{request.match_info['level']}/{request.match_info['path']}")
        found = await self._store.log_hashes([Span(tile.level, tile.first, tile.width)])
        hashes = [found[tile.level, number] for number in range(tile.first, tile.first + tile.width)]
        return web.Response(body=b"".join(hashes), headers=_headers(tile))

    async def entries(self, request: web.Request, caller: Agency) -> web.Response:
        if not is_operator(caller) and caller.code not in self._readers:
            raise ContractError("access.operator_only", "", "and for agencies of log_readers")
        tile = await self._asked(f"tile/entries/{request.match_info['path']}")
        leaves = await self._store.log_leaves(tile.first, tile.width)
        response = web.Response(body=encode_entries(leaves), headers=_headers(tile))
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def consistency(self, request: web.Request) -> web.Response:
        published = await self._published()
        first, second = FROM.read(request), TO.read(request)
        second = published.size if second is None else second
        if not first <= second <= published.size:
            raise ContractError("request.field_invalid", "to", f"from at most to, at most {published.size}")
        try:
            older, newer = await log_proofs.tree_of(self._store, first), await log_proofs.tree_of(self._store, second)
            proof = await log_proofs.consistency(self._store, first, second)
        except ProofInvalid as error:
            raise LogForked(str(error)) from None
        return json_response(
            ConsistencyProof(
                from_size=first,
                to_size=second,
                from_root=_text(older.root),
                to_root=_text(newer.root),
                hashes=[_text(one) for one in proof],
            )
        )

    async def proof(self, request: web.Request, caller: Agency) -> web.Response:
        place = (await self._lookup.of_party(request, caller)).place
        if place is None:
            raise ContractError("request.not_found", "", "it was accepted before there was a log")
        published = await self._published()
        if place.index >= published.size:
            raise NotPublished
        try:
            _, hashes = await log_proofs.inclusion(self._store, place.index, published.size)
        except ProofInvalid as error:
            raise LogForked(str(error)) from None
        (leaf,) = await self._store.log_leaves(place.index, 1)
        stamps = await self._store.stamps(published.size)
        return json_response(
            EnvelopeProof(
                log=log_entry(leaf, place.salt, place.index, hashes, published.note.decode()),
                time_stamps=[TimeStamp(authority=one.authority, token=_text(one.token)) for one in stamps],
            ),
            headers={"Cache-Control": "no-store"},
        )

    async def _published(self) -> Checkpoint:
        """Raises ContractError while nothing has been published."""
        found = await self._store.latest_checkpoint()
        if found is None:
            raise ContractError("request.not_found", "", "nothing has been published yet")
        return found

    async def _asked(self, path: str) -> Tile:
        """Raises ContractError for what is none, or is not within the published checkpoint."""
        try:
            tile = parse_path(path)
        except TileInvalid as error:
            raise ContractError("request.not_found", "", str(error)) from None
        if not tile.is_in((await self._published()).size):
            raise ContractError("request.not_found", "", "not within the published checkpoint")
        return tile


def _headers(tile: Tile) -> dict[str, str]:
    full = tile == Tile(tile.level, tile.number)
    cached = _FULL if full else _PARTIAL
    if tile.level == ENTRIES:
        cached = cached.replace("public", "private")
    return {"Content-Type": OCTETS, "Cache-Control": cached}


def _text(octets: bytes) -> str:
    return b64encode(octets).decode()
