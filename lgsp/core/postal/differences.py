"""What may not fit together in the account of a day: stable codes with texts in both languages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from lgsp.core.postal.legs import DIRECTIONS, LegKey
from lgsp.core.postal.traffic import Direction

Severity = Literal["difference", "warning"]


class Sort(NamedTuple):
    """Texts may name {expected}, {found} and {detail}, which may be words of either language."""

    severity: Severity
    vi: str
    en: str


SORTS: Mapping[str, Sort] = MappingProxyType(
    {
        "postal.ordered_not_collected": Sort(
            "difference",
            "Đã đặt đơn {found} ngày, bưu điện chưa nhận bưu gửi",
            "Ordered {found} days ago, and the post has no parcel",
        ),
        "postal.order_not_handed_over": Sort(
            "difference", "Đơn không chuyển được đến bưu điện", "The order could not be handed to the post"
        ),
        "postal.collected_not_ordered": Sort(
            "difference", "Bưu điện nhận bưu gửi không có đơn", "The post has a parcel that nobody ordered"
        ),
        "postal.delivered_not_settled": Sort(
            "difference",
            "Đã phát nhưng không có trong đối soát; phải thu hộ {expected} đồng",
            "Delivered, and in no settlement; {expected} đồng were to be collected",
        ),
        "postal.settled_not_delivered": Sort(
            "difference", "Có trong đối soát nhưng chưa phát ({detail})", "In the settlement, and not delivered ({detail})"
        ),
        "postal.settled_not_known": Sort(
            "difference",
            "Có trong đối soát nhưng không có đơn và hành trình",
            "In the settlement, and neither ordered nor tracked",
        ),
        "postal.settled_other_day": Sort(
            "warning", "Đối soát khác ngày kết thúc ({detail})", "Settled on another day than it ended ({detail})"
        ),
        "postal.cod_differs": Sort(
            "difference",
            "Tiền thu hộ trong đối soát {found} đồng, theo đơn {expected} đồng",
            "The settlement has {found} đồng collected, the order {expected}",
        ),
        "postal.collected_amount_differs": Sort(
            "difference",
            "Bưu tá thu {found} đồng, theo đơn {expected} đồng",
            "{found} đồng were collected at the door, {expected} were ordered",
        ),
        "postal.total_differs": Sort(
            "difference",
            "Tổng {detail} ghi {found} đồng, cộng các dòng {expected} đồng",
            "The total of {detail} says {found} đồng, its lines add up to {expected}",
        ),
        "postal.settlement_missing": Sort(
            "difference",
            "Chưa có đối soát của ngày: {found} bưu gửi đã phát, phải thu hộ {expected} đồng",
            "No settlement of the day: {found} delivered, {expected} đồng were to be collected",
        ),
        "postal.settlement_part_missing": Sort(
            "difference", "Đối soát thiếu phần {detail}", "Parts of the settlement are missing: {detail}"
        ),
        "postal.settlement_part_twice": Sort(
            "warning",
            "Phần {detail} được gửi hơn một lần với nội dung khác nhau",
            "Part {detail} came more than once, with other contents",
        ),
        "postal.settlement_line_twice": Sort(
            "difference", "Một bưu gửi được đối soát hai lần ({detail})", "One parcel was settled twice ({detail})"
        ),
        "postal.cancelled_charged": Sort(
            "difference", "Đơn đã hủy vẫn tính tiền: {found} đồng", "Cancelled and charged all the same: {found} đồng"
        ),
        "postal.cancelled_after_collection": Sort(
            "difference", "Hủy khi bưu điện đã nhận bưu gửi", "Cancelled when the post had the parcel already"
        ),
        "postal.event_after_end": Sort(
            "difference", "Có sự kiện sau khi đã kết thúc ({detail})", "Something happened after the end ({detail})"
        ),
        "postal.item_code_reused": Sort(
            "warning", "Số hiệu bưu gửi đã dùng cho đơn {detail}", "The item code was used before, for order {detail}"
        ),
        "postal.item_code_differs": Sort(
            "warning",
            "Số hiệu trên đơn khác số hiệu bưu điện báo ({detail})",
            "The post names another item code than the order ({detail})",
        ),
        "postal.item_code_check_digit": Sort(
            "warning", "Số hiệu {detail} sai chữ số kiểm tra (UPU S10)", "The check digit of {detail} is wrong (UPU S10)"
        ),
    }
)


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`expected` and `found`: đồng, or a count, as the text says. `office`: code or name of the post office, "" where none is
    known."""

    code: str
    severity: Severity
    text_vi: str
    text_en: str
    agency: str = ""
    office: str = ""
    customer_code: str = ""
    order_number: str = ""
    case_number: str = ""
    direction: Direction | None = None
    leg: int = 0
    item_code: str = ""
    expected: int | None = None
    found: int | None = None

    @property
    def where_vi(self) -> str:
        return "" if self.direction is None else f"{self.order_number} · {DIRECTIONS[self.direction][0]} {self.leg}"


def difference(
    code: str,
    *,
    agency: str = "",
    office: str = "",
    customer_code: str = "",
    key: LegKey | None = None,
    case_number: str = "",
    item_code: str = "",
    expected: int | None = None,
    found: int | None = None,
    detail: str | tuple[str, str] = "",
) -> Difference:
    """`detail`: Vietnamese and English, where they are not the same."""
    sort = SORTS[code]
    vi, en = (detail, detail) if isinstance(detail, str) else detail
    told = {"expected": _number(expected), "found": _number(found)}
    return Difference(
        code=code,
        severity=sort.severity,
        text_vi=sort.vi.format(**told, detail=vi),
        text_en=sort.en.format(**told, detail=en),
        agency=agency,
        office=office,
        customer_code=customer_code,
        order_number=key.order_number if key else "",
        case_number=case_number,
        direction=key.direction if key else None,
        leg=key.leg if key else 0,
        item_code=item_code,
        expected=expected,
        found=found,
    )


def _number(value: int | None) -> str:
    """126500 as 126.500, as both languages read it in a Vietnamese account."""
    return "" if value is None else f"{value:,}".replace(",", ".")
