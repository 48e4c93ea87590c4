"""What each step of the road costs, in CPU time per 8 KB envelope, beside its floor: the least any program would do there."""

import asyncio
import gc
import hashlib
import hmac
import os
import sqlite3
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from rich.console import Console

from adapters.webhook.mapping import keys_of, request_of
from contracts import statement, wire
from contracts.adapter import Endpoint, Parcel
from contracts.envelope import Envelope, checked
from contracts.kinds import find, read_body
from contracts.receipt import DeliveryRef
from lgsp import log
from lgsp.core.admission import Admitted, Limits, admit
from lgsp.core.directory import Agency, Directory, Grant
from lgsp.core.lifecycle import State
from lgsp.core.receipts import receipt_of
from lgsp.core.signatures.policy import policy
from lgsp.core.signatures.sealing import key_of_pem, sealed
from lgsp.core.signers import Signer
from lgsp.flow.examination import Examiner, FileReport
from lgsp.journal.sqlite import SqliteStore
from lgsp.ports import Accepted, Ref, Settlement
from lgsp.trust.demo_pki import DemoPki
from lgsp.trust.store import fingerprint
from signing import crl
from signing.paths import Anchors
from signing.snapshot import RevocationSnapshot
from signing.trust import TrustBase
from tests.bench import report
from tests.bench.envelopes import RECIPIENTS, SENDER, templates
from tests.bench.report import Row

BATCH = 100
_BATCHES = 10  # of each journal step, a round
_REPEATS = 1000
_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_KEYS = keys_of("whsec_" + b64encode(bytes(32)).decode())
_NOWHERE = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
_LIMITS = Limits(max_body_bytes=10 * 2**20, default_life=timedelta(days=30), shards=8)


@dataclass(frozen=True, slots=True)
class Step:
    """`act` and `floor` do their work once; what the floor is, `floor_name` says."""

    name: str
    act: Callable[[], object]
    floor_name: str
    floor: Callable[[], object]


def measure(rounds: int) -> list[Row]:
    """A row for each step: microseconds per envelope, ratio to its floor."""
    rows = []
    for step in steps():
        pairs = [(_cost_us(step.act), _cost_us(step.floor)) for _ in range(rounds)]
        rows += _rows(step.name, step.floor_name, pairs)
    for step_name, floor_name, pairs in asyncio.run(_journal(rounds)):
        rows += _rows(step_name, floor_name, pairs)
    return rows


def show(console: Console, rows: Sequence[Row]) -> None:
    report.print_rows(console, "CPU time of each step per 8 KB envelope", [one for one in rows if one.ratio is not None])


def steps() -> list[Step]:
    """Those that need no store."""
    octets = templates()[0].message(1)
    envelope = wire.parse(octets, traceparent=_TRACE)
    directory, sender, now = _directory(), _agencies()[0], datetime.now(UTC)
    kind, body = find(envelope.kind), envelope.body
    parcel = _parcel(envelope)
    line = _log_line()
    receipt = _receipt(envelope)
    encode, raw, anything = msgspec.json.Encoder().encode, msgspec.json.Decoder(msgspec.Raw), msgspec.json.Decoder()
    return [
        Step("wire.parse", lambda: wire.parse(octets, traceparent=_TRACE), "skip through JSON", lambda: raw.decode(octets)),
        Step("checked", lambda: checked(envelope), "copy the struct", lambda: msgspec.structs.replace(envelope, priority=1)),
        Step("read_body", lambda: read_body(kind, body, envelope.media_type), "JSON to dicts", lambda: anything.decode(body)),
        Step("digest", envelope.digest, "sha256 of 8 KB", lambda: hashlib.sha256(octets).digest()),
        Step(
            "admit (with read_body, digest)",
            lambda: admit(envelope, sender, directory, _LIMITS, now),
            "JSON to dicts + sha256",
            lambda: (anything.decode(body), hashlib.sha256(octets).digest()),
        ),
        *_examinations(envelope, sender, now),
        Step("receipt", lambda: encode(_receipt(envelope)), "encode a receipt", lambda: encode(receipt)),
        Step("log line", line, "encode a dict", lambda: encode(_LINE)),
        Step(
            "webhook request (render, sign)",
            lambda: request_of(parcel, _KEYS, 1.0),
            "HMAC of 8 KB",
            lambda: hmac.digest(_KEYS[0], octets, "sha256"),
        ),
    ]


