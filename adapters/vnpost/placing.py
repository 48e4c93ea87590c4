"""Orders, registrations and cancellations as envelopes of the caller. The interface has neither message ids nor times, so both
are found from what was sent before: the same call again is the same envelope, octet for octet, and gets the receipt of the first.

An order number stands for one live order per direction. What failed on its way, was cancelled, or is so old that its body was
erased is not live any more: the same order placed again is a new one. Ids are "po-", "pr-" and a digest of contract, number and
direction, with a count; a cancellation has the id of its order and "-x".
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from adapters.vnpost.mapping import cancel_of
from adapters.vnpost.messages import CancelMessage
from adapters.vnpost.tracking import ICT
from contracts.agency import AgencyCode
from contracts.desk import Desk, Listed, Sent, Submitted
from contracts.envelope import Envelope, checked
from contracts.errors import ContractError
from contracts.kinds.postal import PostalCancel, PostalOrder, PostalRegistration

ORDER, REGISTRATION, CANCEL = "postal.order/1", "postal.registration/1", "postal.cancel/1"
_FAILED = frozenset({"refused", "dead", "expired", "cancelled"})
_MAX_EARLIER = 200  # orders under one number and direction

_encode = msgspec.json.Encoder().encode


def post_of(agencies: Sequence[Listed], asked: str | None, today: datetime) -> AgencyCode:
    """The agency that orders go to: the one asked for, else the only open one of level "post". Raises ContractError
    "postal.post_unclear"."""
    day = today.astimezone(ICT).date()
    posts = [one for one in agencies if one.level == "post" and (one.closed_on is None or one.closed_on > day)]
    found = [one.code for one in posts if asked in (None, "", one.code, *one.other_codes)]
    if len(found) != 1:
        raise ContractError("postal.post_unclear", "post", f"{len(found)} of level post")
    return found[0]


async def place(desk: Desk, post: AgencyCode, order: PostalOrder) -> Submitted:
    """Raises ContractError "postal.order_number_used" and what the desk raises."""
    base = _base("po", order.customer_code, order.order_number, order.direction)
    number, latest = await _latest(desk, base)
    if latest is None or not latest.envelope.body or _failed(latest) or await _withdrawn(desk, latest):
        return await _submit(desk, post, ORDER, f"{base}-{number}", order)
    if latest.envelope.body != _encode(order):
        raise ContractError("postal.order_number_used", "/OrderNumber", f"{order.direction}, as {latest.envelope.message_id}")
    return await desk.submit(latest.envelope)


async def register(desk: Desk, post: AgencyCode, registration: PostalRegistration) -> Submitted:
    """A registration may change as often as the applicant likes; only the same one again is no new one."""
    base = _base("pr", registration.customer_code, registration.order_number)
    number, latest = await _latest(desk, base)
    if latest is not None and not _failed(latest) and latest.envelope.body == _encode(registration):
        return await desk.submit(latest.envelope)
    return await _submit(desk, post, REGISTRATION, f"{base}-{number}", registration)


async def cancel(desk: Desk, post: AgencyCode, message: CancelMessage, direction: str | None) -> list[Submitted]:
    """Withdraws the live orders of the number, one envelope each. An order that never came this way is cancelled at the post all
    the same, in whichever direction it is. Raises what the desk raises."""
    orders = [
        (way, latest)
        for way in ("collect", "deliver")
        if direction in (None, way)
        and (latest := (await _latest(desk, _base("po", message.customer_code, message.order_number, way)))[1]) is not None
    ]
    live = [(way, one) for way, one in orders if not _failed(one) and not await _withdrawn(desk, one)]
    if not orders:
        base = _base("po", message.customer_code, message.order_number, direction or "")
        return [await _cancel(desk, post, message, direction, base)]
    return [await _cancel(desk, post, message, way, one.envelope.message_id) for way, one in live or orders]


async def _cancel(desk: Desk, post: AgencyCode, message: CancelMessage, direction: str | None, of: str) -> Submitted:
    message_id = f"{of}-x"
    earlier = await desk.sent_one(message_id)
    if earlier is not None and earlier.envelope.body:
        return await desk.submit(earlier.envelope)
    body = cancel_of(message, direction, _day(desk).isoformat())
    return await _submit(desk, post, CANCEL, message_id, body)


async def _submit(
    desk: Desk, post: AgencyCode, kind: str, message_id: str, body: PostalOrder | PostalRegistration | PostalCancel
) -> Submitted:
    return await desk.submit(
        checked(
            Envelope(
                message_id=message_id,
                sender=desk.caller,
                recipients=(post,),
                kind=kind,
                created_at=_day(desk),
                body=_encode(body),
            )
        )
    )


def _day(desk: Desk) -> datetime:
    """The call says no time: the day of receipt, so that the same call on that day is the same envelope."""
    return desk.now().astimezone(ICT).replace(hour=0, minute=0, second=0, microsecond=0)


async def _latest(desk: Desk, base: str) -> tuple[int, Sent | None]:
    """The first number that is free, and what was sent under the one before it. Raises ContractError "postal.order_number_used"
    where there are too many."""
    latest = None
    for number in range(1, _MAX_EARLIER + 1):
        found = await desk.sent_one(f"{base}-{number}")
        if found is None:
            return number, latest
        latest = found
    raise ContractError("postal.order_number_used", "/OrderNumber", f"{_MAX_EARLIER} times")


def _failed(sent: Sent) -> bool:
    """None of its deliveries arrived, and none will."""
    return bool(sent.deliveries) and all(one.state in _FAILED for one in sent.deliveries)


async def _withdrawn(desk: Desk, order: Sent) -> bool:
    return await desk.sent_one(f"{order.envelope.message_id}-x") is not None


def _base(prefix: str, *parts: str) -> str:
    return f"{prefix}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}"
