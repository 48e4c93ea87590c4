"""Orders, registrations and cancellations between the interface of Vietnam Post and our kinds. Pure.

`README.md` has the table. Errors name the element of the message that came in, not the field that it becomes.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from adapters.vnpost import tidy
from adapters.vnpost.messages import FLAG_CONFIG, CancelMessage, DocumentMessage, OrderMessage, Person, ProcedureMessage, whole
from contracts.errors import ContractError, what_and_where
from contracts.kinds.postal import PostalCancel, PostalOrder, PostalRegistration, Registrant

M = TypeVar("M", bound=msgspec.Struct)

MAX_TEXT = 1000
_NUMBERED = re.compile(r"(.+)#([2-9]|[1-9][0-9])")
MAX_PAPERS = 200
_TITLES = ("Title", "title", "Name", "name", "TenGiayTo")  # of an object among the elements of a procedure

_ORDER_ELEMENTS = {
    "/customer_code": "/CustomerCode",
    "/order_number": "/OrderNumber",
    "/item_code": "/ItemCode",
    "/cod_amount_vnd": "/CODAmount",
    **{
        f"/{party}/{ours}": f"/{theirs}{name}"
        for party, theirs in (("sender", "Sender"), ("receiver", "Receiver"))
        for ours, name in (("name", "Name"), ("address", "Address"), ("phone", "Tel"), ("province", "Province"))
    },
}
_DOCUMENT_ELEMENTS = {
    "/customer_code": "/CustomerCode",
    "/order_number": "/OrderNumber",
    "/procedure/code": "/Procedure/Code",
    "/procedure/name": "/Procedure/Title",
    **{
        f"/{ours}/{field}": f"/{theirs}/{name}"
        for ours, theirs in (("file_sender", "DocumentSender"), ("result_receiver", "ResultReceiver"))
        for field, name in (("name", "Name"), ("phone", "Phone"), ("address", "Address"))
    },
}


def order_of(message: OrderMessage, direction: str) -> PostalOrder:
    """Raises ContractError "body.invalid" at the element. The order number is the case number, as clients of the post have it."""
    return _made(
        PostalOrder,
        {
            "customer_code": message.customer_code.strip(),
            "order_number": message.order_number.strip(),
            "direction": direction,
            "item_code": tidy.item_code(message.item_code),
            "cod_amount_vnd": whole(message.cod_amount, "/CODAmount"),
            "sender": _party(message, "sender", "Sender"),
            "receiver": _party(message, "receiver", "Receiver"),
            "contents": tidy.line(message.sender_desc, MAX_TEXT),
            "note": tidy.line(message.description, MAX_TEXT),
        },
        _ORDER_ELEMENTS,
    )


def message_of(order: PostalOrder, *, wrapped: bool) -> OrderMessage:
    """What the post is sent; `wrapped`: in the form of the provincial wrapper. Both want a district, where there is none any
    more."""
    sender, receiver = order.sender, order.receiver
    return OrderMessage(
        customer_code=order.customer_code,
        order_number=number_of(order.order_number, order.leg),
        item_code=order.item_code if wrapped else None,
        cod_amount=order.cod_amount_vnd,
        sender_province=sender.province,
        sender_district=sender.district or 0,
        sender_address=sender.address,
        sender_name=sender.name,
        sender_tel=sender.phone,
        sender_email=sender.email or "",
        sender_desc=order.contents or "",
        description=order.note or "",
        receiver_name=receiver.name,
        receiver_address=receiver.address,
        receiver_tel=receiver.phone,
        receiver_province=receiver.province,
        receiver_district=receiver.district or 0,
        receiver_email=receiver.email or "",
        flag_config=FLAG_CONFIG if wrapped else None,
    )


def registration_of(message: DocumentMessage) -> PostalRegistration:
    """Raises ContractError "body.invalid" at the element."""
    choices = {(True, False): "send_file", (False, True): "receive_result", (True, True): "both"}
    choice = choices.get((bool(message.is_send_document), bool(message.is_receive_result)))
    if choice is None:
        raise ContractError("body.invalid", "/IsSendDocument", "neither the file nor the result is to go by post")
    state = None if message.state in (None, "") else whole(message.state, "/State")
    return _made(
        PostalRegistration,
        {
            "customer_code": message.customer_code.strip(),
            "order_number": message.order_number.strip(),
            "choice": choice,
            "procedure": None if message.procedure is None else _procedure(message.procedure),
            "file_sender": _registrant(message.document_sender) if message.is_send_document else None,
            "result_receiver": _registrant(message.result_receiver) if message.is_receive_result else None,
            "state_code": state,
        },
        _DOCUMENT_ELEMENTS,
    )


def document_of(registration: PostalRegistration) -> DocumentMessage:
    procedure = registration.procedure
    return DocumentMessage(
        customer_code=registration.customer_code,
        order_number=registration.order_number,
        procedure=None
        if procedure is None
        else ProcedureMessage(
            code=procedure.code, title=procedure.name, category=procedure.field, elements=list(procedure.papers) or None
        ),
        is_send_document=registration.choice != "receive_result",
        document_sender=_person(registration.file_sender),
        is_receive_result=registration.choice != "send_file",
        result_receiver=_person(registration.result_receiver),
        state=registration.state_code,
    )


def cancel_of(message: CancelMessage, direction: str | None, cancelled_at: str) -> PostalCancel:
    """`cancelled_at`: RFC 3339. Raises ContractError "body.invalid" at the element."""
    return _made(
        PostalCancel,
        {
            "customer_code": message.customer_code.strip(),
            "order_number": message.order_number.strip(),
            "direction": direction,
            "reason": tidy.line(message.description, MAX_TEXT) or "cancelOrder",
            "cancelled_at": cancelled_at,
        },
        _ORDER_ELEMENTS,
    )


def cancel_message_of(cancel: PostalCancel) -> CancelMessage:
    return CancelMessage(customer_code=cancel.customer_code, order_number=number_of(cancel.order_number, cancel.leg))


def number_of(order_number: str, leg: int) -> str:
    """The interface knows no legs: the second parcel of an order goes out as another order, "…0042#2"."""
    return order_number if leg == 1 else f"{order_number}#{leg}"


def leg_of(order_number: str) -> tuple[str, int]:
    """The other way round."""
    found = _NUMBERED.fullmatch(order_number)
    return (found[1], int(found[2])) if found else (order_number, 1)


def _party(message: OrderMessage, ours: str, theirs: str) -> dict[str, Any]:
    def given(name: str) -> Any:
        return getattr(message, f"{ours}_{name}")

    return {
        "name": tidy.line(given("name"), 200) or "",
        "address": tidy.line(given("address"), MAX_TEXT) or "",
        "phone": tidy.phone(given("tel")) or "",
        "province": whole(given("province"), f"/{theirs}Province"),
        "district": whole(given("district"), f"/{theirs}District") or None,
        "email": tidy.email(given("email")),
    }


def _registrant(person: Person | None) -> dict[str, Any] | None:
    if person is None:
        return None
    return {
        "name": tidy.line(person.name, 200) or "",
        "phone": tidy.phone(person.phone) or "",
        "address": tidy.line(person.address, MAX_TEXT) or "",
        "province_code": tidy.code(_said(person.province_code)),
        "province_name": tidy.line(person.province_title, 200),
        "district_code": tidy.code(_said(person.district_code)),
        "district_name": tidy.line(person.district_title, 200),
        "email": tidy.email(person.email),
    }


def _person(one: Registrant | None) -> Person | None:
    if one is None:
        return None
    return Person(
        name=one.name,
        phone=one.phone,
        province_code=one.province_code,
        province_title=one.province_name,
        district_code=one.district_code,
        district_title=one.district_name,
        address=one.address,
        email=one.email,
    )


def _procedure(procedure: ProcedureMessage) -> dict[str, Any] | None:
    """None where it names nothing."""
    name, code = tidy.line(procedure.title, MAX_TEXT), tidy.code(procedure.code)
    if not name and not code:
        return None
    return {
        "code": code or "",
        "name": name or "",
        "field": tidy.line(procedure.category, MAX_TEXT),
        "papers": [paper for one in _elements(procedure.elements) if (paper := tidy.line(one, MAX_TEXT))],
    }


def _elements(given: Any) -> list[str]:
    items = given if isinstance(given, list) else [given]
    found = (next((one[name] for name in _TITLES if name in one), None) if isinstance(one, dict) else one for one in items)
    return [one for one in found if isinstance(one, str)][:MAX_PAPERS]


def _said(value: object) -> str:
    return "" if value in (None, 0, "0") else str(value)


def _made(model: type[M], values: Mapping[str, Any], elements: Mapping[str, str]) -> M:
    try:
        return msgspec.convert(values, model)
    except msgspec.ValidationError as error:
        what, where = what_and_where(error)
        raise ContractError("body.invalid", elements.get(where, where or "/"), what) from None
