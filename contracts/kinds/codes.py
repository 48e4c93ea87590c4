"""Code lists of cases, as numbers that travel, with their labels in both languages."""

from enum import IntEnum


class Labelled(IntEnum):
    """A number with a Vietnamese and an English label."""

    label_vi: str
    label_en: str

    def __new__(cls, number: int, label_vi: str = "", label_en: str = "") -> "Labelled":
        member = int.__new__(cls, number)
        member._value_ = number
        member.label_vi = label_vi
        member.label_en = label_en
        return member


class CaseStatus(Labelled):
    """State of a case (TrangThaiHoSo 1..10). The state of the case and that of its last progress line may disagree."""

    REGISTERED = 1, "Mới đăng ký", "submitted, not yet accepted"
    ACCEPTED = 2, "Được tiếp nhận", "accepted at the desk; the clock starts"
    NOT_ACCEPTED = 3, "Không được tiếp nhận", "refused at the desk"
    IN_PROCESS = 4, "Đang xử lý", "with a specialist unit or another system"
    SUPPLEMENT_REQUESTED = 5, "Yêu cầu bổ sung giấy tờ", "waiting for the applicant; the clock stands still"
    PAYMENT_REQUESTED = 6, "Yêu cầu thực hiện nghĩa vụ tài chính", "waiting for a tax or fee to be paid"
    WITHDRAWAL_REQUESTED = 7, "Công dân yêu cầu rút hồ sơ", "the applicant asked to withdraw; normally followed by 8"
    STOPPED = 8, "Dừng xử lý", "stopped by the agency"
    DECIDED = 9, "Đã xử lý xong", "decided; the result is ready and not yet handed over"
    RETURNED = 10, "Đã trả kết quả", "the result was handed over"

    @property
    def terminal(self) -> bool:
        """Nothing may follow any more."""
        return self in _TERMINAL


_TERMINAL = frozenset({CaseStatus.NOT_ACCEPTED, CaseStatus.STOPPED, CaseStatus.RETURNED})


class Channel(Labelled):
    """How the case was handed in (KenhThucHien)."""

    IN_PERSON = 1, "Trực tiếp", "in person"
    ONLINE = 2, "Trực tuyến", "online"
    POST = 3, "Bưu chính công ích", "by public post"


class ReturnWay(Labelled):
    """How the result reaches the applicant (HinhThuc)."""

    DIRECT = 0, "Nhận trực tiếp", "collected in person"
    POST = 1, "Nhận qua bưu chính", "by post"


class ApplicantKind(Labelled):
    """Who owns the case (LoaiDoiTuong). A ministry portal of 2026 numbers differently (0 citizen): its adapter translates."""

    CITIZEN = 1, "Công dân", "citizen"
    BUSINESS = 2, "Doanh nghiệp", "business"
    STATE_BODY = 3, "Cơ quan nhà nước", "state body"
    ORGANISATION = 4, "Tổ chức khác", "organisation or other"


class PaperCopy(Labelled):
    """What kind of paper was handed in (LoaiBan)."""

    ORIGINAL = 0, "Bản chính", "original"
    COPY = 1, "Bản sao", "copy"
    ELECTRONIC = 2, "Bản điện tử", "electronic"


class FeeCollection(Labelled):
    """When a fee is collected (HinhThucThu)."""

    ON_RECEIPT = 1, "Thu khi tiếp nhận", "on receipt"
    ON_SUPPLEMENT = 2, "Thu khi bổ sung", "on supplement"
    ON_HAND_OVER = 4, "Thu khi trả kết quả", "on hand-over"


class FeeKind(Labelled):
    """Kind of fee (LoaiPhiLePhi); beyond 1 used by one portal only."""

    ORDINARY = 1, "Phí, lệ phí thông thường", "ordinary fee"
    APPRAISAL = 2, "Phí thẩm định", "appraisal fee"
    EXTENSION = 3, "Phí gia hạn", "extension fee"
