"""Kinds about a case (hồ sơ): handing over, passing on, progress, supplement, result.

Field names of the sources in brackets are those of the national integration services `DongBoHoSoMC` (case) and
`CapNhatTienDoHoSoMC` (progress line), first generation, and their additions of 2024 ("gen 2").
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contracts.kinds.codes import ApplicantKind, CaseStatus, Channel, FeeCollection, FeeKind, PaperCopy, ReturnWay
from contracts.kinds.fields import (
    MAX_LIST,
    AgencyCodeText,
    AliasScheme,
    Code,
    CommuneCode,
    Count,
    Digest,
    Dong,
    Email,
    Link,
    LongName,
    LongText,
    Moment,
    Name,
    Number,
    Phone,
    ShortText,
    Text,
    about,
)


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything a body is made of: absent and null are the same, an unknown field is a typing error."""


class Alias(Part, frozen=True, kw_only=True):
    """Another number of the same case; a case owns several, one per system that has seen it."""

    scheme: Annotated[
        AliasScheme,
        about(
            "Loại mã",
            "case: second case number, receipt: receipt number (SoBienNhan), dvcqg: national portal, linked: linked-procedure "
            "software (maHoSoLT), ministry: a ministry's system",
        ),
    ]
    value: Annotated[Number, about("Giá trị", "The number itself")]


Aliases = Annotated[
    tuple[Alias, ...], Meta(max_length=16), about("Mã khác của hồ sơ", "Other numbers of the case", "SoBienNhan, MaHoSoKhac")
]


class CodeName(Part, frozen=True, kw_only=True):
    """A code with its name as the sender's catalogue has it."""

    code: Annotated[Code, about("Mã", "Code")]
    name: Annotated[LongName, about("Tên", "Name")]


class Identity(Part, frozen=True, kw_only=True):
    """A number that identifies the applicant."""

    kind: Annotated[
        Literal["personal_number", "old_card", "tax_code", "other"],
        about("Loại định danh", "personal_number: 12 digits, old_card: 9 digits", "LoaiDinhDanh, DinhDanhCHS"),
    ]
    number: Annotated[Number, about("Số định danh", "The number", "SoDinhDanh, SoGiayToChuHoSo")]


class Applicant(Part, frozen=True, kw_only=True):
    """The owner of the case."""

    kind: Annotated[ApplicantKind, about("Loại đối tượng", "Kind of applicant", "LoaiDoiTuong")]
    name: Annotated[Name, about("Chủ hồ sơ", "Name of the owner", "ChuHoSo")]
    identities: Annotated[
        tuple[Identity, ...], Meta(max_length=8), about("Giấy tờ định danh", "Identity numbers", "DinhDanhCHS, gen 2")
    ] = ()
    account: Annotated[Number, about("Mã tài khoản DVCQG", "Account on the national portal", "MaDoiTuong")] | None = None
    phone: Annotated[Phone, about("Số điện thoại", "Telephone", "SoDienThoai")] | None = None
    email: Annotated[Email, about("Thư điện tử", "E-mail", "Email")] | None = None
    address: Annotated[Text, about("Địa chỉ", "Address")] | None = None
    commune: Annotated[CommuneCode, about("Mã xã", "Statistical code of the commune", "Decision 19/2025/QĐ-TTg")] | None = None


class Fee(Part, frozen=True, kw_only=True):
    """A fee or charge of the case."""

    name: Annotated[Name, about("Tên phí, lệ phí", "Name", "TenPhiLePhi")]
    code: Annotated[Code, about("Mã phí, lệ phí", "Code", "MaPhiLePhi")] | None = None
    amount_vnd: Annotated[Dong, about("Số tiền (đồng)", "Amount in đồng", "Gia")]
    kind: Annotated[FeeKind, about("Loại phí", "Kind of fee", "LoaiPhiLePhi")] = FeeKind.ORDINARY
    collected: Annotated[FeeCollection, about("Hình thức thu", "When it is collected", "HinhThucThu")] = FeeCollection.ON_RECEIPT
    paid: Annotated[bool, about("Đã thanh toán", "Already paid", "TrangThaiThanhToan")] | None = None


class File(Part, frozen=True, kw_only=True):
    """Where the octets of a paper are: an attachment of the envelope by its digest, or a link into the sender's system."""

    name: Annotated[Name, about("Tên tệp", "File name", "TenTepDinhKem")]
    digest: Annotated[Digest, about("Giá trị băm của tệp đính kèm", "Digest of an attachment of this envelope")] | None = None
    link: Annotated[Link, about("Đường dẫn tải tệp", "Download link", "DuongDanTaiTepTin")] | None = None


