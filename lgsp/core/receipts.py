"""The hub's answer to an accepted envelope. A function of what the journal holds, so a resend gets the same bytes."""

import base64
from collections.abc import Sequence
from datetime import datetime

import msgspec

from contracts.agency import AgencyCode
from contracts.receipt import DeliveryRef, LogEntry, Receipt
from lgsp.core.log.proof import LogProof


def receipt_of(
    hub: AgencyCode,
    sender: AgencyCode,
    message_id: str,
    digest: str,
    sequence: int,
    accepted_at: datetime,
    deliveries: tuple[DeliveryRef, ...],
    log: LogEntry | None = None,
) -> Receipt:
    """The receipt for what was accepted as number `sequence` at `accepted_at` (aware, UTC). `log`: what proves it."""
    return Receipt(
        hub=hub,
        sender=sender,
        message_id=message_id,
        digest=digest,
        sequence=sequence,
        accepted_at=accepted_at,
        deliveries=deliveries,
        log=log,
    )


def log_entry(leaf: bytes, salt: bytes, index: int, hashes: Sequence[bytes], checkpoint: str) -> LogEntry:
    """`checkpoint`: the signed note of the tree that `hashes` lead to."""
    return LogEntry(
        leaf=leaf.decode(),
        proof=LogProof(index=index, hashes=tuple(hashes), checkpoint=checkpoint).text,
        salt=base64.b64encode(salt).decode(),
    )


def delivery_ref(delivery_id: int, recipient: AgencyCode, addressed_as: AgencyCode, number: int | None) -> DeliveryRef:
    """`addressed_as` is only worth saying where it differs."""
    return DeliveryRef(
        delivery_id=delivery_id,
        recipient=recipient,
        addressed_as=None if addressed_as == recipient else addressed_as,
        number=msgspec.UNSET if number is None else number,
    )
