"""A large attachment through upload, delivery and fetch: how much the hub's process grows meanwhile."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import msgspec

from contracts import wire
from contracts.envelope import Attachment
from tests.bench import targets
from tests.bench.client import ask_well, bearer, connect
from tests.bench.envelopes import RECIPIENTS, templates
from tests.bench.processes import BenchFailed, forget_peak, rss_bytes, wait_for
from tests.bench.report import Row, row
from tests.bench.targets import Target, World

LIMIT_MIB = 64
_MIB = 2**20
_BLOCK = os.urandom(_MIB)
_NUMBERS = range(999_000_000, 999_000_100)  # of messages that no round sends
_TUS = {"Tus-Resumable": "1.0.0"}


def measure(world: World, setups: Sequence[str], size_mib: int) -> list[Row]:
    """A fresh hub of each set-up: growth of its process in MiB, over what it had after its first deliveries."""
    rows: list[Row] = []
    for setup in setups:
        target = targets.start_hub(world, setup)
        for number in _NUMBERS[:-1]:
            _send(target, templates()[0].message(number))
        _wait_until_delivered(target, _NUMBERS[-2])
        for step, grown in _pass_through(target, size_mib).items():
            rows.append(row("memory", setup, f"growth_{step}_{size_mib}_mib", "MiB", [grown / _MIB]))
    return rows


def check(rows: Sequence[Row]) -> None:
    """Raises BenchFailed when a process grew by the limit or more."""
    for one in rows:
        if one.value >= LIMIT_MIB:
            raise BenchFailed(f"{one.setup}: {one.metric} is {one.value} MiB, less than {LIMIT_MIB} is promised")


def _pass_through(target: Target, size_mib: int) -> Mapping[str, int]:
    """Growth in bytes of the highest resident memory, by step."""
    (pid,) = target.parts["app"]
    before = rss_bytes(pid)
    forget_peak(pid)
    grown: dict[str, int] = {}
    digest = _upload(target, size_mib)
    grown["upload"] = rss_bytes(pid, "VmHWM") - before
    _deliver(target, Attachment(digest=digest, size_bytes=size_mib * _MIB, name="ban-ve.pdf"))
    grown["delivery"] = rss_bytes(pid, "VmHWM") - before
    _fetch(target, digest)
    grown["fetch"] = rss_bytes(pid, "VmHWM") - before
    return grown


def _upload(target: Target, size_mib: int) -> str:
    """By tus, in one PATCH; the digest that the hub says."""
    length = {"Upload-Length": str(size_mib * _MIB)}
    created = ask_well(target.port, "POST", "/v1/attachments", headers=_TUS | length, token=target.token)
    fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Content-Length": str(size_mib * _MIB)}
    place = created.headers["location"]
    done = ask_well(target.port, "PATCH", place, _octets(size_mib), _TUS | fields, target.token)
    expected = hashlib.sha256()
    for block in _octets(size_mib):
        expected.update(block)
    digest = f"sha256:{expected.hexdigest()}"
    if done.headers.get("lgsp-digest") != digest:
        raise BenchFailed("the hub computed another digest of the attachment")
    return digest


def _octets(size_mib: int) -> Iterator[bytes]:
    for number in range(size_mib):
        yield number.to_bytes(8, "big") + _BLOCK[8:]


def _deliver(target: Target, attachment: Attachment) -> None:
    number = _NUMBERS[-1]
    envelope = wire.parse(templates()[0].message(number))
    _send(target, wire.render(msgspec.structs.replace(envelope, attachments=(attachment,))))
    _wait_until_delivered(target, number)


def _send(target: Target, octets: bytes) -> None:
    ask_well(target.port, "POST", "/v1/envelopes", octets, {"Content-Type": "application/json"}, target.token)


def _wait_until_delivered(target: Target, number: int) -> None:
    envelope = wire.parse(templates()[0].message(number))
    path = f"/v1/envelopes/{envelope.sender}/{envelope.message_id}"
    wait_for(
        lambda: b'"state":"delivered"' in ask_well(target.port, "GET", path, token=target.token).body,
        f"delivery of {envelope.message_id}",
    )


def _fetch(target: Target, digest: str) -> None:
    """As the recipient, block by block."""
    found = hashlib.sha256()
    connection = connect(target.port)
    connection.request("GET", f"/v1/attachments/{quote(digest)}", headers=bearer(target.recipient_token))
    answer = connection.getresponse()
    while block := answer.read(64 * 1024):
        found.update(block)
    connection.close()
    if answer.status != 200 or f"sha256:{found.hexdigest()}" != digest:
        raise BenchFailed(f"{RECIPIENTS[0]} did not get the attachment it was sent: HTTP {answer.status}")