def _examinations(envelope: Envelope, sender: Agency, now: datetime) -> list[Step]:
    """Of an envelope that nobody signed, and of one with its sender's seal (ECDSA P-256): its path and CRLs are known."""
    pki = DemoPki.make({SENDER: "Cơ quan"}, now)
    seal = pki.seal(SENDER)
    issuers = {name: pki.holders[f"authorities/{name}"].certificate for name in ("root", "agencies")}
    snapshot = RevocationSnapshot(now, tuple(crl.read(pki.crl(name, now), one, now) for name, one in issuers.items()))
    trust = TrustBase(documents=Anchors((pki.document_anchor,)), snapshot=snapshot)
    examiner = Examiner(policy(), lambda: trust, _no_files, lambda report: None, lambda: now)
    signer = msgspec.structs.replace(sender, signers=(Signer(holder="seal", certificate_sha256=fingerprint(seal.certificate)),))
    signed = sealed(envelope, key_of_pem(seal.key_pem, seal.pem))
    key, said = seal.key.public_key(), statement.encode(statement.statement_of(envelope))
    value = seal.key.sign(said, ECDSA(SHA256()))

    def verify() -> None:
        hashlib.sha256(envelope.body).digest()
        key.verify(value, said, ECDSA(SHA256()))

    def copy() -> Envelope:
        return msgspec.structs.replace(envelope, priority=1)

    def examine(one: Envelope) -> object:
        try:
            examiner.examine(one, signer).send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("it waited")

    assert examine(signed) is not None and examine(envelope) is None
    return [
        Step("examine, not signed", lambda: examine(envelope), "copy the struct", copy),
        Step("examine, signed by its sender (P-256)", lambda: examine(signed), "sha256 of 8 KB + ECDSA", verify),
    ]


async def _no_files(files: object, envelope: object, trust: object, at: object) -> list[FileReport]:
    return []


_LINE: dict[str, Any] = {
    "delivery_id": 123456,
    "recipient": RECIPIENTS[0],
    "attempt": 1,
    "state": "delivered",
    "took_ms": 4,
    "sender": SENDER,
    "message_id": "bench-000000001",
    "kind": "case.file/1",
    "sequence": 123456,
    "reason": "",
    "delay_s": 0.0,
    "trace_id": _TRACE[3:35],
}


def _log_line() -> Callable[[], object]:
    """As in service: JSON at level info."""
    log.configure("json", "info", stream=_NOWHERE)
    logger = log.get_logger()
    return lambda: logger.info("delivery.attempted", **_LINE)


