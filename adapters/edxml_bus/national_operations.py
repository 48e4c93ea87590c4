"""The operations of the national bus's client API, as the router and the OpenAPI document want them.

Sources: README, "Where each rule comes from". What stands here as a header counts only as part of the signed text.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from adapters.edxml_bus.headers import KEYS, MAC, PREFIX, SIGNED
from adapters.edxml_bus.national_wire import (
    EDXML,
    JSON,
    Agencies,
    AgenciesQd20,
    Basic,
    Content,
    Count,
    DeliveryState,
    Received,
    Registration,
    Sent,
    SentList,
    Units,
)
from contracts.facade import Operation, Parameter

_Number = Annotated[int, Meta(ge=1, le=999_999)]
_Size = Annotated[int, Meta(ge=1, le=500)]


def _parameter(name: str, description: str, schema: Any = str) -> Parameter:
    return Parameter(name=PREFIX + name, description=description, schema=schema)


_SIGNATURE = (
    Parameter(name=SIGNED, description="JSON object of the other headers of this prefix and their values; what counts"),
    Parameter(name=KEYS, description="Their names without prefix, joined by semicolons"),
    Parameter(name=MAC, description="HMAC-SHA256 of that JSON under the system's secret, 64 hex digits"),
    _parameter("systemid", "The client id that the hub gave the system"),
    _parameter("timestamp", "ddMMyyyy'T'HHmmss+SSSS, Vietnam's time, the last four digits milliseconds"),
)
_DOC_ID = _parameter("docId", "As getReceivedEdocList or sendEdoc named it")
_TYPE = _parameter("messagetype", "Documents, or business statuses", Literal["edoc", "status"])
_SERVICE = _parameter("servicetype", "eDoc")
_PERIOD = (
    _parameter("fromDate", "yyyy/MM/dd or dd/MM/yyyy, also with HH:mm:ss; optional"),
    _parameter("toDate", "The same; the day counts as a whole"),
)


def _operation(
    method: str,
    path: str,
    summary: str,
    answer: Any,
    *headers: Parameter,
    name: str = "",
    body: Mapping[str, Any] | None = None,
    media_type: str = JSON,
    large: bool = False,
) -> Operation:
    troubles: dict[int, Mapping[str, Any]] = {status: {JSON: Basic} for status in (429, 500, 503)}
    if media_type == EDXML:
        troubles = {status: {EDXML: None} for status in (401, 403, 404, 410, 413, 422, 429, 500, 503)}
    return Operation(
        method=method,
        path=path,
        name=name or path.removeprefix("/"),
        summary=summary,
        headers=(*_SIGNATURE, *headers),
        body=body or {},
        answers={200: {media_type: answer}, **troubles},
        may_be_large=large,
    )


OPERATIONS = (
    _operation(
        "POST",
        "/sendEdoc",
        "Send a packet: the file as the part file_doc, or as the whole body",
        Sent,
        _parameter("from", "The systemid, or a code of the calling agency"),
        _SERVICE,
        _TYPE,
        _parameter("to", "JSON array of codes: to these instead of those in the packet; optional"),
        _parameter("hash-file", "SHA-256 of the file in hex"),
        body={"multipart/form-data": None, "application/octet-stream": None},
        large=True,
    ),
    _operation(
        "POST",
        "/getReceivedEdocList",
        "Packets that wait for the caller: what was not set to done or fail",
        Received,
        _SERVICE,
        _TYPE,
        *_PERIOD,
        _parameter("pageSize", "Optional", _Size),
        _parameter("pageIndex", "Optional", _Number),
    ),
    _operation("POST", "/getEdoc", "A packet, in base64", Content, _DOC_ID, _parameter("filePath", "The client's own affair")),
    _operation("GET", "/downloadEdoc", "A packet as a file", None, _DOC_ID, media_type=EDXML),
    _operation("GET", "/countReceiveEdoc", "How many documents wait", Count),
    _operation("POST", "/countReceiveEdoc", "The same, as the library really asks", Count, name="countReceiveEdocByPost"),
    _operation("GET", "/countReceiveStatus", "How many statuses wait", Count),
    _operation("POST", "/countReceiveStatus", "The same, as the library really asks", Count, name="countReceiveStatusByPost"),
    _operation(
        "POST", "/updateStatus", "The delivery state of a packet that was received", Basic, _DOC_ID,
        _parameter("status", "done: stored; fail: could not be stored. Business statuses are packets: sendEdoc", DeliveryState),
        _parameter("description", "Why, where it is fail; its sender is told. Optional"),
    ),
    _operation("POST", "/getSentEdocList", "What became of what was sent", SentList, _SERVICE, _TYPE, _DOC_ID, *_PERIOD),
    _operation("POST", "/getAgenciesList", "The directory", Agencies),
    _operation(
        "POST", "/getAgenciesListQD20", "The directory by codes of Decision 20/2020/QĐ-TTg", AgenciesQd20,
        _parameter("level", "Only codes of so many groups; optional", _Number),
    ),
    _operation("POST", "/getSynchronizeUnit", "The directory, closed bodies too", Units),
    _operation(
        "POST", "/registerAgency", "A body that the caller's system works for too", Basic, body={JSON: Registration}
    ),
    _operation("POST", "/deleteAgency", "It does not any more", Basic, _parameter("AgencyCode", "Its code")),
)  # fmt: skip
