"""What is said of a bundle, in both languages, for those who decide by it."""

from collections.abc import Mapping
from types import MappingProxyType

from lgsp.core.labels import LABELS
from lgsp.evidence.findings import Exit, State
from signing.words import Words

CHECKS: Mapping[str, Words] = MappingProxyType(
    {
        "container": Words("Tệp gói: từng byte đúng chỗ", "The container: every octet in its place"),
        "seal": Words("Dấu niêm phong của trục trên gói", "The hub's seal over the bundle"),
        "checkpoint": Words("Điểm kiểm chứng do nhật ký ký", "The log's signed checkpoint"),
        "witnesses": Words("Nhân chứng cùng ký điểm kiểm chứng", "Witnesses who cosigned the checkpoint"),
        "stamp": Words("Dấu thời gian (RFC 3161) trên điểm kiểm chứng", "Time-stamp (RFC 3161) over the checkpoint"),
        "exhibit": Words("Chứng thư, CRL, OCSP dùng làm căn cứ", "Certificates, lists and answers that verdicts rest on"),
        "envelope": Words("Thông điệp nguyên gốc", "The envelope as it was received"),
        "attachment": Words("Tệp đính kèm", "Attachment"),
        "entries": Words("Các dòng trong nhật ký và nội dung chúng cam kết", "Entries of the log, and what they commit to"),
        "receipt": Words("Biên nhận của trục", "The hub's receipt"),
        "signature": Words("Chữ ký của bên gửi, kiểm tra lại", "The sender's signature, verified anew"),
    }
)

STATES: Mapping[State, Words] = MappingProxyType(
    {
        State.FITS: Words("đúng", "fits"),
        State.UNCONFIRMED: Words("khớp, khóa chưa đối chiếu", "fits, key not confirmed"),
        State.WRONG: Words("SAI", "WRONG"),
        State.NOT_HERE: Words("không có hoặc không xét", "not here, or not looked at"),
    }
)

VERDICTS: Mapping[Exit, Words] = MappingProxyType(
    {
        Exit.PROVED: Words(
            "ĐÃ CHỨNG MINH: mọi thứ đều khớp, mọi khóa đã được đối chiếu với nguồn ngoài gói.",
            "PROVED: everything fits, by keys that were given from outside the bundle.",
        ),
        Exit.WRONG: Words(
            "CÓ CHỖ SAI: không được dựa vào gói này; các chỗ sai nêu bên dưới.",
            "SOMETHING IS WRONG: this bundle must not be relied on; what is wrong stands below.",
        ),
        Exit.UNREADABLE: Words(
            "KHÔNG ĐỌC ĐƯỢC: không phải gói chứng cứ, hoặc thuộc định dạng mà chương trình này chưa biết.",
            "CANNOT BE READ: not a bundle of evidence, or of a format that this program does not know.",
        ),
        Exit.KEYS_NOT_CONFIRMED: Words(
            "TỰ KHỚP, KHÓA CHƯA ĐƯỢC XÁC NHẬN: hãy so các khóa dưới đây với khóa nhận từ nguồn khác"
            " (--log-key, --hub-keys, --trust).",
            "CONSISTENT IN ITSELF, KEYS NOT CONFIRMED: compare the keys below with what you have from elsewhere"
            " (--log-key, --hub-keys, --trust).",
        ),
    }
)

KEYS: Mapping[str, Words] = MappingProxyType(
    {
        "log": Words("Khóa của nhật ký (vkey)", "Key of the log (vkey)"),
        "witness": Words("Khóa của nhân chứng (vkey)", "Key of a witness (vkey)"),
        "hub": Words("Khóa của trục (RFC 7638)", "Key of the hub (RFC 7638)"),
        "seal": Words("Chứng thư niêm phong (SHA-256)", "Certificate of the seal (SHA-256)"),
    }
)

_HAPPENINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        **LABELS,
        "routed": ("lập lần giao", "delivery made"),
        "body_erased": ("đã xóa nội dung theo thời hạn lưu", "body erased, retention over"),
    }
)
CONFIRMED = Words("đã đối chiếu", "confirmed")
NOT_CONFIRMED = Words("CHƯA đối chiếu", "NOT confirmed")


def happening(name: str) -> Words:
    """Of a line of a timeline; the name itself where it has no words."""
    return Words(*_HAPPENINGS.get(name, (name, name)))
