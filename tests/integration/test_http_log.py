"""The evidence log over HTTP: for everybody what proves it, for few what stands in it."""

import asyncio
import gzip
import json
import sqlite3
from base64 import b64decode, urlsafe_b64decode
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.agency import AgencyCode
from contracts.receipt import Receipt, Refusal
from lgsp.core.directory import Agency
from lgsp.core.key_set import Purpose, activated
from lgsp.core.log.answers import NotProved, check_receipt, check_refusal
from lgsp.core.log.checkpoint import Checkpoint, open_checkpoint
from lgsp.core.log.merkle import check_consistency, check_inclusion, leaf_hash
from lgsp.core.log.placed import Logged
from lgsp.core.log.proof import parse_proof
from lgsp.core.log.record import Accepted, Action, Refused, decode
from lgsp.core.log.tile_paths import decode_entries, split_hashes, tile_at
from lgsp.core.log.tiles import Span, numbered, prove_inclusion
from lgsp.errors import JournalUnavailable
from lgsp.http.batch import BatchLine
from lgsp.trust.key_files import KeyFiles
from signing.keys import Algorithm
from signing.local_key import LocalKey
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, POST, STRANGER, HttpHub, http_hub
from tests.integration.test_http_envelopes import assert_problem

HUB = Agency(code=AgencyCode("HUB"), name_vi="Trục", level="hub")
NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path, agencies=(*AGENCIES, HUB), log_checkpoint_s=0.1, log_readers=(POST,)) as running:
        yield running


def b64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


async def grow(hub: HttpHub, entries: int) -> None:
    await hub.hub.store.note([Action(at=NOW, name="test", by="lan", subject=str(one)) for one in range(entries)])


async def published(hub: HttpHub) -> Checkpoint:
    """Verified with nothing but the key that the hub publishes, once it covers everything that is in the log now."""
    size = (await hub.hub.store.log_head()).size
    vkey = (await hub.call("GET", "/log/vkey", agency=None)).octets.decode().splitlines()[0]
    async with asyncio.timeout(10):
        while True:
            reply = await hub.call("GET", "/checkpoint", agency=None)
            if reply.status == 200:
                found = open_checkpoint(reply.octets, vkey).checkpoint
                if found.size >= size:
                    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
                    return found
            await asyncio.sleep(0.02)


async def test_an_outsider_audits_the_log_by_its_tiles(hub: HttpHub) -> None:
    """A client of C2SP tlog-tiles: the checkpoint, then the tiles it speaks of; every leaf is proved from them."""
    await grow(hub, 600)
    checkpoint = await published(hub)

    hashes: dict[tuple[int, int], bytes] = {}
    for level in (0, 1):
        for first in range(0, checkpoint.size >> 8 * level, 256):
            tile = tile_at(level, first, checkpoint.size)
            reply = await hub.call("GET", f"/{tile.path}", agency=None)
            assert (reply.status, reply.headers["Content-Type"]) == (200, "application/octet-stream")
            assert ("immutable" in reply.headers["Cache-Control"]) == (tile.width == 256)
            hashes |= numbered(Span(level, tile.first, tile.width), split_hashes(reply.octets, tile.width))

    def read(level: int, first: int, length: int) -> list[bytes]:
        return [hashes[level, number] for number in range(first, first + length)]

    for index in (0, 255, 256, 511, checkpoint.size - 1):
        proof = prove_inclusion(index, checkpoint.size, read)
        check_inclusion(index, checkpoint.size, checkpoint.root, hashes[0, index], proof)


@pytest.mark.parametrize(
    "path",
    ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/0/000.p/0", "tile/0/0", "tile/00/000.p/1", "tile/0/x000/000",
     "tile/64/000", "tile/0/000.p/256", "tile/entries/001", "tile/0/..%2f..%2fetc"],
)  # fmt: skip
async def test_there_is_nothing_beyond_the_published_checkpoint(hub: HttpHub, path: str) -> None:
    """Nor anything that is not written as the specification says."""
    await grow(hub, 3)
    await published(hub)
    assert (await hub.call("GET", f"/{path}", agency="HUB")).status == 404


async def test_before_anything_is_published_there_is_nothing(tmp_path: Path) -> None:
    async with http_hub(tmp_path, log_checkpoint_s=3600) as hub:
        await published(hub)  # at once when it starts, and then not for an hour
        with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
            connection.execute("DELETE FROM log_checkpoints")
            connection.commit()
        for path in ("/checkpoint", "/tile/0/000.p/1", "/v1/log/consistency"):
            assert_problem(await hub.call("GET", path, agency=None), 404, "request.not_found", "")


