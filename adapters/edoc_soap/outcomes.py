"""What an answer of such a bus means for a delivery. Pure. The endpoint's table of replies first, then SOAP, then the status."""

from collections.abc import Sequence

from adapters.answers import Answer, by_status, by_table, detail_of, short
from adapters.edoc_soap.calls import document_id_of, fault_of, read_answer
from adapters.edoc_soap.report import Report, found_in
from contracts.errors import ContractError
from contracts.outcome import Delivered, Outcome, Refused, Retry
from contracts.replies import Reply
from contracts.soap.message import Message

_MAX_REF_CHARS = 128
_HELD_ALREADY = "M.Exist"
# Its own trouble, or a token that it does not know: nothing that a new document would mend.
_LATER = frozenset(
    {"m.senddocument", "m.sendmessage", "m.updatetraces", "m.updatetrace", "m.checksignature", "m.checkpermission", "error"}
)


def outcome_of(answer: Answer, now: float, replies: Sequence[Reply] = ()) -> Outcome:
    """Of SendDocument and UpdateTraces. `now`: Unix time in seconds."""
    found = by_table(answer, now, replies)
    if found is not None:
        return found
    message = understood(answer)
    if message is None:
        return _garbled(answer) if 200 <= answer.status < 300 else by_status(answer, now)
    fault = fault_of(message)
    if fault is not None:
        ours, text = fault
        return Refused("delivery.refused_by_recipient", short(text)) if ours else Retry("delivery.server_error", short(text))
    report = found_in(message.body)
    if report is None:
        return _garbled(answer) if 200 <= answer.status < 300 else by_status(answer, now)
    return _of_report(report, message)


def understood(answer: Answer) -> Message | None:
    """The SOAP message of an answer that came whole."""
    if not answer.whole or "Content-Encoding" in answer.headers:
        return None
    try:
        return read_answer(answer.headers.get("Content-Type", ""), answer.body)
    except ContractError:
        return None


def _of_report(report: Report, message: Message) -> Outcome:
    codes = {one.code for one in report.errors}
    if report.success or _HELD_ALREADY in codes:
        return Delivered(remote_ref=short(document_id_of(message), _MAX_REF_CHARS))
    if not codes:
        return Retry("delivery.server_error", "it refuses without a reason, as it does when it does not know the token")
    if all(code.lower() in _LATER for code in codes):
        return Retry("delivery.server_error", short(report.told()))
    return Refused("delivery.refused_by_recipient", short(report.told()))


def _garbled(answer: Answer) -> Retry:
    return Retry("delivery.garbled_answer", f"no report: {detail_of(answer)}" if answer.whole else "the answer broke off")
