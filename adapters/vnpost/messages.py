"""What travels in the interface of Vietnam Post, field by field, as clients and servers write it. Pure.

Names are those of the NGSP kit of 2018 to 2020. Read leniently: numbers come as text and the other way round, what is absent
comes as null, "" or 0, and unknown members are passed over.
"""

import codecs
import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, field

from contracts.errors import ContractError, what_and_where

T = TypeVar("T")

MAX_PAGE = 1000  # pagesize of getOrderTracking
FIRST_ID = "0" * 24  # lastId of the first call
_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+")
FLAG_CONFIG = 2  # FlagConfig of the wrapper, the only value that was seen
ACCEPTED, ALREADY = 100, 101  # Status of a reply: taken; there already

Scalar = int | float | str | None


class OrderMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """postOrder: one parcel leg. Direction is told by who is sender; `Direction` is ours, for clients that can say it."""

    customer_code: str = ""
    order_number: str = ""
    item_code: Annotated[str | None, Meta(description="The wrapper only: a label printed beforehand")] = None
    cod_amount: Scalar = field(name="CODAmount", default=None)
    sender_province: Annotated[Scalar, Meta(description="Postal code, not the statistical one")] = None
    sender_district: Scalar = None
    sender_address: str | None = None
    sender_name: str | None = None
    sender_tel: str | None = None
    sender_email: str | None = None
    sender_desc: Annotated[str | None, Meta(description="The papers inside")] = None
    description: str | None = None
    receiver_name: str | None = None
    receiver_address: str | None = None
    receiver_tel: str | None = None
    receiver_province: Annotated[Scalar, Meta(description="Postal code, not the statistical one")] = None
    receiver_district: Scalar = None
    receiver_email: str | None = None
    flag_config: Annotated[Scalar, Meta(description="The wrapper only: 2")] = None
    direction: Annotated[
        str | None, Meta(description="collect: citizen to agency; deliver: agency to citizen; left out: told by the names")
    ] = None


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """DocumentSender and ResultReceiver of postDocument."""

    name: str | None = None
    phone: str | None = None
    province_code: Scalar = None
    province_title: str | None = None
    district_code: Scalar = None
    district_title: str | None = None
    address: str | None = None
    email: str | None = None


class ProcedureMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """Procedure of postDocument. What `Elements` looks like is not known: a text, a list of texts or of objects with a title."""

    code: str | None = None
    title: str | None = None
    category: str | None = None
    elements: Any = None


class DocumentMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """postDocument: which services of Decision 45/2016/QĐ-TTg the applicant chose."""

    customer_code: str = ""
    order_number: str = ""
    procedure: ProcedureMessage | None = None
    is_send_document: bool | None = None
    document_sender: Person | None = None
    is_receive_result: bool | None = None
    result_receiver: Person | None = None
    state: Scalar = None


class CancelMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """cancelOrder."""

    customer_code: str = ""
    order_number: str = ""
    description: Annotated[str | None, Meta(description="Ours: why, for clients that can say it")] = None


class ReplyMessage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A reply to orders, registrations and cancellations: 100 taken, 101 there already. Numbers on NGSP, texts in the wrapper."""

    status: int | str
    message: str


class HubReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """As `ReplyMessage`; clients pass over what the hub adds: under which id it went on, or code and place of a refusal and its
    signed form (a compact JWS)."""

    status: int | str
    message: str
    message_id: str = ""
    code: str = ""
    field: str = ""
    signed: str = ""


class Oid(msgspec.Struct, frozen=True):
    """Under both names: the kit reads `oid`, the store behind the real interface writes `$oid`."""

    oid: str
    dollar_oid: str = msgspec.field(name="$oid")


class TrackingMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """One document of getOrderTracking, as the hub writes it. `EventTime`: milliseconds since 1970."""

    id: Oid = field(name="_id")
    customer_code: str | None = None
    order_number: str
    event_time: int
    pos_id: str | None = field(name="POSID", default=None)
    item_code: str | None = None
    status_code: int | None = None
    status_message: str | None = None
    notes: str | None = None


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """Under both names, as `Oid`."""

    doc: tuple[TrackingMessage, ...]
    rh_doc: tuple[TrackingMessage, ...] = field(name="rh:doc")


class PageMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page. Without documents it has no `_embedded`: the known client asks on for ever where it finds an empty list."""

    size: int = field(name="_size")
    total_pages: int = field(name="_total_pages")
    returned: int = field(name="_returned")
    embedded: Documents | None = field(name="_embedded", default=None)


def read(octets: bytes, shape: type[T]) -> T:
    """Raises ContractError "body.malformed" or "body.invalid" with the element."""
    try:
        return msgspec.json.decode(octets.removeprefix(codecs.BOM_UTF8), type=shape, strict=False)
    except msgspec.ValidationError as error:
        what, where = what_and_where(error)
        raise ContractError("body.invalid", where or "/", what) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ContractError("body.malformed", "/", "not JSON in UTF-8") from None
    except RecursionError:
        raise ContractError("body.malformed", "/", "nested too deep") from None


def whole(value: Scalar, element: str, default: int = 0) -> int:
    """A whole number of 0 or more; `default` for what says nothing. Raises ContractError "body.invalid" at the element, also for
    "150.000", which is 150,000 to who writes it and 150 to a program."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return default
    if isinstance(value, str) and _GROUPED.fullmatch(value.strip()):
        raise ContractError("body.invalid", element, "a whole number, its thousands not set apart")
    try:
        number = float(value)
    except (ValueError, OverflowError):  # OverflowError: JSON may hold a number of any length
        raise ContractError("body.invalid", element, "a whole number") from None
    if not 0 <= number <= 10**15 or number != int(number):
        raise ContractError("body.invalid", element, "a whole number from 0 to 10^15")
    return int(number)
