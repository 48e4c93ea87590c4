"""A province's REST variant of the bus: its operations, and what they answer, as JSON.

Source: what one province's integration guide and one client in service make of it (README); nobody has published a schema.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.edxml_bus import codes
from contracts.facade import Answer, Operation, Parameter
from contracts.receipt import Refusal

JSON, TEXT = "application/json", "text/plain"
SYSTEM_ID, SECRET_KEY, AUTHORIZATION = "X-SystemId", "X-SecretKey", "Authorization"

_STEP_CHARS = 2**20

TELLING = frozenset({"sendEdoc", "updateStatus"})  # answered with an Outcome

Message = Literal["edoc", "status"]


class Outcome(msgspec.Struct, kw_only=True, rename="camel"):
    """Of sendEdoc and updateStatus. `errorCode` "0": done."""

    doc_id: str | None
    status: Literal["success", "error"]
    error_code: str
    error_desc: str


class Told(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What was done, or why not. `code` is the hub's own code of a refusal, `refusal` the same as the hub signed it."""

    success: bool
    message: str
    doc_id: str | UnsetType = UNSET
    data: Outcome
    code: str = ""
    refusal: str = ""


class Row(msgspec.Struct, kw_only=True, rename="camel"):
    """A packet that waits for the caller."""

    service_type: str
    created_time: str
    updated_time: str
    message_type: Message
    doc_id: str
    from_: str = msgspec.field(name="from")
    to: str
    status: Literal["initial", "processing"]
    status_desc: str


