"""What the national bus's client API answers, as JSON.

Texts are never null and what has no value is left out: the Java library takes every member as a string without looking first.
"""

import binascii
import json
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.edxml_bus import codes
from contracts.facade import Answer
from contracts.receipt import Refusal

JSON = "application/json"
EDXML = "application/xml"
CODE_HEADER = "Lgsp-Refusal"  # where an answer has no JSON
DOWNLOAD = "downloadEdoc"
_STEP_BYTES = 3 * 2**18

WaitingState = Literal["inbox", "processing"]
DeliveryState = Literal["inbox", "processing", "done", "fail"]


class Basic(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every answer; what the others add is in no refusal. Behind `ErrorDesc` stands this hub's addition, which clients of the bus
    pass over: the hub's own code of a refusal, and the refusal as the hub signed it (compact JWS)."""

    status: Literal["OK", "FAIL"]
    error_code: str = msgspec.field(name="ErrorCode")
    error_desc: str = msgspec.field(name="ErrorDesc")
    code: str = ""
    refusal: str = ""


class Sent(Basic, kw_only=True):
    """`DocId` is empty in a refusal, never missing."""

    doc_id: str = msgspec.field(name="DocId")


class Row(msgspec.Struct, kw_only=True):
    """A packet that waits for the caller."""

    doc_id: str = msgspec.field(name="docId")
    service_type: str = msgspec.field(name="serviceType", default="eDoc")
    message_type: Literal["edoc", "status"] = msgspec.field(name="messageType")
    created_time: str
    updated_time: str
    from_: str = msgspec.field(name="from")
    to: str
    status: WaitingState
    status_desc: str


class Received(Basic, kw_only=True):
    data: list[Row] | UnsetType = UNSET


class Content(Basic, kw_only=True):
    """`data`: the packet in base64."""

    data: str | UnsetType = UNSET


class Count(Basic, kw_only=True):
    count: int | UnsetType = UNSET


class SentRow(msgspec.Struct, kw_only=True):
    """One delivery of a packet that the caller sent."""

    service_type: str = msgspec.field(name="serviceType", default="eDoc")
    message_type: Literal["edoc", "status"] = msgspec.field(name="messageType")
    sender_doc_id: str = msgspec.field(name="senderDocId")
    receiver_doc_id: str = msgspec.field(name="receiverDocId")
    from_code: str = msgspec.field(name="fromCode")
    to_code: str = msgspec.field(name="toCode")
    title: str
    notation: str
    sent_time: str = msgspec.field(name="sentTime")
    received_time: str = msgspec.field(name="receivedTime")
    send_status: DeliveryState = msgspec.field(name="sendStatus")
    send_status_desc: str = msgspec.field(name="sendStatusDesc")
    receive_status: DeliveryState = msgspec.field(name="receiveStatus")
    receive_status_desc: str = msgspec.field(name="receiveStatusDesc")


class SentList(Basic, kw_only=True):
    data: list[SentRow] | UnsetType = UNSET


class AgencyRow(msgspec.Struct, kw_only=True):
    """`oldCode`: of QCVN 102:2016, where the directory knows one."""

    id: str
    pid: str
    code: str
    old_code: str = msgspec.field(name="oldCode")
    name: str
    mail: str


class Agencies(Basic, kw_only=True):
    data: list[AgencyRow] | UnsetType = UNSET


class AgencyRowQd20(msgspec.Struct, kw_only=True):
    """`code` of Decision 20/2020/QĐ-TTg, `code102` of QCVN 102:2016."""

    id: str
    code: str
    code102: str
    name: str
    mail: str


class AgenciesQd20(Basic, kw_only=True):
    data: list[AgencyRowQd20] | UnsetType = UNSET


class Unit(msgspec.Struct, kw_only=True):
    id: str
    pid: str
    code: str
    name: str
    mail: str
    center_code: str = msgspec.field(name="centerCode")
    version: int
    deleted: bool
    modify_date: str = msgspec.field(name="modifyDate")
    is_agency: bool = msgspec.field(name="isAgency")


class Units(Basic, kw_only=True):
    data: list[Unit] | UnsetType = UNSET


class Registration(msgspec.Struct, kw_only=True):
    """`id`, `pcode`, `mail`, `mobile` and `fax` are taken and not used: the body becomes an alias of the calling agency."""

    code: str
    name: str
    id: str | int | None = None
    pcode: str | None = None
    mail: str | None = None
    mobile: str | int | None = None
    fax: str | int | None = None


def well(made: type[Any], **more: Any) -> Any:
    return made(status="OK", error_code=codes.OK, error_desc="Thành công (success)", **more)


def render(said: Any) -> Answer:
    """ASCII: the library reads the answer to sendEdoc as ASCII, everything else as UTF-8."""
    octets = json.dumps(msgspec.to_builtins(said), separators=(",", ":")).encode()
    return Answer(status=200, headers={"Content-Type": f"{JSON}; charset=utf-8"}, body=octets)


def content(packet: bytes) -> Answer:
    """A `Content`. Of a packet of any size, in steps that let other threads in between: its base64 needs no escapes."""
    empty = render(well(Content, data=""))
    pieces = (binascii.b2a_base64(packet[at : at + _STEP_BYTES], newline=False) for at in range(0, len(packet), _STEP_BYTES))
    return Answer(status=200, headers=empty.headers, body=b"".join((empty.body[: -len(b'"}')], *pieces, b'"}')))


def refused(operation: str, refusal: Refusal, signed: str | None) -> Answer:
    """With 200, for some clients never look into another answer; "not now" keeps its status, for they come again after it.

    The library stores whatever downloadEdoc answers as the packet, so a refusal of that has no body.
    """
    status = refusal.status if refusal.retryable else 200
    if operation == DOWNLOAD:
        return Answer(status=refusal.status, headers={"Content-Type": EDXML, CODE_HEADER: refusal.code})
    made: dict[str, Any] = {"doc_id": ""} if operation == "sendEdoc" else {}
    said = (Sent if made else Basic)(
        status="FAIL",
        error_code=codes.error_code(refusal),
        error_desc=codes.description(refusal),
        code=refusal.code,
        refusal=signed or "",
        **made,
    )
    answer = render(said)
    return Answer(status=status, headers=answer.headers, body=answer.body)
