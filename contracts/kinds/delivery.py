"""What the hub tells a sender: what became of the deliveries of an accepted envelope."""

from typing import Annotated, Literal

from msgspec import Meta

from contracts.envelope import MAX_IDENTIFIER_CHARS, MAX_IDENTIFIERS, MAX_RECIPIENTS
from contracts.kinds.case import Part
from contracts.kinds.fields import AgencyCodeText, Code, Count, LongText, Moment, ShortText, about, exactly

MAX_REFERENCES = 4 * MAX_IDENTIFIERS

_MESSAGE_ID = exactly("[!-~]+", 128)


class Reference(Part, frozen=True, kw_only=True):
    """An identifier of the case, document or parcel that the envelope was about."""

    scheme: Annotated[str, exactly("[a-z][a-z0-9_]*", 32), about("Loại mã", "Scheme, such as case or postal_order")]
    value: Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER_CHARS), about("Giá trị", "The identifier")]


class DeliveryState(Part, frozen=True, kw_only=True):
    """Where one delivery stands. `delivered`, `refused`, `dead`, `expired` and `cancelled` are final."""

    delivery_id: Annotated[int, Meta(ge=1, le=2**63 - 1), about("Mã lần giao", "Id of the delivery, as in the receipt")]
    recipient: Annotated[AgencyCodeText, about("Nơi nhận", "Recipient")]
    addressed_as: Annotated[AgencyCodeText, about("Mã đã ghi", "The code the sender wrote, when another one")] | None = None
    state: Annotated[
        Literal["waiting", "ready", "queued", "available", "delivered", "refused", "dead", "expired", "cancelled"],
        about(
            "Trạng thái giao",
            "waiting: behind an earlier one of its case; ready, queued: being delivered; available: in the mailbox; "
            "dead: attempts exhausted, an operator sees it",
        ),
    ]
    at: Annotated[Moment, about("Thời điểm", "When it came into this state")]
    attempts: Annotated[Count, about("Số lần thử", "Attempts made so far")] = 0
    next_attempt_at: Annotated[Moment, about("Lần thử tiếp theo", "When the next attempt is due")] | None = None
    reason: Annotated[Code, about("Mã lý do", "Code of the catalogue of refusals")] | None = None
    title_vi: Annotated[ShortText, about("Lý do (tiếng Việt)", "The reason in Vietnamese")] | None = None
    title_en: Annotated[ShortText, about("Lý do (tiếng Anh)", "The reason in English")] | None = None
    remedy_vi: Annotated[ShortText, about("Cách khắc phục (tiếng Việt)", "The remedy in Vietnamese")] | None = None
    remedy_en: Annotated[ShortText, about("Cách khắc phục (tiếng Anh)", "The remedy in English")] | None = None
    detail: Annotated[LongText, about("Chi tiết", "What the recipient's system said")] | None = None


class DeliveryStatus(Part, frozen=True, kw_only=True):
    """What became of the deliveries of one envelope; those whose state did not change since the last telling may be left out."""

    sender: Annotated[AgencyCodeText, about("Cơ quan gửi", "Sender of the envelope")]
    message_id: Annotated[str, _MESSAGE_ID, about("Mã thông điệp", "Message id of the envelope")]
    kind: Annotated[str, exactly("[a-z._]+/[0-9]+", 64), about("Loại thông điệp", "Kind of the envelope")]
    deliveries: Annotated[
        tuple[DeliveryState, ...], Meta(min_length=1, max_length=MAX_RECIPIENTS), about("Các lần giao", "One entry per delivery")
    ]
    identifiers: Annotated[
        tuple[Reference, ...], Meta(max_length=MAX_REFERENCES), about("Mã liên quan", "What the envelope was about")
    ] = ()
