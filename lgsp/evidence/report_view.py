"""What the report says, ready to be set: texts in both languages, times in the zone of the country, lanes of a drawing."""

import hashlib
from datetime import datetime, timedelta, timezone

import msgspec

from contracts.kinds import find
from lgsp.core.signatures.finding import Finding as Verdict
from lgsp.evidence.content import BundleContent, LogContent, MessageContent
from lgsp.evidence.findings import Happening
from lgsp.evidence.timeline import ROUTED, happenings, records_of
from lgsp.evidence.words import happening
from signing.report import Verdict as Word
from signing.words import STATES

VIETNAM = timezone(timedelta(hours=7))
MAX_LANES, MAX_STEPS = 5, 22  # of the drawing; the rest stands in the list
_MAX_LISTED = 60
_OPERATOR = "người vận hành trục · the hub's operator"
_GOOD = frozenset({"delivered", "fetched", "recall_agreed"})
_BAD = frozenset({"refused", "dead", "expired", "cancelled", "recall_refused"})
_TROUBLE = frozenset({"attempted", "retried", "parked", "recall_requested"})
_WEIGHTS = {Word.VERIFIED: "good", Word.REVOKED: "bad", Word.NOT_VERIFIED: "bad"}


class Pair(msgspec.Struct, frozen=True):
    vi: str
    en: str


