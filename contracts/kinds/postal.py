"""Kinds exchanged with the postal service: the applicant's choice, orders, tracking events, cancellations, daily settlement.

Sources: the NGSP interface of Vietnam Post (`postDocument`, `postOrder`, `getOrderTracking`, `cancelOrder`) and Decision
45/2016/QĐ-TTg. A leg is a child of a case: (order number, direction, leg).
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from contracts.kinds.case import Part
from contracts.kinds.fields import (
    MAX_LIST,
    Code,
    CommuneCode,
    Count,
    Dong,
    Email,
    ItemCode,
    LongName,
    Moment,
    Name,
    Number,
    Phone,
    ShortText,
    Text,
    about,
)
from contracts.kinds.postal_codes import LegState

CustomerCode = Annotated[
    Code, about("Mã khách hàng", "Contract code of the agency, issued by Vietnam Post", "CustomerCode, postOrder")
]
OrderNumber = Annotated[Number, about("Số đơn", "Order number, usually the case number", "OrderNumber, postOrder")]
CaseNumber = Annotated[Number, about("Mã số hồ sơ", "Case number, when it is not the order number", "OrderNumber, postOrder")]
Direction = Annotated[
    Literal["collect", "deliver"],
    about("Chiều", "collect: citizen to agency, deliver: agency to citizen", "Decision 45/2016/QĐ-TTg"),
]
Leg = Annotated[int, Meta(ge=1, le=99), about("Chặng", "Number of the parcel leg within order and direction")]
Item = Annotated[ItemCode, about("Số hiệu bưu gửi", "Item code, UPU S10 or a domestic label", "ItemCode")]
PostalArea = Annotated[int, Meta(ge=1, le=999_999)]


class Party(Part, frozen=True, kw_only=True):
    """Who hands a parcel over or takes it."""

    name: Annotated[Name, about("Họ tên, cơ quan", "Name", "SenderName, ReceiverName")]
    address: Annotated[Text, Meta(min_length=1), about("Địa chỉ", "Address", "SenderAddress, ReceiverAddress")]
    phone: Annotated[Phone, about("Điện thoại", "Telephone", "SenderTel, ReceiverTel")]
    province: Annotated[
        PostalArea, about("Mã tỉnh bưu chính", "Postal, not statistical, code", "SenderProvince, ReceiverProvince")
    ]
    district: (
        Annotated[
            PostalArea,
            about("Mã huyện bưu chính", "Postal code; no districts since 2025-07-01", "SenderDistrict, ReceiverDistrict"),
        ]
        | None
    ) = None
    commune: Annotated[CommuneCode, about("Mã xã", "Statistical code of the commune", "Decision 19/2025/QĐ-TTg")] | None = None
    email: Annotated[Email, about("Thư điện tử", "E-mail", "SenderEmail, ReceiverEmail")] | None = None


class Registrant(Part, frozen=True, kw_only=True):
    """Where the file is fetched, or the result taken. Codes are those of the post, the names as they were chosen."""

    name: Annotated[Name, about("Họ tên", "Name", "Name, DocumentSender and ResultReceiver of postDocument")]
    phone: Annotated[Phone, about("Điện thoại", "Telephone", "Phone")]
    address: Annotated[Text, Meta(min_length=1), about("Địa chỉ", "Address", "Address")]
    province_code: Annotated[Code, about("Mã tỉnh", "Code of the province", "ProvinceCode")] | None = None
    province_name: Annotated[Name, about("Tên tỉnh", "Name of the province", "ProvinceTitle")] | None = None
    district_code: (
        Annotated[Code, about("Mã huyện", "Code of the district; no districts since 2025-07-01", "DistrictCode")] | None
    ) = None
    district_name: Annotated[Name, about("Tên huyện", "Name of the district", "DistrictTitle")] | None = None
    email: Annotated[Email, about("Thư điện tử", "E-mail", "Email")] | None = None


class PostalProcedure(Part, frozen=True, kw_only=True):
    """The procedure of the case, as the clerk at the post office sees it."""

    code: Annotated[Code, about("Mã thủ tục", "Code of the procedure", "Procedure.Code")]
    name: Annotated[LongName, about("Tên thủ tục", "Name of the procedure", "Procedure.Title")]
    field: Annotated[LongName, about("Lĩnh vực", "Field", "Procedure.Category")] | None = None
    papers: Annotated[
        tuple[Annotated[LongName, about("Giấy tờ", "A paper")], ...],
        Meta(max_length=MAX_LIST),
        about("Thành phần hồ sơ", "Papers that the published list asks for", "Procedure.Elements"),
    ] = ()


class PostalRegistration(Part, frozen=True, kw_only=True):
    """Which of the three services of Decision 45/2016/QĐ-TTg the applicant chose. The parcels themselves are orders."""

    customer_code: CustomerCode
    order_number: OrderNumber
    case_number: CaseNumber | None = None
    choice: Annotated[
        Literal["send_file", "receive_result", "both"],
        about(
            "Dịch vụ đăng ký",
            "send_file: the file is fetched from the citizen, receive_result: the result is brought, both",
            "IsSendDocument, IsReceiveResult of postDocument; Decision 45/2016/QĐ-TTg",
        ),
    ]
    procedure: Annotated[PostalProcedure | None, about("Thủ tục", "Procedure", "Procedure")] = None
    file_sender: Annotated[Registrant | None, about("Người gửi hồ sơ", "Who hands the file over", "DocumentSender")] = None
    result_receiver: Annotated[Registrant | None, about("Người nhận kết quả", "Who takes the result", "ResultReceiver")] = None
    state_code: (
        Annotated[int, Meta(ge=-9999, le=9999), about("Mã trạng thái", "State of the registration, as sent", "State")] | None
    ) = None
    registered_at: Annotated[Moment, about("Thời điểm đăng ký", "When")] | None = None


class PostalOrder(Part, frozen=True, kw_only=True):
    """One parcel leg is ordered."""

    customer_code: CustomerCode
    order_number: OrderNumber
    case_number: CaseNumber | None = None
    direction: Direction
    leg: Leg = 1
    item_code: Item | None = None
    cod_amount_vnd: Annotated[Dong, about("Tiền thu hộ (đồng)", "Amount to collect in đồng", "CODAmount")] = 0
    sender: Annotated[Party, about("Bên gửi", "Who hands it over", "Sender*")]
    receiver: Annotated[Party, about("Bên nhận", "Who takes it", "Receiver*")]
    contents: Annotated[Text, about("Giấy tờ kèm theo", "List of papers", "SenderDesc")] | None = None
    note: Annotated[Text, about("Ghi chú", "Note", "Description")] | None = None
    ordered_at: Annotated[Moment, about("Thời điểm đặt", "When")] | None = None


class Place(Part, frozen=True, kw_only=True):
    """Where something happened to a parcel."""

    code: Annotated[Code, about("Mã bưu cục", "Code of the post office", "POSID, getOrderTracking")] | None = None
    name: Annotated[Name, about("Tên", "Name")]


class PostalEvent(Part, frozen=True, kw_only=True):
    """Something happened to a parcel. `state` is what the hub and the desk go by; the codes are kept as the post sent them."""

    customer_code: CustomerCode | None = None
    order_number: OrderNumber
    case_number: CaseNumber | None = None
    direction: Direction | None = None
    leg: Leg = 1
    item_code: Item | None = None
    event_id: Annotated[Number, about("Mã sự kiện", "Id of the event in the feed", "_id.oid, getOrderTracking")] | None = None
    state: Annotated[LegState, about("Trạng thái chặng", "State of the leg after the event")]
    event_code: (
        Annotated[
            Literal[
                "EMA", "EMB", "EMC", "EMD", "EME", "EMF", "EMG", "EMH", "EMI", "EMJ", "EMK",
                "EDA", "EDB", "EDC", "EDD", "EDE", "EDF", "EDG", "EDH", "EDX", "EXA", "EXB", "EXC", "EXD", "EXX",
            ],
            about("Mã sự kiện quốc tế", "Event code", "UPU EMSEVT"),
        ]
        | None
    ) = None  # fmt: skip
    status_code: (
        Annotated[
            int,
            Meta(ge=-9999, le=9999),
            about("Mã trạng thái trong nước", "Domestic status, as sent", "StatusCode, getOrderTracking"),
        ]
        | None
    ) = None
    status_text: Annotated[ShortText, about("Nội dung trạng thái", "Text of the status", "StatusMessage")] | None = None
    at: Annotated[Moment, about("Thời điểm", "When it happened", "EventTime")]
    place: Annotated[Place | None, about("Nơi", "Where", "POSID")] = None
    attempt: Annotated[Count, about("Lần phát", "Number of the delivery attempt")] | None = None
    cod_collected_vnd: Annotated[Dong, about("Tiền đã thu hộ (đồng)", "Amount collected in đồng")] | None = None
    note: Annotated[Text, about("Ghi chú", "Note", "Notes")] | None = None


class PostalCancel(Part, frozen=True, kw_only=True):
    """An order is withdrawn; possible in any state before `collected`."""

    customer_code: CustomerCode
    order_number: OrderNumber
    case_number: CaseNumber | None = None
    direction: Direction | None = None
    leg: Leg = 1
    item_code: Item | None = None
    reason: Annotated[Text, Meta(min_length=1), about("Lý do hủy", "Why")]
    cancelled_at: Annotated[Moment, about("Thời điểm hủy", "When")]


class SettlementLine(Part, frozen=True, kw_only=True):
    """What one leg costs and what was collected for the agency."""

    order_number: OrderNumber
    case_number: CaseNumber | None = None
    direction: Direction
    leg: Leg = 1
    item_code: Item | None = None
    fee_vnd: Annotated[Dong, about("Cước (đồng)", "Postal fee in đồng", "Circular 22/2017/TT-BTTTT")]
    cod_vnd: Annotated[Dong, about("Tiền thu hộ (đồng)", "Amount collected in đồng", "CODAmount")] = 0
    closed_at: Annotated[Moment, about("Thời điểm kết thúc", "When the leg ended")] | None = None


class PostalSettlement(Part, frozen=True, kw_only=True):
    """The account of one day with one customer. A long day comes in parts, each with its own totals."""

    customer_code: CustomerCode
    day: Annotated[date, about("Ngày", "The day accounted for, local time")]
    part: Annotated[int, Meta(ge=1, le=999), about("Phần", "Number of this part")] = 1
    parts: Annotated[int, Meta(ge=1, le=999), about("Số phần", "How many parts the day has")] = 1
    total_fee_vnd: Annotated[Dong, about("Tổng cước (đồng)", "Sum of fees of this part in đồng")]
    total_cod_vnd: Annotated[Dong, about("Tổng thu hộ (đồng)", "Sum collected in this part in đồng")]
    lines: Annotated[tuple[SettlementLine, ...], Meta(max_length=2000), about("Chi tiết", "One line per leg")] = ()
