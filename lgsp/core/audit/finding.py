"""What is wrong, where, and what should be there: with a code that is stable, in Vietnamese and English."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

_SHOWN_CHARS = 200


class Kind(NamedTuple):
    """What a code means."""

    vi: str
    en: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "leaf.missing": Kind("Thiếu một mục của nhật ký", "An entry of the log is missing"),
        "leaf.unexpected": Kind("Mục nằm ngoài cây của nhật ký", "An entry outside the tree of the log"),
        "leaf.differs": Kind("Mục không khớp với hàm băm đã công bố", "An entry does not hash to what was published of it"),
        "record.invalid": Kind("Mục không phải bản ghi hợp lệ", "An entry is no record of the hub"),
        "hash.missing": Kind("Thiếu một hàm băm của cây", "A hash of the tree is missing"),
        "hash.unexpected": Kind("Hàm băm nằm ngoài cây", "A hash outside the tree"),
        "hash.differs": Kind("Hàm băm khác với kết quả tính lại từ các mục", "A hash differs from what the entries come to"),
        "head.differs": Kind(
            "Đầu cây khác với kết quả tính lại từ các mục", "The head of the tree differs from what the entries come to"
        ),
        "checkpoint.invalid": Kind("Điểm kiểm chứng không do nhật ký này ký", "A checkpoint that this log did not sign"),
        "checkpoint.differs": Kind("Cây không khớp với điểm kiểm chứng đã ký", "The tree is not the one that was signed"),
        "checkpoint.ahead": Kind(
            "Điểm kiểm chứng đã ký lớn hơn cây hiện có", "A checkpoint was signed over more entries than there are"
        ),
        "checkpoint.unread": Kind("Không đọc được điểm kiểm chứng đã ký", "The signed checkpoint cannot be read"),
        "stamp.differs": Kind("Dấu thời gian không thuộc điểm kiểm chứng này", "A time-stamp is not of its checkpoint"),
        "row.missing": Kind("Thiếu một dòng mà nhật ký có ghi", "A row is missing that the log tells of"),
        "row.unexpected": Kind("Một dòng mà nhật ký không ghi", "A row that the log does not tell of"),
        "row.differs": Kind("Nội dung dòng khác với nhật ký", "A row is not as the log tells"),
        "row.unreadable": Kind("Không đọc được nội dung dòng", "A row cannot be read"),
        "row.inconsistent": Kind("Nội dung dòng mâu thuẫn với dữ liệu liên quan", "A row contradicts what it follows from"),
        "body.missing": Kind(
            "Thiếu thân thông điệp, và nhật ký không ghi việc xóa", "A body is missing, and the log tells of no erasing"
        ),
        "body.unexpected": Kind("Thân thông điệp vẫn còn dù nhật ký ghi đã xóa", "A body is there that the log tells was erased"),
        "number.gap": Kind("Dãy số không liền", "Numbers are not dense"),
        "evidence.differs": Kind("Bằng chứng không khớp mã băm của nó", "Octets of evidence do not hash to their digest"),
        "tile.unreadable": Kind("Không đọc được mảnh của nhật ký", "A tile of the log cannot be read"),
    }
)


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`row`: its key, such as "sequence 12". `column`: where one of the row is meant."""

    code: str
    table: str
    row: str
    column: str = ""
    expected: str = ""
    found: str = ""

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]


def finding(code: str, table: str, row: str, column: str = "", expected: object = "", found: object = "") -> Finding:
    """With values as people read them; long ones are cut."""
    return Finding(code=code, table=table, row=row, column=column, expected=shown(expected), found=shown(found))


def shown(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        octets = bytes(value)
        return octets.hex() if len(octets) <= 32 else f"{octets[:16].hex()}... ({len(octets)} bytes)"
    text = "NULL" if value is None else str(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