def _cost_us(act: Callable[[], object]) -> float:
    """Of one call, after a few to warm up."""
    for _ in range(_REPEATS // 20):
        act()
    gc.collect()
    started = time.process_time()
    for _ in range(_REPEATS):
        act()
    return (time.process_time() - started) / _REPEATS * 1e6


async def _journal(rounds: int) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """Accepting, hydrating and settling in batches on SQLite; floors are bare tables in a file of the same settings."""
    found: dict[str, list[tuple[float, float]]] = {"accept": [], "hydrate": [], "settle": []}
    with tempfile.TemporaryDirectory(prefix="lgsp-bench-") as folder:
        store = SqliteStore.open(Path(folder, "journal.db"), timeout_s=30.0)
        bare = Bare(Path(folder, "bare.db"))
        await store.save_agencies(_agencies())
        for count in range(rounds):
            first = 1 + count * _BATCHES * BATCH
            batches = [_admitted(range(first + place * BATCH, first + (place + 1) * BATCH)) for place in range(_BATCHES)]
            accepted = await _cost_of_batches(lambda batch: store.accept(batch, datetime.now(UTC), 15.0), batches)
            refs = [[one.ready[0] for one in answers if isinstance(one, Accepted)] for answers in accepted.answers]
            hydrated = await _cost_of_batches(store.hydrate, refs)
            settled = await _cost_of_batches(
                lambda batch: store.settle(batch, datetime.now(UTC), 15.0), [[_delivered(ref) for ref in part] for part in refs]
            )
            bodies = [[one.envelope.body for one in batch] for batch in batches]
            found["accept"].append((accepted.cost_us, bare.insert(bodies)))
            found["hydrate"].append((hydrated.cost_us, bare.select(count)))
            found["settle"].append((settled.cost_us, bare.update(count)))
        await store.close()
        bare.close()
    floors = {"accept": "insert a bare row", "hydrate": "select a bare row", "settle": "update a bare row"}
    return [(f"journal {name} by {BATCH} (SQLite)", floors[name], pairs) for name, pairs in found.items()]


@dataclass(frozen=True, slots=True)
class Cost:
    cost_us: float  # per envelope
    answers: list[Any]


async def _cost_of_batches(act: Callable[[Any], Awaitable[Any]], batches: Sequence[Sequence[Any]]) -> Cost:
    started = time.process_time()  # of all threads
    answers = [await act(batch) for batch in batches]
    return Cost((time.process_time() - started) / sum(map(len, batches)) * 1e6, answers)


class Bare:
    """One table, no index but its key, the same durability."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 4000"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, body BLOB NOT NULL)")

    def insert(self, bodies: Sequence[Sequence[bytes]]) -> float:
        return self._cost("INSERT INTO bare (state, body) VALUES (0, ?)", [[(body,) for body in part] for part in bodies])

    def update(self, count: int) -> float:
        return self._cost("UPDATE bare SET state = 10 WHERE id = ?", self._ids(count))

    def select(self, count: int) -> float:
        started = time.process_time()
        for part in self._ids(count):
            for one in part:
                self._connection.execute("SELECT state, body FROM bare WHERE id = ?", one).fetchone()
        return (time.process_time() - started) / (_BATCHES * BATCH) * 1e6

    def close(self) -> None:
        self._connection.close()

    def _ids(self, count: int) -> list[list[tuple[int]]]:
        first = 1 + count * _BATCHES * BATCH
        return [[(first + place * BATCH + one,) for one in range(BATCH)] for place in range(_BATCHES)]

    def _cost(self, statement: str, parts: Sequence[Sequence[Any]]) -> float:
        started = time.process_time()
        for part in parts:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, part)
            self._connection.execute("COMMIT")
        return (time.process_time() - started) / sum(map(len, parts)) * 1e6


def _rows(name: str, floor_name: str, pairs: Sequence[tuple[float, float]]) -> list[Row]:
    ours, floors = [one for one, _ in pairs], [floor for _, floor in pairs]
    return [
        report.row("stages", name, "cpu_us", "us/envelope", ours, floors, f"stages/floor: {floor_name}"),
        report.row("stages", f"floor: {floor_name}", "cpu_us", "us/envelope", floors),
    ]


def _admitted(numbers: range) -> list[Admitted]:
    directory, sender, now = _directory(), _agencies()[0], datetime.now(UTC)
    found = templates()
    envelopes = (wire.parse(found[number % len(found)].message(number), traceparent=_TRACE) for number in numbers)
    return [admit(envelope, sender, directory, _LIMITS, now) for envelope in envelopes]


def _directory() -> Directory:
    return Directory(1, _agencies())


def _agencies() -> list[Agency]:
    endpoint = Endpoint(adapter="webhook", url="http://127.0.0.1:9/")
    sender = Agency(code=SENDER, name_vi="Xã Vĩnh Thạnh Trung", grants=(Grant(kinds=("case.*",)),))
    return [sender, *(Agency(code=code, name_vi=f"Sở {code}", endpoint=endpoint) for code in RECIPIENTS)]


def _delivered(ref: Ref) -> Settlement:
    return Settlement(delivery_id=ref.delivery_id, state=State.DELIVERED, attempt=ref.attempt, took_ms=4)


def _parcel(envelope: Envelope) -> Parcel:
    code = envelope.recipients[0]
    return Parcel(delivery_id=123456, attempt=1, recipient=code, addressed_as=code, sequence=123456, envelope=envelope)


def _receipt(envelope: Envelope) -> object:
    refs = (DeliveryRef(delivery_id=123456, recipient=envelope.recipients[0]),)
    return receipt_of(SENDER, SENDER, envelope.message_id, "sha256:" + "a" * 64, 123456, envelope.created_at, refs)
