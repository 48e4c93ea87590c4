"""May this envelope come in? Everything that can be known without the journal; what is left, id reuse, the journal decides."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from contracts.envelope import Envelope, Identifier
from contracts.errors import ContractError
from contracts.intents import Intent
from contracts.kinds import Kind, find, read_body
from lgsp.core.directory import Agency, Directory, Grant
from lgsp.core.routing import Hop, copies, route
from lgsp.core.signatures.finding import Examined

CLOCK_SKEW = timedelta(minutes=5)


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope that may be accepted, with what was decided about it and under which version of the directory.

    `envelope` is as received, only its sender under its key in the directory: that is kept, delivered and digested. What the body
    adds stands beside it, because a later release may read more out of the same octets.
    """

    envelope: Envelope
    digest: str
    order_key: str | None  # the sender's, else the one found in the body
    identifiers: tuple[Identifier, ...]  # the sender's, then those found in the body
    hops: tuple[Hop, ...]
    expires_at: datetime
    directory_version: int
    examined: Examined | None = None  # its signatures; None: there are none, and none were demanded
    intent: Intent | None = None  # what the body asks of earlier envelopes; whether it may, the journal's facts decide


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What admission bounds; from the settings."""

    max_body_bytes: int
    default_life: timedelta
    shards: int


def admit(envelope: Envelope, caller: Agency, directory: Directory, limits: Limits, now: datetime) -> Admitted:
    """The decision, without side effects.

    Raises ContractError: "auth.sender_mismatch", "body.*", "kind.unknown", "envelope.expired", "envelope.created_in_future",
    "grant.*", "route.*". Order of checks: who, how big, what, when, may he, where to; so that nobody learns the directory
    who may not send.
    """
    _check_sender(envelope, caller, directory)
    if len(envelope.body) > limits.max_body_bytes:
        raise ContractError("body.too_large", "/body", f"{len(envelope.body)} bytes, {limits.max_body_bytes} allowed")
    _check_times(envelope, now)
    _check_kind_granted(find(envelope.kind), caller)
    reading = read_body(find(envelope.kind), envelope.body, envelope.media_type)
    order_key = envelope.order_key or reading.order_key
    identifiers = _merged(envelope.identifiers, reading.identifiers)
    full = msgspec.structs.replace(envelope, order_key=order_key, identifiers=identifiers)
    hops = route(full, directory, now.date(), limits.shards)
    _check_recipients_granted(envelope, hops, caller, directory, now.date())
    kept = under_own_key(envelope, caller)
    hops += copies(msgspec.structs.replace(full, sender=caller.code), hops, directory, now.date(), limits.shards)
    return Admitted(
        envelope=kept,
        digest=kept.digest(),
        order_key=order_key,
        identifiers=identifiers,
        hops=hops,
        expires_at=envelope.expires_at or now + limits.default_life,
        directory_version=directory.version,
        intent=_intent(reading.intent, envelope),
    )


def under_own_key(envelope: Envelope, caller: Agency) -> Envelope:
    """The envelope as it is kept, delivered and digested. Depends on nothing that a release or the directory could change later:
    a resend has the same digest for ever."""
    return envelope if envelope.sender == caller.code else msgspec.structs.replace(envelope, sender=caller.code)


def check_attachments(envelope: Envelope, held_bytes: Mapping[str, int]) -> None:
    """`held_bytes`: digest -> size of the files that the sender may attach and the hub has.

    Raises ContractError "attachment.unknown" or "attachment.size_mismatch".
    """
    for place, attachment in enumerate(envelope.attachments):
        size_bytes = held_bytes.get(attachment.digest)
        if size_bytes is None:
            raise ContractError("attachment.unknown", f"/attachments/{place}/digest", attachment.digest)
        if size_bytes != attachment.size_bytes:
            detail = f"{attachment.size_bytes} stated, {size_bytes} uploaded"
            raise ContractError("attachment.size_mismatch", f"/attachments/{place}/size_bytes", detail)


def _check_sender(envelope: Envelope, caller: Agency, directory: Directory) -> None:
    if envelope.sender == caller.code:
        return
    known = directory.known_as(envelope.sender, envelope.created_at.date())
    if known is None or known.code != caller.code:
        raise ContractError("auth.sender_mismatch", "/sender", f"{envelope.sender} is not the caller {caller.code}")


def _check_times(envelope: Envelope, now: datetime) -> None:
    if envelope.created_at > now + CLOCK_SKEW:
        raise ContractError("envelope.created_in_future", "/created_at", envelope.created_at.isoformat())
    if envelope.expires_at is not None and envelope.expires_at <= now:
        raise ContractError("envelope.expired", "/expires_at", envelope.expires_at.isoformat())


def _check_kind_granted(kind: Kind, caller: Agency) -> None:
    """What the hub itself says (receipt, refusal, delivery.status) no grant covers."""
    if kind.sender_roles == {"hub"} or not any(grant.covers_kind(kind.key) for grant in caller.grants):
        raise ContractError("grant.kind_not_allowed", "/kind", kind.key)


def _check_recipients_granted(
    envelope: Envelope, hops: tuple[Hop, ...], caller: Agency, directory: Directory, today: date
) -> None:
    """A grant outlives a reform: it also covers who succeeded the agency that it names, under either code."""
    grants = [grant for grant in caller.grants if grant.covers_kind(envelope.kind)]
    for hop in hops:
        if _covered(grants, (hop.recipient, hop.addressed_as)):
            continue
        if not _covered(grants, directory.predecessors(hop.recipient, today)):
            place = envelope.recipients.index(hop.addressed_as)
            raise ContractError("grant.recipient_not_allowed", f"/recipients/{place}", hop.addressed_as)


def _covered(grants: Sequence[Grant], codes: Iterable[str]) -> bool:
    return any(grant.covers_recipient(code) for code in codes for grant in grants)


def _intent(found: Intent | None, envelope: Envelope) -> Intent | None:
    """The files of a document may also travel beside the packet, as attachments of the envelope."""
    if found is None or found.action not in ("update", "replace") or not envelope.attachments:
        return found
    return msgspec.structs.replace(found, complete=True)


def _merged(given: tuple[Identifier, ...], found: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
    if not given:
        return found
    merged: dict[tuple[str, str], Identifier] = {}
    for one in (*given, *found):
        merged.setdefault((one.scheme, one.key), one)
    return tuple(merged.values())