Files = Annotated[tuple[File, ...], Meta(max_length=MAX_LIST), about("Tệp", "Files of the paper")]


class Paper(Part, frozen=True, kw_only=True):
    """One paper of the case."""

    name: Annotated[LongName, about("Tên giấy tờ", "Name of the paper", "TenGiayTo")]
    code: Annotated[Code, about("Mã thành phần hồ sơ", "Code of the component", "MaThanhPhanHoSo")] | None = None
    copy: Annotated[PaperCopy, about("Loại bản", "Kind of copy", "LoaiBan")] = PaperCopy.ORIGINAL
    quantity: Annotated[Count, about("Số lượng", "Number of copies", "SoLuong")] = 1
    files: Files = ()
    digitised: Annotated[bool, about("Được số hóa", "Was digitised at the desk", "DuocSoHoa, gen 2")] | None = None
    reused: (
        Annotated[
            Literal[0, 1, 2], about("Được tái sử dụng", "Was reused from earlier papers, as reported", "DuocTaiSuDung, gen 2")
        ]
        | None
    ) = None


Papers = Annotated[tuple[Paper, ...], Meta(max_length=MAX_LIST), about("Giấy tờ", "Papers", "TaiLieuNop, DanhSachTepDinhKemKhac")]


class ResultPaper(Part, frozen=True, kw_only=True):
    """One paper of the result."""

    name: Annotated[LongName, about("Tên giấy tờ kết quả", "Name", "TenGiayTo, DanhSachGiayToKetQua")]
    code: Annotated[Code, about("Mã giấy tờ kết quả", "Code of the result", "MaGiayToKetQua, gen 2")] | None = None
    number: Annotated[Name, about("Số, ký hiệu", "Number and notation of the paper")] | None = None
    files: Files = ()


ResultPapers = Annotated[tuple[ResultPaper, ...], Meta(max_length=MAX_LIST), about("Giấy tờ kết quả", "Papers of the result")]


class ProgressLine(Part, frozen=True, kw_only=True):
    """Who did what with the case, and when. Progress lines are not proof of one event each: some senders make them up."""

    handled_by: Annotated[Name, about("Người xử lý", "Who acted", "NguoiXuLy, CapNhatTienDoHoSoMC")]
    position: Annotated[ShortText, about("Chức danh", "Position", "ChucDanh")] | None = None
    unit: Annotated[ShortText, about("Phòng ban xử lý", "Unit", "PhongBanXuLy")] | None = None
    at: Annotated[Moment, about("Thời điểm xử lý", "When", "ThoiDiemXuLy")]
    action: Annotated[LongText, Meta(min_length=1), about("Nội dung xử lý", "What was done", "NoiDungXuLy")]
    status: Annotated[CaseStatus, about("Trạng thái", "State of the case after it", "TrangThai")]
    started_at: Annotated[Moment, about("Ngày bắt đầu", "Begin of the step", "NgayBatDau")] | None = None
    due_at: Annotated[Moment, about("Ngày kết thúc theo quy định", "When the step is due", "NgayKetThucTheoQuyDinh")] | None = (
        None
    )


CaseNumber = Annotated[Number, about("Mã số hồ sơ", "Case number", "Circular 01/2018/TT-VPCP, article 19; MaHoSo, DongBoHoSoMC")]


