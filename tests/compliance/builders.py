"""Admitted envelopes for the journal's tests, as admission would make them, with few words."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope, Identifier
from lgsp.core.admission import Admitted
from lgsp.core.lanes import Mode, lane_of, shard_of
from lgsp.core.routing import Hop
from lgsp.core.signatures.finding import Examined
from lgsp.ports import Store

NOW = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)
SENDER = AgencyCode("H01.15.20")
ALPHA = AgencyCode("H01.01")
BETA = AgencyCode("000.00.15.H01")
LEASE_S = 15.0
SHARDS = 8

Opener = Callable[[], Awaitable[Store]]  # opens the same store once more, as another process would


def hop(recipient: str, order_key: str | None = None, mode: Mode = "push", addressed_as: str | None = None) -> Hop:
    """One delivery to be; addressed by the recipient's own code unless said otherwise."""
    return Hop(
        recipient=AgencyCode(recipient),
        addressed_as=AgencyCode(addressed_as or recipient),
        mode=mode,
        lane=lane_of(recipient, order_key),
        shard=shard_of(recipient, SHARDS),
    )


def admitted(
    message_id: str,
    to: str | Sequence[Hop] = ALPHA,
    *,
    order_key: str | None = None,
    mode: Mode = "push",
    sender: str = SENDER,
    body: bytes = b'{"a": 1}',
    identifiers: Sequence[Identifier] = (),
    found: Sequence[Identifier] = (),
    found_order_key: str | None = None,
    attachments: Sequence[Attachment] = (),
    priority: int = 0,
    created_at: datetime = NOW,
    life: timedelta = timedelta(days=30),
    traceparent: str | None = None,
    examined: Examined | None = None,
) -> Admitted:
    """An envelope to one recipient, or over the hops given. `found`, `found_order_key`: read from the body."""
    hops = (hop(to, order_key or found_order_key, mode),) if isinstance(to, str) else tuple(to)
    envelope = Envelope(
        message_id=message_id,
        sender=AgencyCode(sender),
        recipients=tuple(one.addressed_as for one in hops),
        kind="case.file/1",
        created_at=created_at,
        body=body,
        order_key=order_key,
        priority=priority,
        identifiers=tuple(identifiers),
        traceparent=traceparent,
        attachments=tuple(attachments),
    )
    return Admitted(
        envelope=envelope,
        digest=envelope.digest(),
        order_key=order_key or found_order_key,
        identifiers=(*identifiers, *found),
        hops=hops,
        expires_at=NOW + life,
        directory_version=7,
        examined=examined,
    )
