"""The message everything is measured with: a valid case.file of 8 KB, of which only message id and case number differ."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from contracts import wire
from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from contracts.kinds.case import CaseFile, Paper, ProgressLine
from contracts.kinds.examples import CASE_FILE

ENVELOPE_BYTES = 8192
SENDER = AgencyCode("H01.134")
RECIPIENTS = tuple(AgencyCode(f"H01.{number:02}") for number in range(1, 25))  # the departments of a province
NUMBER_DIGITS = 9

_HOLE = "987654321"  # stands nowhere else in the message
_MESSAGE_ID = f"bench-{_HOLE}"
_CASE_NUMBER = f"H01.134-20261118-{_HOLE}"
_ID_MARK = b'"message_id":"bench-'


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON envelope with holes for its number; every message made from it has the same length."""

    pieces: tuple[bytes, ...]
    length: int

    def message(self, number: int) -> bytes:
        return f"{number:0{NUMBER_DIGITS}}".encode().join(self.pieces)


def number_in(octets: bytes) -> int:
    """Which message this is, or which one a delivery carries; -1 when it is none of ours."""
    at = octets.find(_ID_MARK)
    start = at + len(_ID_MARK)
    return int(octets[start : start + NUMBER_DIGITS]) if at >= 0 else -1


def templates(created_at: datetime | None = None) -> tuple[Template, ...]:
    """One per recipient."""
    moment = created_at or datetime.now(UTC) - timedelta(seconds=1)
    return tuple(_template(recipient, moment) for recipient in RECIPIENTS)


def _template(recipient: AgencyCode, created_at: datetime) -> Template:
    short = wire.render(_envelope(recipient, created_at, "."))
    octets = wire.render(_envelope(recipient, created_at, "." * (1 + ENVELOPE_BYTES - len(short))))
    return Template(tuple(octets.split(_HOLE.encode())), len(octets))


def _envelope(recipient: AgencyCode, created_at: datetime, note: str) -> Envelope:
    return Envelope(
        message_id=_MESSAGE_ID,
        sender=SENDER,
        recipients=(recipient,),
        kind="case.file/1",
        created_at=created_at,
        body=msgspec.json.encode(_case(note)),
        identifiers=(Identifier("case", _CASE_NUMBER),),
    )


def _case(note: str) -> CaseFile:
    """The land case of the published examples, with the papers and steps that a case gathers."""
    land = CASE_FILE[0].body
    assert isinstance(land, CaseFile)
    paper, line = land.papers[0], land.progress[0]
    return msgspec.structs.replace(
        land,
        case_number=_CASE_NUMBER,
        aliases=(),
        papers=tuple(_paper(paper, number) for number in range(1, 13)),
        progress=tuple(_step(line, number) for number in range(1, 8)),
        note=note,
    )


def _paper(paper: Paper, number: int) -> Paper:
    return msgspec.structs.replace(paper, name=f"{paper.name}, bản số {number}")


def _step(line: ProgressLine, number: int) -> ProgressLine:
    return msgspec.structs.replace(line, action=f"{line.action} (bước {number})")
