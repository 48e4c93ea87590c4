"""`python -m tests.soak.edxml [--packets N] [--seed S]`: packets in the shapes of systems in service, changed at random: octets,
tags, names, values, whole elements, doubled, moved and lost. Each is refused by a code of the catalogue, or becomes an envelope,
a packet again and a message of the older dialect: no other exception, and nothing that takes long. Exit status 1 otherwise; the
packet is kept in build/."""

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from contracts.agency import AgencyCode
from contracts.edxml.edoc import message_of, packet_from
from contracts.edxml.envelopes import envelope_of
from contracts.edxml.read import read
from contracts.edxml.slim import restored, slimmed
from contracts.edxml.when import VIETNAM
from contracts.errors import ContractError
from contracts.kinds import KINDS, read_body
from tests.edxml_packets import DOCUMENTS, SAID, STATUS_CODES, status

_HUB = ("H37", datetime(2026, 11, 28, 8, 0, tzinfo=VIETNAM))
_SHAPES = [*(make(SAID) for make in DOCUMENTS.values()), *map(status, STATUS_CODES)]
_TAGS = [tag for octets in _SHAPES for tag in re.findall(rb"<[^>]{1,80}>", octets)]
_VALUES = [b"", b" ", b"0", b"-1", b"9" * 11, b"a" * 300, "ữ".encode() * 20, b"&#0;", b"&lt;x&gt;", b"2014/02/30", b"null",
           b"H01,2026/11/11,1/A", b"../../x"]  # fmt: skip
_SLOW_S = 0.5  # of CPU: ten times what is promised of a refusal, for this one is whatever comes


def _octets(packet: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(packet))
    packet[start : start + chance.choice([0, 1, 3, 20, 200])] = chance.randbytes(chance.randrange(5))


def _tag(packet: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(packet))
    packet[start:start] = chance.choice(_TAGS)


def _name(packet: bytearray, chance: random.Random) -> None:
    names = list(re.finditer(rb"</?([A-Za-z:]+)", packet))
    if names:
        one = chance.choice(names)
        packet[one.start(1) : one.end(1)] = chance.choice(names)[1]


def _value(packet: bytearray, chance: random.Random) -> None:
    values = list(re.finditer(rb">([^<]+)<", packet))
    if values:
        one = chance.choice(values)
        packet[one.start(1) : one.end(1)] = chance.choice(_VALUES)


def _element(packet: bytearray, chance: random.Random) -> None:
    elements = list(re.finditer(rb"<((?:edXML:)?[A-Za-z]+)>.*?</\1>", packet, re.DOTALL))
    if elements:
        one = chance.choice(elements)
        if chance.random() < 0.5:
            del packet[one.start() : one.end()]
        start = chance.randrange(len(packet) + 1)
        packet[start:start] = one[0]


_CHANGES: tuple[Callable[[bytearray, random.Random], None], ...] = (_octets, _tag, _name, _value, _element)


def changed(chance: random.Random) -> bytes:
    packet = bytearray(chance.choice(_SHAPES))
    for _ in range(chance.choice([1, 1, 2, 3, 6])):
        chance.choice(_CHANGES)(packet, chance)
        packet = packet or bytearray(b"<")
    return bytes(packet)


def outcome(octets: bytes) -> str:
    """The code of the refusal, or "taken". Anything else is raised."""
    try:
        incoming = envelope_of(octets, sender=AgencyCode("G22"), received_on=date(2026, 11, 28))
        envelope = incoming.envelope
        whole = restored(envelope.body, incoming.files, _HUB)
        assert read(whole).header.from_ == read(envelope.body).header.from_
        read_body(KINDS[envelope.kind], envelope.body, envelope.media_type)
        if envelope.kind.startswith("document.packet"):
            slim = slimmed(octets)
            message = message_of(slim.packet, slim.files)
            packet_from(message.headers, message.manifest, message.parts)
    except ContractError as refusal:
        return refusal.code
    return "taken"


def _keep(octets: bytes, name: str) -> None:
    kept = Path("build") / name
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(octets)
    print(f"edXML: neither taken nor refused, or too slowly; kept as {kept}", file=sys.stderr)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--packets", type=int, default=50_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    chance, outcomes = random.Random(given.seed), Counter[str]()
    for number in range(given.packets):
        octets, started, said = changed(chance), time.thread_time(), ""
        try:
            said = outcome(octets)
        finally:
            if not said or time.thread_time() - started > _SLOW_S:
                _keep(octets, f"edxml-{given.seed}-{number}.xml")
        if time.thread_time() - started > _SLOW_S:
            return 1
        outcomes[said] += 1
    told = ", ".join(f"{code} {count}" for code, count in outcomes.most_common())
    print(f"edXML: {given.packets} packets changed at random (seed {given.seed}): {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
