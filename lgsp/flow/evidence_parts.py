"""What of the journal goes into a bundle of evidence: which records, which files, which time-stamps."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lgsp.evidence.manifest import Leaf
from lgsp.ports import EnvelopeRecord, Keepsake
from signing.report import TimeStamp
from signing.timestamps import verify_stamp
from signing.trust import NO_TRUST


class Part(NamedTuple):
    """An envelope of the bundle. `deliveries`: ids of those that may be shown, None: all; `receipt`: whether it goes in."""

    record: EnvelopeRecord
    deliveries: frozenset[int] | None = None
    receipt: bool = True


def leaves_of(kept: Keepsake, part: Part) -> dict[int, Leaf]:
    """Those that may be shown, still without proof. One leaf may tell of two events."""
    place = kept.record.place
    if place is None:
        return {}
    found = {place.index: Leaf(index=place.index, leaf=kept.leaves[place.index].decode(), hashes=())}
    for event in kept.events:
        hidden = part.deliveries is not None and event.delivery_id is not None and event.delivery_id not in part.deliveries
        if event.leaf_index is None or hidden:
            continue
        opened = bool(event.detail and event.salt)
        if opened or event.leaf_index not in found:
            salt, detail = (event.salt or b"", event.detail) if opened else (b"", "")
            leaf = kept.leaves[event.leaf_index].decode()
            found[event.leaf_index] = Leaf(index=event.leaf_index, leaf=leaf, hashes=(), salt=salt, detail=detail)
    return found


def is_over(token: bytes, note: bytes, now: datetime) -> bool:
    """A checkpoint may have been published once more with other cosignatures: a time-stamp of the one before is none of this."""
    found = verify_stamp(token, note, NO_TRUST, now)
    return isinstance(found, TimeStamp) or found.rule.code != "timestamp.imprint"


def attached(keepsakes: Sequence[Keepsake]) -> list[str]:
    """Digests of files that were not erased, each once."""
    kept = (one.record for one in keepsakes if one.record.files_erased_at is None)
    return list(dict.fromkeys(file.digest for one in kept for file in one.envelope.attachments))
