"""Refs <-> octets of an AMQP message. Pure.

A message is a MessagePack array of refs, each an array of its fields in the order of `lgsp.ports.Ref`. Readers ignore fields
they do not know at the end of a ref, so programs of two versions can share a broker during an upgrade.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from lgsp.ports import Ref

CONTENT_TYPE = "application/vnd.lgsp.refs+msgpack"
MAX_REFS = 50  # per message: the broker's cost is divided by it, yet a redelivery repeats little

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(tuple[Ref, ...])


class Malformed(ValueError):
    """Octets that no hub wrote."""


class Pack(NamedTuple):
    """One message: refs of one shard and one priority."""

    shard: int
    priority: int
    refs: Sequence[Ref]

    def octets(self) -> bytes:
        return _encode(self.refs)


def pack(refs: Sequence[Ref], shards: int) -> list[Pack]:
    """Packs of at most MAX_REFS, the most urgent first, in the order given within each. A ref of a larger hub's shard is folded
    into ours."""
    groups: dict[tuple[int, int], list[Ref]] = {}
    for ref in sorted(refs, key=lambda ref: -ref.priority):
        groups.setdefault((ref.shard % shards, ref.priority), []).append(ref)
    return [
        Pack(shard, priority, group[start : start + MAX_REFS])
        for (shard, priority), group in groups.items()
        for start in range(0, len(group), MAX_REFS)
    ]


def unpack(octets: bytes) -> tuple[Ref, ...]:
    """Raises Malformed."""
    try:
        return _decoder.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from None