async def test_entries_are_for_the_operator_and_whom_it_lets(hub: HttpHub) -> None:
    """Who exchanges what with whom stands in them. They hash to what everybody sees."""
    await grow(hub, 300)
    checkpoint = await published(hub)
    tile = tile_at(0, checkpoint.size - 1, checkpoint.size)
    hashes = split_hashes((await hub.call("GET", f"/{tile.path}", agency=None)).octets, tile.width)
    path = f"/{tile._replace(level=-1).path}"
    assert_problem(await hub.call("GET", path), 403, "access.operator_only", "")
    assert (await hub.call("GET", path, agency=None)).status == 401
    for reader in ("HUB", POST):
        reply = await hub.call("GET", path, agency=reader, headers={"Accept-Encoding": "identity"})
        assert [leaf_hash(one) for one in decode_entries(reply.octets, tile.width)] == hashes
        assert reply.headers["Cache-Control"].startswith("private")
    packed = await hub.call("GET", path, agency="HUB", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.octets) == reply.octets


async def test_the_log_only_grew_between_any_two_sizes(hub: HttpHub) -> None:
    await grow(hub, 5)
    first = await published(hub)
    await grow(hub, 300)
    second = await published(hub)
    for query in (f"from={first.size}&to={second.size}", f"from={first.size}"):
        said = (await hub.call("GET", f"/v1/log/consistency?{query}", agency=None)).json
        assert (b64decode(said["from_root"]), b64decode(said["to_root"])) == (first.root, second.root)
        hashes = [b64decode(one) for one in said["hashes"]]
        check_consistency(said["from"], first.root, said["to"], second.root, hashes)
    for query in (f"from=7&to={second.size + 1}", "from=9&to=8"):
        reply = await hub.call("GET", f"/v1/log/consistency?{query}", agency=None)
        assert_problem(reply, 422, "request.field_invalid", "to")


async def test_the_parties_prove_acceptance_from_the_published_log(hub: HttpHub) -> None:
    """Sender and recipient; anybody else learns nothing."""
    sent = await hub.send(hub.envelope())
    checkpoint = await published(hub)
    path = sent.headers["Location"] + "/proof"
    vkey = (await hub.call("GET", "/log/vkey", agency=None)).octets.decode().strip()
    for party in (COMMUNE, LAND_OFFICE):
        said: dict[str, Any] = (await hub.call("GET", path, agency=party)).json
        entry = said["log"]
        record = decode(entry["leaf"].encode())
        assert isinstance(record, Accepted)
        assert record.message_id == sent.json["message_id"]
        proved = parse_proof(entry["proof"]).verify(entry["leaf"].encode(), vkey).checkpoint
        assert proved.size >= checkpoint.size
    assert_problem(await hub.call("GET", path, agency=STRANGER), 404, "access.not_a_party", "message_id")


async def keys_of(hub: HttpHub) -> list[str]:
    return (await hub.call("GET", "/log/vkey", agency=None)).octets.decode().splitlines()


async def test_a_refusal_is_proved_like_a_receipt(hub: HttpHub) -> None:
    """Of one envelope and of the lines of a batch, several in one growth of the log; by the key of the log alone."""
    wrong = [hub.envelope(recipients=["H01.404"]), hub.envelope(kind="no.such/1"), hub.envelope()]
    single = (await hub.send(wrong[0])).json["signed"]
    refusals = [msgspec.json.decode(b64url(single.split(".")[1]), type=Refusal)]
    batch = "\n".join(json.dumps(one) for one in wrong)
    reply = await hub.call("POST", "/v1/envelopes:batch", data=batch, headers={"Content-Type": "application/x-ndjson"})
    lines = [msgspec.json.decode(line, type=BatchLine) for line in reply.octets.splitlines()]
    refusals += [line.refusal for line in lines if line.refusal is not None]
    assert len(refusals) == 3
    assert lines[2].receipt is not None
    check_receipt(lines[2].receipt, await keys_of(hub))
    for one in refusals:
        proved = check_refusal(one, await keys_of(hub))
        assert one.log is not None
        assert one.log.leaf.encode() in await hub.hub.store.log_leaves(0, proved.checkpoint.size)
        other = msgspec.structs.replace(one, received_digest=f"sha256:{'0' * 64}")
        with pytest.raises(NotProved, match="another refusal"):
            check_refusal(other, await keys_of(hub))


