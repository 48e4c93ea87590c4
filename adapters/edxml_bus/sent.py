"""What became of what was sent, as the national bus lists it. Pure. Delivery states only: business statuses are packets."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from adapters.edxml_bus.national_wire import DeliveryState, SentRow
from contracts.desk import Sent, SentDelivery
from contracts.edxml.ids import received_doc_id
from contracts.edxml.model import Status
from contracts.edxml.read import read
from contracts.edxml.when import moment
from contracts.errors import ContractError
from contracts.problems import CATALOGUE

_MAX_READ_BYTES = 256 * 1024  # of a packet, for its title; what is larger is a signed one with its files inside
_SENT = "Trục đã tiếp nhận (accepted by the hub)"
_TEXTS: Mapping[DeliveryState, str] = MappingProxyType(
    {
        "inbox": "Chưa nhận (waiting)",
        "processing": "Đã tải về (fetched)",
        "done": "Đã nhận (received)",
        "fail": "Không nhận được (not received)",
    }
)


def sent_rows(found: Sequence[Sent], message_type: str) -> list[SentRow]:
    """One row a delivery."""
    return [row for one in found for row in _rows(one, message_type)]


def receive_state(one: SentDelivery) -> DeliveryState:
    match one.state:
        case "delivered":
            return "done"
        case "refused" | "dead" | "expired" | "cancelled":
            return "fail"
        case _:
            return "inbox" if one.fetched_at is None else "processing"


def _rows(one: Sent, message_type: str) -> Iterator[SentRow]:
    title, notation = _named(one)
    for each in one.deliveries:
        state = receive_state(each)
        received = each.ended_at or each.fetched_at
        yield SentRow(
            message_type="status" if message_type == "status" else "edoc",
            sender_doc_id=one.envelope.message_id,
            receiver_doc_id=received_doc_id(each.delivery_id),
            from_code=one.envelope.sender,
            to_code=each.addressed_as,
            title=title,
            notation=notation,
            sent_time=moment(one.accepted_at).text,
            received_time="" if received is None else moment(received).text,
            send_status="done",
            send_status_desc=_SENT,
            receive_status=state,
            receive_status_desc=_described(state, each),
        )


def _described(state: DeliveryState, one: SentDelivery) -> str:
    problem = CATALOGUE.get(one.reason)
    why = f"{problem.title_vi} ({problem.title_en})" if problem is not None else one.reason
    return ": ".join(text for text in (_TEXTS[state], why, one.detail) if text)


def _named(one: Sent) -> tuple[str, str]:
    """Title, and number with notation; empty of what was erased or is too large to be read for a list."""
    if not 0 < len(one.envelope.body) <= _MAX_READ_BYTES:
        return "", ""
    try:
        found = read(one.envelope.body)
    except ContractError:
        return "", ""
    if isinstance(found, Status):
        about = found.header.response_for
        return found.header.description or "", about.code or ""
    code = found.header.code
    notation = "/".join(part for part in (code.code_number, code.code_notation) if part) if code else ""
    return found.header.subject or "", notation