class Reply(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """Of the calls that fetch; a refusal has no data. `code` and `refusal` as above."""

    success: bool
    message: str
    error_code: str = ""
    code: str = ""
    refusal: str = ""


class Listing(Reply, kw_only=True):
    count: int | UnsetType = UNSET
    data: list[Row] | UnsetType | None = UNSET


class Packet(msgspec.Struct, kw_only=True, rename="camel"):
    """`edxml`: the packet as text."""

    doc_id: str
    from_: str = msgspec.field(name="from")
    from_name: str
    edoc_code: str
    edoc_abstract: str
    edxml: str


class Fetched(Reply, kw_only=True):
    data: Packet | UnsetType | None = UNSET


class Body(msgspec.Struct, kw_only=True, rename="camel"):
    org_code: str
    org_name: str
    parent_code: str | None


class Bodies(Reply, kw_only=True):
    data: list[Body] | UnsetType | None = UNSET


class Login(msgspec.Struct, kw_only=True):
    """Other members are passed over."""

    username: str
    password: str


class User(msgspec.Struct, kw_only=True):
    id: str
    username: str
    name: str
    token: str


class LoggedIn(Reply, kw_only=True):
    data: User | UnsetType | None = UNSET


class Update(msgspec.Struct, kw_only=True, rename="camel"):
    doc_id: str
    status: str | int


class Unauthorized(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """With HTTP status 401. `hubCode`, `refusal`: as `code` and `refusal` elsewhere."""

    error_detail: str
    code: int
    message: str
    license_info: str
    total_time: int
    hub_code: str = ""
    refusal: str = ""


def render(said: Any, status: int = 200) -> Answer:
    octets = json.dumps(msgspec.to_builtins(said), separators=(",", ":"), ensure_ascii=True).encode()
    return Answer(status=status, headers={"Content-Type": f"{JSON}; charset=utf-8"}, body=octets)


def fetched(packet: Packet, text: str) -> Answer:
    """With `text` as its `edxml`, the last member. Of any size, in steps that let other threads in between."""
    empty = render(Fetched(success=True, message="OK", data=packet))
    pieces = (json.dumps(text[at : at + _STEP_CHARS])[1:-1].encode() for at in range(0, len(text), _STEP_CHARS))
    return Answer(status=200, headers=empty.headers, body=b"".join((empty.body[: -len(b'"}}')], *pieces, b'"}}')))


def told(doc_id: str) -> Answer:
    data = Outcome(doc_id=doc_id, status="success", error_code=codes.OK, error_desc="")
    return render(Told(success=True, message="OK", doc_id=doc_id, data=data))


def refused(operation: str, refusal: Refusal, signed: str | None) -> Answer:
    """ "Not now" has no JSON: a client in service takes any JSON as the last word, and comes again after everything else."""
    text = codes.description(refusal)
    if refusal.retryable:
        body = f"{codes.error_code(refusal)} {text}".encode("utf-8", "replace")
        return Answer(status=refusal.status, headers={"Content-Type": f"{TEXT}; charset=utf-8"}, body=body)
    if refusal.status == 401:
        return render(
            Unauthorized(
                error_detail=text,
                code=401,
                message=f"{refusal.title_vi} / {refusal.title_en}",
                license_info="",
                total_time=0,
                hub_code=refusal.code,
                refusal=signed or "",
            ),
            401,
        )
    if operation not in TELLING:
        return render(
            Reply(success=False, message=text, error_code=codes.error_code(refusal), code=refusal.code, refusal=signed or "")
        )
    data = Outcome(doc_id=None, status="error", error_code=codes.error_code(refusal), error_desc=text)
    return render(Told(success=False, message=text, data=data, code=refusal.code, refusal=signed or ""))


_TROUBLES: Mapping[int, Mapping[str, Any]] = {
    401: {JSON: Unauthorized},
    **{status: {TEXT: str} for status in (408, 429, 500, 502, 503, 504)},
}
_WHO = (
    Parameter(name=SYSTEM_ID, description="The client id that the hub gave the system"),
    Parameter(name=SECRET_KEY, description="Its secret"),
    Parameter(name=AUTHORIZATION, description="Bearer and the token of /v1/auth/login; where the two others are missing"),
)
_TYPE = Parameter(name="messageType", description="Documents (where nothing is said), or business statuses", schema=Message)
_DAYS = (
    Parameter(name="fromDate", description="YYYY/MM/DD; optional"),
    Parameter(name="toDate", description="YYYY/MM/DD, the day included; optional"),
)
_DOC_ID = Parameter(name="docId", description="As the list named it", required=True)


def _answers(answer: Any) -> Mapping[int, Mapping[str, Any]]:
    return {200: {JSON: answer}, **_TROUBLES}


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/auth/login",
        name="login",
        summary="A token, for clients that want one: it says no more than client id and secret do",
        query=(Parameter(name="allow_anonymous", description="Passed over"),),
        body={JSON: Login},
        answers=_answers(LoggedIn),
        credentials_in_body=True,
    ),
    Operation(
        method="POST",
        path="/v1/sendEdoc",
        name="sendEdoc",
        summary="Send a packet: the part edocFile",
        headers=_WHO,
        body={"multipart/form-data": None},
        answers=_answers(Told),
        may_be_large=True,
    ),
    Operation(
        method="GET",
        path="/v1/syncReceivedEdocList",
        name="syncReceivedEdocList",
        summary="Packets that wait for the caller",
        headers=_WHO,
        query=(_TYPE, *_DAYS),
        answers=_answers(Listing),
    ),
    Operation(
        method="GET",
        path="/v1/getEdoc",
        name="getEdoc",
        summary="A packet, as text",
        headers=_WHO,
        query=(_DOC_ID,),
        answers=_answers(Fetched),
    ),
    Operation(
        method="POST",
        path="/v1/updateStatus",
        name="updateStatus",
        summary="Delivery state (done, fail ...) or business status (01 to 16) of a packet",
        headers=_WHO,
        body={JSON: Update},
        answers=_answers(Told),
    ),
    Operation(
        method="GET",
        path="/v1/getAgenciesList",
        name="getAgenciesList",
        summary="The directory",
        headers=_WHO,
        answers=_answers(Bodies),
    ),
)