async def test_only_what_was_handed_over_is_refused_on_record(hub: HttpHub) -> None:
    """Whoever looks for what is not there, or is nobody we know, leaves no trace in the log."""
    assert (await hub.call("GET", f"/v1/envelopes/{COMMUNE}/nothing")).status == 404
    assert (await hub.send(hub.envelope(), agency=None)).status == 401
    leaves = await hub.hub.store.log_leaves(0, 1000)
    assert not any(isinstance(decode(one), Refused) for one in leaves)


async def test_a_refusal_is_given_though_it_cannot_be_written_down(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is away, or slow: after a moment it leaves signed and without a proof."""
    released = asyncio.Event()

    async def lost(self: object, records: object) -> list[Logged]:
        raise JournalUnavailable("away")

    async def slow(self: object, records: object) -> list[Logged]:
        await released.wait()
        raise JournalUnavailable("late")

    for trouble in (lost, slow):
        monkeypatch.setattr(type(hub.hub.store), "note", trouble)
        reply = await hub.send(hub.envelope(recipients=["H01.404"]))
        assert reply.json["code"] == "route.unknown_recipient"
        assert msgspec.json.decode(b64url(reply.json["signed"].split(".")[1]), type=Refusal).log is None
    released.set()


async def test_a_fork_ends_signing_and_not_accepting(hub: HttpHub) -> None:
    """Readiness says why; what is accepted has its receipt, without a proof until the log is in order again."""
    assert hub.hub.keeper is not None
    hub.hub.keeper.fork = "of 9 entries the first 5 are not those that were signed"
    ready = await hub.call("GET", "/readyz", agency=None)
    assert ready.status == 503
    assert [one["name"] for one in ready.json["checks"] if not one["ok"]] == ["log"]
    sent = await hub.send(hub.envelope())
    assert (sent.status, "log" in sent.json) == (202, False)
    hub.hub.keeper.fork = ""
    receipt = (await hub.call("GET", sent.headers["Location"] + "/receipt")).octets
    check_receipt(msgspec.json.decode(receipt, type=Receipt), await keys_of(hub))


async def test_a_log_that_changed_its_key_over_is_the_same_log(hub: HttpHub) -> None:
    """Its name stays, both keys are published, the new one first; each answer is proved by the key of its day."""
    before = await hub.send(hub.envelope())
    (old,) = await keys_of(hub)
    files, now = KeyFiles(hub.hub.settings.keys_path), datetime.now(UTC)
    name = files.add(Purpose.LOG, LocalKey.new(Algorithm.ED25519), now).name
    files.change(lambda known: activated(known, name, now, now))
    async with asyncio.timeout(10):
        while True:  # processes look at their keys once a second
            found = await keys_of(hub)
            if found[0] != old:
                break
            await asyncio.sleep(0.02)
    new, *others = found
    assert others == [old]
    after = await hub.send(hub.envelope())
    for reply, key in ((before, old), (after, new)):
        receipt = msgspec.json.decode(reply.octets, type=Receipt)
        assert check_receipt(receipt, [key]).checkpoint.origin == "lgsp/HUB"
        assert check_receipt(receipt, found).checkpoint.origin == "lgsp/HUB"
        with pytest.raises(NotProved, match="not signed by"):
            check_receipt(receipt, [old if key == new else new])


async def test_a_resend_gets_the_same_proof(hub: HttpHub) -> None:
    """Octet for octet, however much the log has grown."""
    envelope = hub.envelope()
    first = await hub.send(envelope)
    await grow(hub, 300)
    assert (await hub.send(envelope)).octets == first.octets
    check_receipt(msgspec.json.decode(first.octets, type=Receipt), await keys_of(hub))


async def test_a_proof_waits_for_the_next_checkpoint(tmp_path: Path) -> None:
    """The receipt has one of its own; the published one comes a moment later."""
    async with http_hub(tmp_path, log_checkpoint_s=3600) as hub:
        await published(hub)
        sent = await hub.send(hub.envelope())
        reply = await hub.call("GET", sent.headers["Location"] + "/proof")
        assert_problem(reply, 503, "log.not_published", "")
        assert reply.headers["Retry-After"] == "1"
