"""Which dead letters a caller means, and which of them it may see or do something about.

An agency sees those of which it is the sender or the recipient (of copies: the recipient), and replays and resolves those that
were for it. The operator, whose agency is the hub itself, sees and does all.
"""

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from contracts.agency import MAX_CODE_CHARS, AgencyCode, agency_code
from contracts.envelope import MAX_IDENTIFIER_CHARS
from contracts.errors import ContractError
from contracts.text import identifier_key
from lgsp.core.directory import Agency, Directory
from lgsp.core.replay import DeadLetterFilter
from lgsp.http.parties import is_operator
from lgsp.http.reading import MAX_ID, Query

MAX_CHOSEN = 1000

_Code = Annotated[str, Meta(min_length=1, max_length=MAX_CODE_CHARS)]
_Kind = Annotated[str, Meta(pattern=r"^[a-z0-9_.]{1,60}(/[0-9]{1,4})?$", examples=["case.file", "case.file/1"])]
_Reason = Annotated[str, Meta(pattern=r"^[a-z_.]{1,60}$", examples=["delivery.retries_exhausted"])]
_Moment = Annotated[datetime, Meta(tz=True)]
_Case = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTIFIER_CHARS)]
_Id = Annotated[int, Meta(ge=1, le=MAX_ID)]


class DeadLetterChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every condition that is given must hold. `kind` with or without its version, `reason` a code of the catalogue, `since` and
    `until` bound the moment of giving up (until excluded), `case` is any identifier of the case."""

    sender: _Code | None = None
    recipient: _Code | None = None
    kind: _Kind | None = None
    reason: _Reason | None = None
    since: _Moment | None = None
    until: _Moment | None = None
    case: _Case | None = None
    delivery_ids: Annotated[tuple[_Id, ...], Meta(max_length=MAX_CHOSEN)] = ()


_CONDITIONS: tuple[Query[Any], ...] = (
    Query("sender", _Code, None, "only what this agency sent"),
    Query("recipient", _Code, None, "only what was for this agency"),
    Query("kind", _Kind, None, "only this kind, with or without its version"),
    Query("reason", _Reason, None, "only what was given up for this reason, a code of the catalogue"),
    Query("since", _Moment, None, "only what was given up at this moment or later"),
    Query("until", _Moment, None, "only what was given up before this moment"),
    Query("case", _Case, None, "only what bears this identifier of a case, document or parcel"),
)
_ONE: Query[Any] = Query("delivery_id", _Id, None, "only this delivery")
CONDITIONS: tuple[Query[Any], ...] = (*_CONDITIONS, _ONE)


def choice_in_query(request: web.Request) -> DeadLetterChoice:
    """Raises ContractError "request.field_invalid"."""
    given = {query.name: query.read(request) for query in _CONDITIONS}
    one = _ONE.read(request)
    return DeadLetterChoice(**given, delivery_ids=() if one is None else (one,))


def check_meant(choice: DeadLetterChoice, everything: bool) -> None:
    """Nobody moves or closes all of them by leaving something out. Raises ContractError "dead_letter.filter_empty"."""
    if choice == DeadLetterChoice() and not everything:
        raise ContractError("dead_letter.filter_empty", "/which")


def seen_by(
    caller: Agency, choice: DeadLetterChoice, directory: Directory, today: date, *, prefix: str = "", resolved: bool = False
) -> DeadLetterFilter:
    """Those of the chosen ones that the caller may see. `prefix`: where the choice stands in the request.

    Raises ContractError "agency.code_malformed" or "request.field_invalid".
    """
    return DeadLetterFilter(
        party=None if is_operator(caller) else caller.code,
        sender=_key(choice.sender, directory, today, prefix + "sender"),
        recipient=_key(choice.recipient, directory, today, prefix + "recipient"),
        kind=choice.kind,
        reason=choice.reason,
        since=choice.since,
        until=choice.until,
        case=_case(choice.case, prefix + "case"),
        delivery_ids=choice.delivery_ids,
        resolved=resolved,
    )


def moved_by(caller: Agency, choice: DeadLetterChoice, directory: Directory, today: date) -> DeadLetterFilter:
    """Those of the chosen ones that the caller may replay or resolve. As `seen_by`; raises ContractError "access.operator_only"
    for an agency that names another recipient."""
    which = seen_by(caller, choice, directory, today, prefix="/which/")
    if is_operator(caller):
        return which
    if which.recipient not in (None, caller.code):
        raise ContractError("access.operator_only", "/which/recipient", f"{which.recipient} is not the caller {caller.code}")
    return msgspec.structs.replace(which, recipient=caller.code)


def choice_of(which: DeadLetterFilter) -> DeadLetterChoice:
    """The filter as it is shown."""
    return DeadLetterChoice(
        sender=which.sender,
        recipient=which.recipient,
        kind=which.kind,
        reason=which.reason,
        since=which.since,
        until=which.until,
        case=which.case,
        delivery_ids=which.delivery_ids,
    )


def _key(code: str | None, directory: Directory, today: date, field: str) -> AgencyCode | None:
    """The directory's own code: letters are kept under it."""
    if code is None:
        return None
    known = directory.known_as(agency_code(code, field), today)
    if known is None:
        raise ContractError("request.field_invalid", field, f"no agency has the code {code}")
    return known.code


def _case(text: str | None, field: str) -> str | None:
    if text is not None and not identifier_key(text).isprintable():
        raise ContractError("request.field_invalid", field, "printable characters only")
    return text