class CaseFile(Part, frozen=True, kw_only=True):
    """A case as the receiving desk hands it over to the deciding agency. Sent again whole when something of it changed."""

    case_number: CaseNumber
    aliases: Aliases = ()
    procedure: Annotated[CodeName, about("Thủ tục hành chính", "Procedure", "MaTTHC, TenTTHC")]
    field: Annotated[CodeName, about("Lĩnh vực", "Field of procedures", "MaLinhVuc, TenLinhVuc")]
    channel: Annotated[Channel, about("Kênh thực hiện", "How it was handed in", "KenhThucHien, gen 2")]
    applicant: Annotated[Applicant, about("Chủ hồ sơ", "Applicant", "ChuHoSo and others")]
    abstract: Annotated[Text, Meta(min_length=1), about("Trích yếu hồ sơ", "What it is about", "TrichYeuHoSo")]
    received_by: Annotated[
        AgencyCodeText, about("Cơ quan tiếp nhận", "Agency that received it", "madonvi; Decree 118/2025/NĐ-CP")
    ]
    decided_by: Annotated[
        AgencyCodeText,
        about("Cơ quan giải quyết", "Agency that decides; a code, never a name", "Decree 118/2025/NĐ-CP; DonViXuLy is a name"),
    ]
    handling_unit: Annotated[ShortText, about("Đơn vị xử lý", "Name of the handling unit, for people", "DonViXuLy")] | None = None
    submitted_at: Annotated[Moment, about("Ngày nộp hồ sơ", "Handed in", "NgayNopHoSo")] | None = None
    received_at: Annotated[Moment, about("Ngày tiếp nhận", "Accepted; the clock starts", "NgayTiepNhan")] | None = None
    due_at: Annotated[Moment, about("Ngày hẹn trả", "Promised", "NgayHenTra")] | None = None
    processed_at: Annotated[Moment, about("Ngày kết thúc xử lý", "End of processing", "NgayKetThucXuLy")] | None = None
    refused_at: Annotated[Moment, about("Ngày từ chối", "Refused", "NgayTuChoi")] | None = None
    returned_at: Annotated[Moment, about("Ngày trả", "Result handed over", "NgayTra")] | None = None
    status: Annotated[CaseStatus, about("Trạng thái hồ sơ", "State", "TrangThaiHoSo")]
    return_way: Annotated[ReturnWay, about("Hình thức trả kết quả", "How the result is returned", "HinhThuc")] = ReturnWay.DIRECT
    return_note: Annotated[Text, about("Thông tin trả", "Details of the hand-over", "ThongTinTra")] | None = None
    papers: Papers = ()
    fees: Annotated[tuple[Fee, ...], Meta(max_length=MAX_LIST), about("Phí, lệ phí", "Fees", "DanhSachLePhi")] = ()
    results: ResultPapers = ()
    progress: Annotated[
        tuple[ProgressLine, ...],
        Meta(max_length=MAX_LIST),
        about("Tiến độ", "Progress so far, oldest first", "CapNhatTienDoHoSoMC"),
    ] = ()
    papers_digitised: (
        Annotated[bool, about("Có thành phần số hóa", "Some paper is digitised", "HoSoCoThanhPhanSoHoa, gen 2")] | None
    ) = None
    vneid_verified: (
        Annotated[bool, about("Tài khoản được xác thực VNeID", "Account verified by VNeID", "TaiKhoanDuocXacThucVoiVNeID, gen 2")]
        | None
    ) = None
    payable_online: (
        Annotated[bool, about("Được thanh toán trực tuyến", "Can be paid online", "DuocThanhToanTrucTuyen, gen 2")] | None
    ) = None
    databases: Annotated[
        tuple[Code, ...], Meta(max_length=32), about("CSDL đã kết nối", "National databases consulted", "DSKetNoiCSDL, gen 2")
    ] = ()
    note: Annotated[LongText, about("Ghi chú", "Note", "GhiChu")] | None = None


class CaseTransfer(Part, frozen=True, kw_only=True):
    """A case is passed on to another agency, with the reason."""

    case_number: CaseNumber
    aliases: Aliases = ()
    from_agency: Annotated[AgencyCodeText, about("Cơ quan chuyển", "Agency that passes it on")]
    to_agency: Annotated[AgencyCodeText, about("Cơ quan nhận", "Agency that takes it over")]
    reason: Annotated[Text, Meta(min_length=1), about("Lý do chuyển", "Why")]
    transferred_at: Annotated[Moment, about("Thời điểm chuyển", "When", "ThoiDiemXuLy, CapNhatTienDoHoSoMC")]
    transferred_by: Annotated[Name, about("Người chuyển", "Officer who passed it on", "NguoiXuLy")] | None = None
    status: Annotated[CaseStatus, about("Trạng thái hồ sơ", "State of the case", "TrangThai")] = CaseStatus.IN_PROCESS
    due_at: Annotated[Moment, about("Ngày hẹn trả", "Promised to the applicant", "NgayHenTra")] | None = None
    answer_by: Annotated[Moment, about("Hạn trả lời", "When the sender needs an answer")] | None = None
    papers: Papers = ()
    case: Annotated[CaseFile | None, about("Toàn bộ hồ sơ", "The whole case, for an agency that has not seen it yet")] = None
    note: Annotated[LongText, about("Ghi chú", "Note", "GhiChu")] | None = None


class CaseProgress(Part, frozen=True, kw_only=True):
    """One progress line of a case."""

    case_number: CaseNumber
    aliases: Aliases = ()
    agency: Annotated[AgencyCodeText, about("Cơ quan xử lý", "Agency that reports", "madonvi")]
    line: Annotated[ProgressLine, about("Dòng tiến độ", "The line", "CapNhatTienDoHoSoMC")]
    new_due_at: Annotated[Moment, about("Ngày hẹn trả mới", "The due time, when the step moved it", "ngayHenTraMoi")] | None = (
        None
    )


