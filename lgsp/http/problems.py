"""Refusals on the wire: problem details (RFC 9457) in Vietnamese and English, and what becomes of every exception."""

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from contracts.errors import ContractError
from contracts.problems import CATALOGUE
from contracts.receipt import Refusal
from lgsp.errors import QuotaExceeded, Unavailable
from lgsp.http.signed import PROBLEM_TYPE, REFUSAL_TYPE

ANSWER_HEADERS = web.RequestKey("answer_headers", dict[str, str])  # what a protocol wants beside any refusal of this request
MESSAGE_ID = web.RequestKey("message_id", str)  # of the envelope a request brought, once it could be read


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused, where, and how to mend it. `code` is stable: programs may branch on it."""

    type: Annotated[str, Meta(description="urn:lgsp:problem:<code>", pattern=r"^urn:lgsp:problem:[a-z_]+\.[a-z_]+$")]
    title: Annotated[str, Meta(description="What is wrong, in English")]
    title_vi: Annotated[str, Meta(description="What is wrong, in Vietnamese")]
    status: int
    detail: Annotated[str, Meta(description="A technical addition in English; may be empty")]
    code: Annotated[str, Meta(description="Stable code of the catalogue", extra_json_schema={"enum": sorted(CATALOGUE)})]
    field: Annotated[str, Meta(description="Where: a JSON pointer into what was sent, or the name of a header or parameter")]
    remedy: str
    remedy_vi: str
    retryable: Annotated[bool, Meta(description="The same bytes may succeed later without anybody changing anything")]
    instance: Annotated[str, Meta(description="urn:lgsp:trace:<trace id>, for the operator")]
    message_id: str | UnsetType = UNSET
    signed: Annotated[
        str | UnsetType,
        Meta(description=f"The refusal as the hub signed it: a compact JWS with `typ` {REFUSAL_TYPE}, over a body of refusal/1"),
    ] = UNSET


_encode = msgspec.json.Encoder().encode


def problem_of(refusal: Refusal, trace_id: str, signed: str | None = None) -> Problem:
    return Problem(
        type=f"urn:lgsp:problem:{refusal.code}",
        title=refusal.title_en,
        title_vi=refusal.title_vi,
        status=refusal.status,
        detail=refusal.detail,
        code=refusal.code,
        field=refusal.field,
        remedy=refusal.remedy_en,
        remedy_vi=refusal.remedy_vi,
        retryable=refusal.retryable,
        instance=f"urn:lgsp:trace:{trace_id}",
        message_id=UNSET if refusal.message_id is None else refusal.message_id,
        signed=UNSET if signed is None else signed,
    )


def problem_response(refusal: Refusal, trace_id: str, signed: str | None = None) -> web.Response:
    """The answer for one refusal; headers that a status calls for are added by who knows them."""
    problem = problem_of(refusal, trace_id, signed)
    headers = {"Content-Type": PROBLEM_TYPE, "Content-Language": "en, vi", "Cache-Control": "no-store"}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lgsp"'
    return web.Response(body=_encode(problem), status=refusal.status, headers=headers)


def refusal_of(error: Exception, message_id: str | None = None, sender: str | None = None) -> Refusal | None:
    """What to tell the caller; None for an error nobody foresaw."""
    match error:
        case ContractError(code=code, field=field, detail=detail):
            return Refusal.of(code, field, detail, message_id=message_id, sender=sender)
        case QuotaExceeded(code=code):
            return Refusal.of(code, "", str(error), message_id=message_id, sender=sender)
        case Unavailable(code=code):
            return Refusal.of(code, message_id=message_id, sender=sender)
        case web.HTTPException():
            return _refusal_of_http(error)
        case web.RequestPayloadError():
            return Refusal.of("request.malformed", "", "the framing of the body is broken")
        case RecursionError():  # msgspec stops at the interpreter's depth
            return Refusal.of("request.malformed", "", "nested too deeply", message_id=message_id, sender=sender)
        case _:
            return None


def unforeseen(message_id: str | None = None, sender: str | None = None) -> Refusal:
    """What the caller learns of a bug: that it is ours."""
    return Refusal.of("hub.internal", message_id=message_id, sender=sender)


def _refusal_of_http(error: web.HTTPException) -> Refusal:
    """aiohttp's own refusals (no such route, wrong method, ...) in our words; it raises none of status 500 and above."""
    match error:
        case web.HTTPMethodNotAllowed():
            return Refusal.of("request.method_not_allowed", "", f"allowed: {', '.join(sorted(error.allowed_methods))}")
        case web.HTTPNotFound():
            return Refusal.of("request.not_found")
        case web.HTTPRequestEntityTooLarge():
            return Refusal.of("request.too_large")
        case _:
            return Refusal.of("request.malformed", "", error.reason)