class Fact(msgspec.Struct, frozen=True):
    """A line of a table: what, in both languages, and the value; `mono`: of hexadecimal or base64."""

    label: Pair
    value: str
    mono: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the drawing: from one lane to another (0: the sender, 1: the hub, 2 and up: recipients). `weight`: its colour."""

    at: str
    begins: int
    ends: int
    label: Pair
    note: str
    weight: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    at: str
    who: str
    label: Pair
    note: str


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    place: str
    verdict: Pair
    weight: str
    who: str
    certificate: str
    method: str


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    kind: Pair
    facts: tuple[Fact, ...]
    lanes: tuple[str, ...]
    steps: tuple[Step, ...]
    steps_left_out: int
    lines: tuple[Line, ...]
    lines_left_out: int
    signatures: tuple[Signature, ...]
    digests: tuple[Fact, ...]
    erased: bool


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    hub: str
    subject: str
    made_at: str
    made_for: str
    whole: bool
    messages: tuple[MessageView, ...]
    log: tuple[Fact, ...]


def report_view(content: BundleContent) -> ReportView:
    """Raises RecordInvalid for a leaf that is no record."""
    return ReportView(
        hub=_named(content.hub, content),
        subject=content.subject,
        made_at=_clock(content.made_at),
        made_for=_OPERATOR if content.made_for == "operator" else _named(content.made_for, content),
        whole=content.view == "whole",
        messages=tuple(_message(one, content) for one in content.messages),
        log=() if content.log is None else _log(content.log),
    )


def _message(one: MessageContent, content: BundleContent) -> MessageView:
    envelope, kind = one.envelope, find(one.envelope.kind)
    told = happenings(one.leaves, records_of(one.leaves))
    recipients = list(dict.fromkeys(each.recipient for each in told if each.recipient)) or list(envelope.recipients)
    lanes, steps = recipients[:MAX_LANES], [step for each in told for step in _steps(each, recipients[:MAX_LANES])]
    return MessageView(
        title=f"{envelope.sender}/{envelope.message_id}",
        kind=Pair(kind.title_vi, kind.title_en),
        facts=_facts(one, content),
        lanes=(_named(envelope.sender, content), _named(content.hub, content), *(_named(lane, content) for lane in lanes)),
        steps=tuple(steps[:MAX_STEPS]),
        steps_left_out=max(0, len(steps) - MAX_STEPS),
        lines=tuple(_line(each, content) for each in told[:_MAX_LISTED]),
        lines_left_out=max(0, len(told) - _MAX_LISTED),
        signatures=() if one.examination is None else tuple(map(_signature, one.examination.findings)),
        digests=_digests(one),
        erased=one.erased,
    )


def _facts(one: MessageContent, content: BundleContent) -> tuple[Fact, ...]:
    envelope = one.envelope
    named = "; ".join(f"{each.scheme}: {each.value}" for each in envelope.identifiers[:8])
    return (
        Fact(Pair("Bên gửi", "Sender"), _named(envelope.sender, content)),
        Fact(Pair("Nơi nhận", "Recipients"), "; ".join(_named(each, content) for each in envelope.recipients[:12])),
        *((Fact(Pair("Mã số", "Identifiers"), named),) if named else ()),
        Fact(Pair("Trục đã tiếp nhận lúc", "Accepted by the hub"), f"{_clock(one.accepted_at)}, № {one.sequence}"),
    )


def _digests(one: MessageContent) -> tuple[Fact, ...]:
    body = hashlib.sha256(one.envelope.body).hexdigest()
    return (
        Fact(Pair("Phong bì, như trong biên nhận", "Envelope, as in the receipt"), one.digest, mono=True),
        *(() if one.erased else (Fact(Pair("Nội dung", "Body"), f"sha256:{body}", mono=True),)),
        *(Fact(Pair(each.name or "tệp", each.name or "file"), each.digest, mono=True) for each in one.attachments[:24]),
    )


def _log(log: LogContent) -> tuple[Fact, ...]:
    stamps = ", ".join(authority for authority, _ in log.stamps)
    return (
        Fact(Pair("Nhật ký bằng chứng", "Log"), log.origin),
        Fact(Pair("Số dòng tại điểm kiểm chứng", "Entries at the checkpoint"), str(log.size)),
        *(Fact(Pair("Khóa của nhật ký, để đối chiếu", "Key of the log, to be compared"), one, mono=True) for one in log.vkeys),
        Fact(Pair("Dấu thời gian (RFC 3161)", "Time-stamps (RFC 3161)"), stamps or "–"),
    )


def _steps(one: Happening, lanes: list[str]) -> list[Step]:
    """What is seen between two parties; what is to be drawn of a recipient without a lane is left out."""
    if one.name == ROUTED or (one.recipient and one.recipient not in lanes):
        return []
    hub, far = 1, lanes.index(one.recipient) + 2 if one.recipient else 1
    ways = {"accepted": (0, hub), "fetched": (far, hub), "recall_requested": (0, far)}
    inside = one.name in ("waiting", "ready", "queued", "released", "parked", "expired", "replayed", "resolved", "body_erased")
    begins, ends = ways.get(one.name, (hub, hub) if inside else (hub, far))
    note = ", ".join(part for part in (f"lần {one.attempt}" if one.attempt else "", one.reason) if part)
    return [Step(at=_clock(one.at), begins=begins, ends=ends, label=_label(one.name), note=note[:40], weight=_weight(one.name))]


def _line(one: Happening, content: BundleContent) -> Line:
    number = f"№ {one.number}" if one.number else ""
    attempt = f"lần · attempt {one.attempt}" if one.attempt else ""
    reason = " · ".join(happening(one.reason)) if one.name == ROUTED and one.reason else one.reason
    note = "; ".join(part for part in (number, attempt, reason, one.detail[:160]) if part)
    who = _named(one.recipient, content) if one.recipient else ""
    return Line(index=one.index, at=_clock(one.at), who=who, label=_label(one.name), note=note)


def _signature(one: Verdict) -> Signature:
    words = STATES[Word(one.verdict)]
    who = " ".join(part for part in (one.capacity, one.on_behalf_of, one.title, one.name) if part)
    certificate = one.certificate
    return Signature(
        place=one.place,
        verdict=Pair(words.vi, words.en),
        weight=_WEIGHTS.get(Word(one.verdict), "trouble"),
        who=who,
        certificate="" if certificate is None else f"{certificate.subject} (SHA-256 {certificate.sha256})",
        method=one.profile,
    )


def _weight(name: str) -> str:
    return "good" if name in _GOOD else "bad" if name in _BAD else "trouble" if name in _TROUBLE else "plain"


def _label(name: str) -> Pair:
    words = happening(name)
    return Pair(words.vi, words.en)


def _named(code: str, content: BundleContent) -> str:
    name = content.names.get(code, "")
    return f"{name} ({code})" if name else code


def _clock(at: datetime) -> str:
    return at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")
