"""The decision about an envelope, told step by step: what would the hub do with this, and why."""

from datetime import datetime

import msgspec

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.receipt import Refusal
from lgsp.core.admission import Admitted, Limits, admit
from lgsp.core.directory import Agency, Directory


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One check. Steps after the first failed one were not reached and are not listed."""

    name: str
    ok: bool
    text_en: str
    text_vi: str


class PlannedHop(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery that would be made. `ordered`: it would keep its place behind others with the same order key."""

    recipient: str
    name: str
    addressed_as: str
    mode: str
    ordered: bool


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    accepted: bool
    refusal: Refusal | None
    steps: tuple[Step, ...]
    hops: tuple[PlannedHop, ...] = ()
    digest: str | None = None
    order_key: str | None = None
    directory_version: int = 0


_STEPS = (
    ("sender", ("auth.",), "The caller is the sender", "Bên gọi đúng là bên gửi"),
    ("size", ("body.too_large",), "The body is within its size limit", "Dung lượng nội dung trong giới hạn"),
    ("times", ("envelope.",), "Created in the past, not expired", "Thời điểm tạo và thời hạn hợp lệ"),
    ("kind", ("kind.",), "The kind and version exist", "Loại thông điệp và phiên bản tồn tại"),
    ("kind_granted", ("grant.kind_not_allowed",), "The sender may send this kind", "Bên gửi được phép gửi loại này"),
    ("body", ("body.", "request.media_type_unsupported"), "The body matches its schema", "Nội dung đúng lược đồ"),
    ("route", ("route.", "agency."), "Every recipient has a route", "Mọi nơi nhận đều có đường đi"),
    ("recipients_granted", ("grant.recipient_not_allowed",), "The sender may send to each recipient",
     "Bên gửi được phép gửi đến từng nơi nhận"),
    ("attachments", ("attachment.",), "Every attachment is uploaded", "Mọi tệp đính kèm đã được tải lên"),
    ("signatures", ("signature.",), "Every signature that the kind demands is there and in order",
     "Có đủ chữ ký số mà loại thông điệp yêu cầu, đều hợp lệ"),
)  # fmt: skip


def decide(envelope: Envelope, caller: Agency, directory: Directory, limits: Limits, now: datetime) -> Admitted | ContractError:
    """`admit` as a value."""
    try:
        return admit(envelope, caller, directory, limits, now)
    except ContractError as error:
        return error


def explanation(decision: Admitted | ContractError, directory: Directory, envelope: Envelope) -> Explanation:
    """The decision with the checks that led to it, in the order in which they are made."""
    if isinstance(decision, ContractError):
        return Explanation(
            accepted=False,
            refusal=Refusal.of(
                decision.code, decision.field, decision.detail, message_id=envelope.message_id, sender=envelope.sender
            ),
            steps=_steps_until(decision.code),
            directory_version=directory.version,
        )
    return Explanation(
        accepted=True,
        refusal=None,
        steps=_steps_until(None),
        hops=tuple(
            PlannedHop(
                recipient=hop.recipient,
                name=directory.agencies[hop.recipient].name_vi,
                addressed_as=hop.addressed_as,
                mode=hop.mode,
                ordered=hop.lane is not None,
            )
            for hop in decision.hops
            if not hop.copy
        ),
        digest=decision.digest,
        order_key=decision.order_key,
        directory_version=directory.version,
    )


def _steps_until(code: str | None) -> tuple[Step, ...]:
    steps = []
    for name, prefixes, text_en, text_vi in _STEPS:
        failed = code is not None and code.startswith(prefixes)
        steps.append(Step(name=name, ok=not failed, text_en=text_en, text_vi=text_vi))
        if failed:
            break
    return tuple(steps)
