"""Telling the sender what became of a delivery: an envelope of the hub's own, accepted in the transaction that ends it."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from contracts.adapter import Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.kinds.delivery import MAX_REFERENCES, DeliveryState, DeliveryStatus, Reference
from contracts.problems import CATALOGUE
from lgsp.core.admission import Admitted, Limits
from lgsp.core.directory import Directory
from lgsp.core.lifecycle import State
from lgsp.core.retry import Verdict
from lgsp.core.routing import route

KIND = "delivery.status/1"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """`hub` is the sender of notices; `limits` as in admission."""

    hub: AgencyCode
    limits: Limits


def notice_of(
    parcel: Parcel, number: int, replays: int, verdict: Verdict, directory: Directory, rules: NoticeRules, now: datetime
) -> Admitted | None:
    """A `delivery.status` envelope to the sender, if the delivery ended and the sender wants to know; None otherwise.

    `number`: of the attempt as the journal counts, never the same again: a delivery that was replayed may end twice. `replays`:
    how often it was; who was told that it could not be delivered is told that it was, too.
    It takes the lane of what it is about and is found by the same identifiers; its body names the first MAX_REFERENCES of them.
    Notices about notices do not exist. A sender that is no longer in the directory cannot be told.
    """
    sender = directory.agencies.get(parcel.envelope.sender)
    if not verdict.state.is_final or parcel.envelope.kind == KIND or sender is None or sender.wants_status == "none":
        return None
    if sender.wants_status == "failures" and verdict.state is State.DELIVERED and not replays:
        return None
    envelope = _envelope(parcel, number, verdict, rules.hub, now)
    in_its_lane = msgspec.structs.replace(envelope, order_key=parcel.order_key)
    try:
        hops = route(in_its_lane, directory, now.date(), rules.limits.shards)
    except ContractError:
        return None
    return Admitted(
        envelope=envelope,
        digest=envelope.digest(),
        order_key=parcel.order_key,
        identifiers=parcel.identifiers,
        hops=hops,
        expires_at=now + rules.limits.default_life,
        directory_version=directory.version,
    )


def _envelope(parcel: Parcel, number: int, verdict: Verdict, hub: AgencyCode, now: datetime) -> Envelope:
    about = parcel.envelope
    return Envelope(
        message_id=f"status.{parcel.delivery_id}.{number}.{verdict.state.label}",
        sender=hub,
        recipients=(about.sender,),
        kind=KIND,
        created_at=now,
        body=_encode(_status(parcel, verdict, now)),
        order_key=about.order_key,
        priority=about.priority,
        identifiers=about.identifiers,
        correlation_id=about.message_id,
        traceparent=about.traceparent,
        tracestate=about.tracestate,
    )


def _status(parcel: Parcel, verdict: Verdict, now: datetime) -> DeliveryStatus:
    problem = CATALOGUE.get(verdict.reason)
    about = parcel.envelope
    return DeliveryStatus(
        sender=about.sender,
        message_id=about.message_id,
        kind=about.kind,
        deliveries=(
            DeliveryState(
                delivery_id=parcel.delivery_id,
                recipient=parcel.recipient,
                addressed_as=None if parcel.addressed_as == parcel.recipient else parcel.addressed_as,
                state=verdict.state.label,  # type: ignore[arg-type]  # final states are among the literals
                at=now,
                attempts=parcel.attempt,
                reason=verdict.reason or None,
                title_vi=problem.title_vi if problem else None,
                title_en=problem.title_en if problem else None,
                remedy_vi=problem.remedy_vi if problem else None,
                remedy_en=problem.remedy_en if problem else None,
                detail=verdict.detail or None,
            ),
        ),
        identifiers=tuple(Reference(scheme=one.scheme, value=one.value) for one in parcel.identifiers[:MAX_REFERENCES]),
    )
