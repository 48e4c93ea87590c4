"""Bodies as they occur in An Giang. Published beside the schemas, used by the tests, and a first message to send.

Persons and numbers are invented.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec

from contracts.agency import AgencyCode
from contracts.kinds.case import (
    Alias,
    Applicant,
    CaseFile,
    CaseProgress,
    CaseResult,
    CaseSupplement,
    CaseTransfer,
    CodeName,
    Fee,
    File,
    Identity,
    MissingPaper,
    Paper,
    ProgressLine,
    ResultPaper,
)
from contracts.kinds.codes import ApplicantKind, CaseStatus, Channel, FeeCollection, PaperCopy, ReturnWay
from contracts.kinds.delivery import DeliveryState, DeliveryStatus, Reference
from contracts.kinds.document import read_packet, read_status
from contracts.kinds.document_examples import ASKED_BACK, PACKET, RECALL, STATUS
from contracts.kinds.postal import (
    Party,
    Place,
    PostalCancel,
    PostalEvent,
    PostalOrder,
    PostalProcedure,
    PostalRegistration,
    PostalSettlement,
    Registrant,
    SettlementLine,
)
from contracts.problems import CATALOGUE
from contracts.receipt import DeliveryRef, Receipt, Refusal


@dataclass(frozen=True, slots=True)
class Example:
    """A named body; `octets` where the XML is not the twin of the model but a document of its own dialect."""

    name: str
    body: msgspec.Struct
    octets: bytes | None = None


COMMUNE, LAND_OFFICE, TAX_OFFICE, POST, HUB = "H01.134", "H01.10.01", "G12.01", "VNPOST.AG", "H01.HUB"
CASE, RECEIPT_NUMBER = "H01.134-20261118-0000042", "AG.VTT.26.004217"
_ICT = timezone(timedelta(hours=7))


def _at(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=_ICT)


_ALIASES = (Alias(scheme="receipt", value=RECEIPT_NUMBER), Alias(scheme="dvcqg", value="G22.99-261118-0071530"))
_ACCEPTED = ProgressLine(
    handled_by="Trần Thị Mỹ Duyên",
    position="Công chức Trung tâm Phục vụ hành chính công",
    unit="Trung tâm Phục vụ hành chính công xã Vĩnh Thạnh Trung",
    at=_at(18, 8, 15),
    action="Tiếp nhận hồ sơ, thu đủ thành phần, hẹn trả kết quả",
    status=CaseStatus.ACCEPTED,
)
_LAND_CASE = CaseFile(
    case_number=CASE,
    aliases=_ALIASES,
    procedure=CodeName(
        code="1.012783.000.00.00.H01",
        name="Đăng ký biến động quyền sử dụng đất, quyền sở hữu tài sản gắn liền với đất do chuyển nhượng",
    ),
    field=CodeName(code="G10-DD01", name="Đất đai"),
    channel=Channel.IN_PERSON,
    applicant=Applicant(
        kind=ApplicantKind.CITIZEN,
        name="Nguyễn Thị Hồng Đào",
        identities=(Identity(kind="personal_number", number="089184000000"),),
        phone="0296 3000 000",
        email="hongdao@example.vn",
        address="Ấp Vĩnh Thuận, xã Vĩnh Thạnh Trung, tỉnh An Giang",
        commune="30478",
    ),
    abstract="Đăng ký biến động do nhận chuyển nhượng thửa đất số 215, tờ bản đồ số 12, diện tích 1.250,5 m²",
    received_by=COMMUNE,
    decided_by=LAND_OFFICE,
    handling_unit="Văn phòng Đăng ký đất đai tỉnh An Giang",
    submitted_at=_at(18, 8),
    received_at=_at(18, 8, 15),
    due_at=_at(2, 17, month=12),
    status=CaseStatus.ACCEPTED,
    return_way=ReturnWay.POST,
    return_note="Phát tại nhà, người nhận ký tên",
    papers=(
        Paper(
            name="Đơn đăng ký biến động đất đai theo mẫu",
            code="KQ.G10.000101",
            files=(File(name="don-dang-ky.pdf", digest="sha256:" + "3f" * 32),),
            digitised=True,
        ),
        Paper(
            name="Hợp đồng chuyển nhượng quyền sử dụng đất đã chứng thực",
            copy=PaperCopy.COPY,
            quantity=2,
            files=(File(name="hop-dong.pdf", link="https://mot-cua.angiang.example.vn/tep/7c1d"),),
        ),
        Paper(name="Bản gốc Giấy chứng nhận đã cấp", reused=0),
    ),
    fees=(
        Fee(
            name="Lệ phí cấp Giấy chứng nhận",
            code="LP-DD-02",
            amount_vnd=100_000,
            collected=FeeCollection.ON_HAND_OVER,
            paid=False,
        ),
    ),
    progress=(_ACCEPTED,),
    papers_digitised=True,
    vneid_verified=True,
    payable_online=True,
    databases=("CSDLQG-DC",),
    note="Người nộp đề nghị nhận kết quả qua bưu chính công ích.",
)
_CIVIL_STATUS_CASE = CaseFile(
    case_number="000.00.01.H01-261118-0007",
    procedure=CodeName(code="1.001193.000.00.00.H01", name="Đăng ký khai sinh"),
    field=CodeName(code="G15-HT01", name="Hộ tịch"),
    channel=Channel.ONLINE,
    applicant=Applicant(kind=ApplicantKind.CITIZEN, name="Châu Sóc Kha"),
    abstract="Đăng ký khai sinh cho trẻ dưới 6 tuổi",
    received_by="000.00.01.H01",
    decided_by="H01.15",
    status=CaseStatus.REGISTERED,
)
CASE_FILE = (Example("land", _LAND_CASE), Example("smallest", _CIVIL_STATUS_CASE))

CASE_TRANSFER = (
    Example(
        "to-tax",
        CaseTransfer(
            case_number=CASE,
            aliases=_ALIASES,
            from_agency=LAND_OFFICE,
            to_agency=TAX_OFFICE,
            reason="Chuyển thông tin để xác định nghĩa vụ tài chính về đất đai",
            transferred_at=_at(19, 14, 30),
            transferred_by="Lê Văn Phước",
            due_at=_at(2, 17, month=12),
            answer_by=_at(24, 17),
            case=_LAND_CASE,
        ),
    ),
)

CASE_PROGRESS = (
    Example(
        "waiting-for-tax",
        CaseProgress(
            case_number=CASE,
            aliases=_ALIASES[:1],
            agency=LAND_OFFICE,
            line=ProgressLine(
                handled_by="Lê Văn Phước",
                position="Chuyên viên",
                unit="Phòng Đăng ký và Cấp Giấy chứng nhận",
                at=_at(20, 9, 5),
                action="Đã có thông báo thuế; chờ người sử dụng đất nộp lệ phí trước bạ và thuế thu nhập cá nhân.",
                status=CaseStatus.PAYMENT_REQUESTED,
                started_at=_at(19, 14, 30),
                due_at=_at(25, 17),
            ),
        ),
    ),
)

CASE_SUPPLEMENT = (
    Example(
        "request",
        CaseSupplement(
            case_number=CASE,
            direction="request",
            supplement_id="BS-42-1",
            agency=LAND_OFFICE,
            at=_at(19, 10),
            by="Lê Văn Phước",
            content="Hợp đồng chuyển nhượng thiếu trang 3, đề nghị bổ sung bản đầy đủ đã chứng thực.",
            missing=(MissingPaper(name="Hợp đồng chuyển nhượng quyền sử dụng đất", reason="Thiếu trang 3"),),
            answer_by=_at(30, 17),
            previous_due_at=_at(2, 17, month=12),
            new_due_at=_at(4, 17, month=12),
        ),
    ),
    Example(
        "delivery",
        CaseSupplement(
            case_number=CASE,
            direction="delivery",
            supplement_id="BS-42-1",
            agency=COMMUNE,
            at=_at(20, 15, 40),
            by="Trần Thị Mỹ Duyên",
            content="Công dân đã nộp bổ sung hợp đồng đầy đủ.",
            papers=(
                Paper(
                    name="Hợp đồng chuyển nhượng quyền sử dụng đất đã chứng thực",
                    copy=PaperCopy.COPY,
                    files=(File(name="hop-dong-day-du.pdf", digest="sha256:" + "a0" * 32),),
                ),
            ),
            complete=True,
        ),
    ),
)

CASE_RESULT = (
    Example(
        "granted",
        CaseResult(
            case_number=CASE,
            aliases=_ALIASES[:1],
            decided_by=LAND_OFFICE,
            decision="granted",
            decided_at=_at(30, 16, 20),
            decision_number="1583/GCN-VPĐKĐĐ",
            signed_by="Huỳnh Quốc Thái",
            position="Giám đốc",
            status=9,
            results=(
                ResultPaper(
                    name="Giấy chứng nhận quyền sử dụng đất, quyền sở hữu tài sản gắn liền với đất",
                    code="KQ.G10.000031",
                    number="AA 01234567",
                    files=(File(name="giay-chung-nhan.pdf", digest="sha256:" + "5e" * 32),),
                ),
            ),
            fees=(Fee(name="Lệ phí cấp Giấy chứng nhận", amount_vnd=100_000, collected=FeeCollection.ON_HAND_OVER),),
            return_way=ReturnWay.POST,
        ),
    ),
    Example(
        "refused",
        CaseResult(
            case_number="000.00.01.H01-261118-0007",
            decided_by="H01.15",
            decision="refused",
            decided_at=_at(19, 11),
            reason="Trẻ đã được đăng ký khai sinh tại Ủy ban nhân dân phường Long Xuyên.",
            status=3,
        ),
    ),
)

_CUSTOMER, _ITEM = "AG-VPDK-0117", "EL123456785VN"
_OFFICE = Party(
    name="Văn phòng Đăng ký đất đai tỉnh An Giang",
    address="Số 1, đường Nguyễn Thái Học, phường Rạch Giá, tỉnh An Giang",
    phone="0297 3000 000",
    province=90000,
    commune="30742",
)
_CITIZEN = Party(
    name="Nguyễn Thị Hồng Đào",
    address="Ấp Vĩnh Thuận, xã Vĩnh Thạnh Trung, tỉnh An Giang",
    phone="0912000000",
    province=90000,
    district=90600,
)
_APPLICANT = Registrant(
    name="Nguyễn Thị Hồng Đào",
    phone="0912000000",
    address="Ấp Vĩnh Thuận, xã Vĩnh Thạnh Trung, tỉnh An Giang",
    province_code="90000",
    province_name="An Giang",
    email="hongdao@example.vn",
)
POSTAL_REGISTRATION = (
    Example(
        "both",
        PostalRegistration(
            customer_code=_CUSTOMER,
            order_number=CASE,
            choice="both",
            procedure=PostalProcedure(
                code="1.012783.000.00.00.H01",
                name="Đăng ký biến động quyền sử dụng đất, quyền sở hữu tài sản gắn liền với đất do chuyển nhượng",
                field="Đất đai",
                papers=("Đơn đăng ký biến động đất đai theo mẫu", "Hợp đồng chuyển nhượng quyền sử dụng đất đã chứng thực"),
            ),
            file_sender=_APPLICANT,
            result_receiver=_APPLICANT,
            state_code=1,
            registered_at=_at(17, 20, 5),
        ),
    ),
    Example(
        "result-only",
        PostalRegistration(
            customer_code=_CUSTOMER,
            order_number="TG-000042",
            case_number=CASE,
            choice="receive_result",
            result_receiver=_APPLICANT,
        ),
    ),
)
POSTAL_ORDER = (
    Example(
        "deliver",
        PostalOrder(
            customer_code=_CUSTOMER,
            order_number=CASE,
            direction="deliver",
            item_code=_ITEM,
            cod_amount_vnd=126_500,
            sender=_OFFICE,
            receiver=_CITIZEN,
            contents="01 Giấy chứng nhận quyền sử dụng đất (bản chính)",
            note="Phát tận tay người nhận, kiểm tra căn cước",
            ordered_at=_at(30, 16, 45),
        ),
    ),
    Example(
        "collect",
        PostalOrder(
            customer_code=_CUSTOMER,
            order_number="TG-000042",
            case_number=CASE,
            direction="collect",
            sender=_CITIZEN,
            receiver=_OFFICE,
        ),
    ),
)

POSTAL_EVENT = (
    Example(
        "delivered",
        PostalEvent(
            customer_code=_CUSTOMER,
            order_number=CASE,
            direction="deliver",
            item_code=_ITEM,
            event_id="6740a1f20000000000000042",
            state="delivered",
            event_code="EMI",
            status_code=4,
            status_text="Phát thành công",
            at=_at(2, 10, 12, month=12),
            place=Place(code="883450", name="Bưu cục Vĩnh Thạnh Trung"),
            attempt=2,
            cod_collected_vnd=126_500,
        ),
    ),
    Example(
        "attempt-failed",
        PostalEvent(
            order_number=CASE,
            direction="deliver",
            state="attempt_failed",
            event_code="EMH",
            at=_at(1, 15, 30, month=12),
            attempt=1,
            note="Người nhận đi vắng, hẹn phát lại ngày hôm sau",
        ),
    ),
)

POSTAL_CANCEL = (
    Example(
        "taken-at-desk",
        PostalCancel(
            customer_code=_CUSTOMER,
            order_number="TG-000042",
            case_number=CASE,
            direction="collect",
            reason="Công dân đã tự nộp hồ sơ tại quầy",
            cancelled_at=_at(18, 8, 20),
        ),
    ),
)

POSTAL_SETTLEMENT = (
    Example(
        "day",
        PostalSettlement(
            customer_code=_CUSTOMER,
            day=date(2026, 12, 2),
            total_fee_vnd=53_000,
            total_cod_vnd=126_500,
            lines=(
                SettlementLine(
                    order_number=CASE,
                    direction="deliver",
                    item_code=_ITEM,
                    fee_vnd=26_500,
                    cod_vnd=126_500,
                    closed_at=_at(2, 10, 12, month=12),
                ),
                SettlementLine(
                    order_number="TG-000057", case_number="H01.134-20261125-0000051", direction="collect", fee_vnd=26_500
                ),
            ),
        ),
    ),
)

DOCUMENT_PACKET = (
    Example("official-letter", read_packet(PACKET), PACKET),
    Example("recall", read_packet(RECALL), RECALL),
)
DOCUMENT_STATUS = (
    Example("taken-in", read_status(STATUS), STATUS),
    Example("asked-back", read_status(ASKED_BACK), ASKED_BACK),
)

_MESSAGE = "hs-20261118-0000042-1"
RECEIPT = (
    Example(
        "accepted",
        Receipt(
            hub=AgencyCode(HUB),
            sender=AgencyCode(COMMUNE),
            message_id=_MESSAGE,
            digest="sha256:" + "b7" * 32,
            sequence=184_467,
            accepted_at=datetime(2026, 11, 18, 1, 15, 2, 118_000, tzinfo=UTC),
            deliveries=(
                DeliveryRef(delivery_id=301_022, recipient=AgencyCode(LAND_OFFICE), addressed_as=AgencyCode("00.13.H01")),
                DeliveryRef(delivery_id=301_023, recipient=AgencyCode(POST)),
            ),
        ),
    ),
)
REFUSAL = (
    Example(
        "invalid-body",
        msgspec.structs.replace(
            Refusal.of(
                "body.invalid", "/body/applicant/name", "Expected `str` of length >= 1", message_id=_MESSAGE, sender=COMMUNE
            ),
            hub=HUB,
            received_digest="sha256:" + "5e" * 32,
            refused_at=datetime(2026, 11, 18, 1, 12, 5, 250000, tzinfo=UTC),
        ),
    ),
)

_REFUSED = CATALOGUE["delivery.refused_by_recipient"]
DELIVERY_STATUS = (
    Example(
        "one-refused",
        DeliveryStatus(
            sender=AgencyCode(COMMUNE),
            message_id=_MESSAGE,
            kind="case.file/1",
            deliveries=(
                DeliveryState(delivery_id=301_023, recipient=POST, state="delivered", at=_at(18, 8, 16), attempts=1),
                DeliveryState(
                    delivery_id=301_022,
                    recipient=LAND_OFFICE,
                    addressed_as="00.13.H01",
                    state="refused",
                    at=_at(18, 8, 17),
                    attempts=1,
                    reason=_REFUSED.code,
                    title_vi=_REFUSED.title_vi,
                    title_en=_REFUSED.title_en,
                    remedy_vi=_REFUSED.remedy_vi,
                    remedy_en=_REFUSED.remedy_en,
                    detail="Hồ sơ không thuộc địa bàn quản lý",
                ),
            ),
            identifiers=(Reference(scheme="case", value=CASE), Reference(scheme="receipt", value=RECEIPT_NUMBER)),
        ),
    ),
)
