"""Codes of the post: item identifiers (UPU S10) and tracking events (UPU EMSEVT). Pure tables and arithmetic."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

S10Verdict = Literal["valid", "wrong_check_digit", "not_s10"]
LegState = Literal[
    "registered", "collecting", "collected", "in_transit", "at_delivery_office", "held", "ready_for_pickup", "out_for_delivery",
    "attempt_failed", "delivered", "returned", "settled", "cancelled",
]  # fmt: skip

_S10 = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}")
_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def s10_check_digit(serial: str) -> int:
    """The ninth digit for an eight-digit serial number (UPU S10, annex): 11 - weighted sum mod 11; 10 becomes 0, 11 becomes 5.

    Raises ValueError for anything but eight ASCII digits.
    """
    if len(serial) != 8 or not (serial.isascii() and serial.isdigit()):
        raise ValueError("a serial number has eight digits")
    digit = 11 - sum(int(char) * weight for char, weight in zip(serial, _WEIGHTS, strict=True)) % 11
    return {10: 0, 11: 5}.get(digit, digit)


def s10_verdict(item_code: str) -> S10Verdict:
    """What the item code is. A report, no verdict on the message: domestic labels need not be S10, so nothing is refused by it.

    Spaces and lower case are forgiven, as labels are typed by hand. An identifier may be reused after 12 months (24 recommended),
    so a valid code is not unique for ever.
    """
    found = _S10.fullmatch(item_code.replace(" ", "").upper())
    if found is None:
        return "not_s10"
    return "valid" if s10_check_digit(found[1]) == int(found[2]) else "wrong_check_digit"


# UPU EMSEVT: code -> (Vietnamese, English, state of the leg; None: says nothing about a domestic leg).
EMSEVT: Mapping[str, tuple[str, str, LegState | None]] = MappingProxyType(
    {
        "EMA": ("Nhận gửi", "posting or collection", "collected"),
        "EMB": ("Đến bưu cục ngoại dịch chiều đi", "arrival at outward office of exchange", "in_transit"),
        "EMC": ("Rời bưu cục ngoại dịch chiều đi", "departure from outward office of exchange", "in_transit"),
        "EMJ": ("Đến bưu cục quá giang", "arrival at transit office of exchange", "in_transit"),
        "EMK": ("Rời bưu cục quá giang", "departure from transit office of exchange", "in_transit"),
        "EMD": ("Đến bưu cục ngoại dịch chiều đến", "arrival at inward office of exchange", "in_transit"),
        "EDA": ("Lưu giữ tại bưu cục ngoại dịch", "held at inward office of exchange", None),
        "EDB": ("Trình hải quan nhập khẩu", "presented to import customs", None),
        "EDC": ("Hải quan nhập khẩu trả lại", "returned from import customs", None),
        "EME": ("Hải quan nhập khẩu giữ", "held by import customs", None),
        "EMF": ("Rời bưu cục ngoại dịch chiều đến", "departure from inward office of exchange", "in_transit"),
        "EDD": ("Đến trung tâm khai thác", "into sorting centre", "in_transit"),
        "EDE": ("Rời trung tâm khai thác", "out of sorting centre", "in_transit"),
        "EMG": ("Đến bưu cục phát", "arrival at delivery office", "at_delivery_office"),
        "EDF": ("Lưu giữ tại bưu cục phát", "held at delivery depot", "held"),
        "EDG": ("Đang đi phát", "out for physical delivery", "out_for_delivery"),
        "EDH": ("Đến điểm nhận", "arrival at collection point", "ready_for_pickup"),
        "EMH": ("Phát không thành công", "unsuccessful delivery", "attempt_failed"),
        "EMI": ("Phát thành công", "final delivery", "delivered"),
        "EXA": ("Trình hải quan xuất khẩu", "presented to export customs", None),
        "EXB": ("Hải quan xuất khẩu giữ", "held by export customs", None),
        "EXC": ("Hải quan xuất khẩu trả lại", "returned from export customs", None),
        "EXD": ("Lưu giữ tại bưu cục ngoại dịch chiều đi", "held at outward office of exchange", None),
        "EXX": ("Chấm dứt xuất khẩu", "export terminated", None),
        "EDX": ("Chấm dứt nhập khẩu", "import terminated", None),
    }
)
