"""Code lists of QCVN 102:2016/BTTTT (amendment 1:2022), with the names people use."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from contracts.text import search_key


def _named(*names: str) -> Mapping[int, str]:
    return MappingProxyType(dict(enumerate(names)))


PRIORITIES = _named("Thường", "Khẩn", "Thượng khẩn", "Hỏa tốc", "Hỏa tốc hẹn giờ")  # 1.11.1
STEERING_TYPES = _named("Không phải văn bản chỉ đạo", "Văn bản chỉ đạo", "Văn bản báo cáo việc thực hiện chỉ đạo")  # 1.13
BUSINESS_TYPES = _named("Văn bản mới", "Thu hồi", "Cập nhật", "Thay thế")  # 2.2.1
PAPER = _named("Không gửi bản giấy", "Có gửi bản giấy")  # 2.2

# Status packets. Nobody has seen 07 to 12 and 14: codes of two digits that are not listed are carried.
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "01": "Đã đến",
        "02": "Từ chối tiếp nhận",
        "03": "Đã tiếp nhận",
        "04": "Phân công xử lý",
        "05": "Đang xử lý",
        "06": "Hoàn thành",
        "13": "Đề nghị lấy lại văn bản",
        "15": "Đồng ý cập nhật, lấy lại",
        "16": "Từ chối cập nhật, lấy lại",
    }
)

# Amendment 1:2022: A, documents with legal force; B, administrative documents. B10 to B17 and B27 to B32 by the order of the list
# of Decree 30/2020/NĐ-CP, with which all others agree.
LEGAL = (
    "Hiến pháp", "Luật", "Pháp lệnh", "Lệnh", "Nghị quyết", "Nghị quyết liên tịch", "Nghị định", "Quyết định", "Thông tư",
    "Thông tư liên tịch", "Chỉ thị", "Bộ luật", "Văn bản quy phạm pháp luật của đơn vị hành chính - kinh tế đặc biệt",
)  # fmt: skip
ADMINISTRATIVE = (
    "Nghị quyết (cá biệt)", "Quyết định (cá biệt)", "Chỉ thị", "Quy chế", "Quy định", "Thông cáo", "Thông báo", "Hướng dẫn",
    "Chương trình", "Kế hoạch", "Phương án", "Đề án", "Dự án", "Báo cáo", "Biên bản", "Tờ trình", "Hợp đồng", "Công văn",
    "Công điện", "Bản ghi nhớ", "Bản cam kết", "Bản thỏa thuận", "Giấy chứng nhận", "Giấy ủy quyền", "Giấy mời",
    "Giấy giới thiệu",
    "Giấy nghỉ phép", "Giấy đi đường", "Giấy biên nhận hồ sơ", "Phiếu gửi", "Phiếu chuyển", "Thư công",
)  # fmt: skip


class DocumentType(NamedTuple):
    """`group` A or B of amendment 1:2022, `number` in it, from 1."""

    group: Literal["A", "B"]
    number: int
    name: str


_ALL = (*(DocumentType("B", n, name) for n, name in enumerate(ADMINISTRATIVE, 1)),
        *(DocumentType("A", n, name) for n, name in enumerate(LEGAL, 1)))  # fmt: skip


def document_type(type_: str | None, type_detail: str | None, type_name: str | None) -> DocumentType | None:
    """What kind of document a packet means (clause 1.5). The name decides: senders put 1 or 2 for the group into Type, or the
    number in group B, with the detail or without. A name that stands in both groups is of the group that Type says, else B.
    """
    wanted = _plain(type_name or "")
    named = [one for one in _ALL if wanted and _plain(one.name) == wanted]
    if named:
        return next((one for one in named if one.group == {"1": "A", "2": "B"}.get(type_ or "")), named[0])
    if wanted:
        return None
    group, number = _coded(type_, type_detail)
    return next((one for one in _ALL if (one.group, one.number) == (group, number)), None)


def _plain(name: str) -> str:
    return search_key(name).removesuffix(" (ca biet)")


def _coded(type_: str | None, type_detail: str | None) -> tuple[str, int]:
    first, second = (int(text[:9]) if text and text.isdecimal() else 0 for text in (type_, type_detail))
    if first in (1, 2) and second:
        return "AB"[first - 1], second
    return "B", first if first > 2 else 0