class MissingPaper(Part, frozen=True, kw_only=True):
    """A paper that is missing or has to be corrected."""

    name: Annotated[LongName, about("Tên giấy tờ", "Name", "DanhSachGiayToBoSung")]
    code: Annotated[Code, about("Mã thành phần hồ sơ", "Code of the component", "MaThanhPhanHoSo")] | None = None
    reason: Annotated[Text, about("Lý do", "What is wrong with it")] | None = None


class CaseSupplement(Part, frozen=True, kw_only=True):
    """A request for missing papers, or their delivery. Each supplement moves the due time (entry of DanhSachHoSoBoSung)."""

    case_number: CaseNumber
    aliases: Aliases = ()
    direction: Annotated[Literal["request", "delivery"], about("Chiều", "request: the agency asks; delivery: the papers arrive")]
    supplement_id: Annotated[
        Number, about("Mã lần bổ sung", "Number of this supplement; a delivery names its request", "HoSoBoSungId")
    ]
    agency: Annotated[AgencyCodeText, about("Cơ quan", "Agency that asks or delivers")]
    at: Annotated[Moment, about("Thời điểm", "When", "NgayBoSung, NgayTiepNhanBoSung")]
    by: Annotated[Name, about("Người thực hiện", "Officer", "NguoiYeuCauBoSung, NguoiTiepNhanBoSung")] | None = None
    content: Annotated[
        LongText, Meta(min_length=1), about("Nội dung", "What is missing or supplied", "NoiDungBoSung, ThongTinTiepNhan")
    ]
    missing: Annotated[
        tuple[MissingPaper, ...],
        Meta(max_length=MAX_LIST),
        about("Giấy tờ còn thiếu", "Papers asked for", "DanhSachGiayToBoSung"),
    ] = ()
    papers: Papers = ()
    fees: Annotated[tuple[Fee, ...], Meta(max_length=MAX_LIST), about("Phí bổ sung", "Fees", "DanhSachLePhiBoSung")] = ()
    complete: Annotated[bool, about("Đã bổ sung đủ", "Nothing is missing any more", "TrangThaiBoSung")] | None = None
    answer_by: Annotated[Moment, about("Hạn bổ sung", "When the papers are due", "hanBoSungHoSo")] | None = None
    previous_due_at: Annotated[Moment, about("Ngày hẹn trả trước", "Due time before", "NgayHenTraTruoc")] | None = None
    new_due_at: Annotated[Moment, about("Ngày hẹn trả mới", "Due time now", "NgayHenTraMoi")] | None = None


class CaseResult(Part, frozen=True, kw_only=True):
    """What was decided. Sent when the result is ready (9), when it was handed over (10), or for the ends without one (3, 8)."""

    case_number: CaseNumber
    aliases: Aliases = ()
    decided_by: Annotated[AgencyCodeText, about("Cơ quan giải quyết", "Agency that decided")]
    decision: Annotated[Literal["granted", "refused", "stopped", "withdrawn"], about("Kết quả giải quyết", "What was decided")]
    decided_at: Annotated[Moment, about("Ngày kết thúc xử lý", "When", "NgayKetThucXuLy, NgayTuChoi")]
    decision_number: (
        Annotated[Name, about("Số, ký hiệu quyết định", "Number and notation of the decision", "SoKyHieu")] | None
    ) = None
    signed_by: Annotated[Name, about("Người ký", "Who signed", "NguoiKy")] | None = None
    position: Annotated[ShortText, about("Chức vụ", "Position of who signed", "ChucVu")] | None = None
    reason: Annotated[LongText, about("Lý do, nội dung", "Reasons, or what the decision says")] | None = None
    status: Annotated[
        Literal[3, 8, 9, 10], about("Trạng thái hồ sơ", "State of the case: 3, 8, 9 or 10 of the ten states", "TrangThaiHoSo")
    ]
    results: ResultPapers = ()
    fees: Annotated[
        tuple[Fee, ...], Meta(max_length=MAX_LIST), about("Phí, lệ phí", "Fees due on hand-over", "DanhSachLePhi")
    ] = ()
    return_way: Annotated[ReturnWay, about("Hình thức trả kết quả", "How it is returned", "HinhThuc")] | None = None
    returned_at: Annotated[Moment, about("Ngày trả", "Handed over", "NgayTra")] | None = None
    returned_to: Annotated[Name, about("Người nhận", "Who took it")] | None = None
    note: Annotated[LongText, about("Ghi chú", "Note", "GhiChu")] | None = None
