"""What the national bus answers, and what it means. Pure. JSON with `status`, `ErrorCode`, `ErrorDesc`; in practice words too."""

from collections.abc import Sequence

import msgspec

from adapters.answers import Answer, by_status, by_table, detail_of, short
from adapters.edxml_bus import codes
from contracts.outcome import Delivered, Outcome, Refused, Retry
from contracts.replies import Reply

# How buses say that they have a packet already, which after an answer that was lost is what one hopes to hear.
ALREADY_THERE = tuple(
    Reply(means="delivered", text=text) for text in ("đã tồn tại", "đã có trên trục", "already exists", "M.Exist")
)
_MAX_REF_CHARS = 128


class Said(msgspec.Struct, frozen=True):
    """`data` as it stands there; what it is depends on the operation."""

    status: str
    code: str | int = msgspec.field(name="ErrorCode", default="")
    text: str | None = msgspec.field(name="ErrorDesc", default=None)
    doc_id: str | None = msgspec.field(name="DocId", default=None)
    data: msgspec.Raw = msgspec.Raw()

    @property
    def well(self) -> bool:
        return self.status.strip().upper() in ("OK", "SUCCESS") and self.error_code in (codes.OK, "")

    @property
    def error_code(self) -> str:
        return str(self.code).strip()

    def __str__(self) -> str:
        return short(f"{self.status} {self.code}: {self.text or ''}")


class Row(msgspec.Struct, frozen=True):
    """One line of getReceivedEdocList, as far as it matters here."""

    doc_id: str = msgspec.field(name="docId")
    to: str | None = None
    created_time: str | None = None


def said_of(answer: Answer) -> Said | None:
    """None: it is not in the bus's grammar."""
    if "Content-Encoding" in answer.headers:
        return None
    try:
        return msgspec.json.decode(answer.body, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def outcome_of(answer: Answer, now: float, replies: Sequence[Reply]) -> Outcome:
    """Of sendEdoc: the endpoint's own table first, then the bus's grammar, then words, then the status. `now`: Unix time, s."""
    found, said = by_table(answer, now, replies), said_of(answer)
    if found is not None:
        return found
    if said is not None and said.well:
        return Delivered(remote_ref=short(said.doc_id or "", _MAX_REF_CHARS))
    return by_table(answer, now, ALREADY_THERE) or _unwell(answer, said, now)


def _unwell(answer: Answer, said: Said | None, now: float) -> Outcome:
    """A code that nobody has published ends nothing: it is tried again, and in the end a dead letter that a person sees."""
    if said is not None:
        final = said.error_code in codes.REFUSALS
        return Refused("delivery.refused_by_recipient", str(said)) if final else Retry("delivery.server_error", str(said))
    if 200 <= answer.status < 300:
        return Retry("delivery.garbled_answer", detail_of(answer))
    return by_status(answer, now)
