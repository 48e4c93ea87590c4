"""Which way a parcel goes. Pure.

The interface says it only by who is sender, so somebody has to know which of the two is the office.
"""

import re
from collections.abc import Collection
from typing import Literal

from adapters.vnpost.messages import OrderMessage
from contracts.errors import ContractError
from contracts.text import identifier_key, search_key

Direction = Literal["collect", "deliver"]

# How offices are called; a citizen or a company is not. With its marks: "Phong" and "Trương" are families.
_OFFICE = re.compile(
    r"(?:bộ phận |tt\.? ?hcc|ttpvhcc|trung tâm (?:phục vụ )?hành chính|trung tâm phục vụ|ubnd|ủy ban nhân dân|uỷ ban nhân dân"
    r"|hđnd|hội đồng nhân dân|sở |phòng |văn phòng |chi cục |cục |công an |ban quản lý |ban chỉ huy |tòa án |toà án "
    r"|viện kiểm sát |kho bạc |bảo hiểm xã hội|bhxh|chi nhánh văn phòng )"
)


def direction_of(message: OrderMessage, office_names: Collection[str], asked: str | None) -> Direction:
    """What the call says (`asked`, of its address, or its element Direction); else which of the two bears a name of the calling
    agency; else which of them is called like an office. Never guessed: raises ContractError "postal.direction_unclear"."""
    said = (asked or message.direction or "").strip().lower()
    if said in ("collect", "deliver"):
        return "collect" if said == "collect" else "deliver"
    if said:
        raise ContractError("body.invalid", "/Direction", "collect or deliver")
    sender, receiver = message.sender_name or "", message.receiver_name or ""
    own = {search_key(name) for name in office_names if name}
    for here, there in (
        (search_key(sender) in own, search_key(receiver) in own),
        (_is_office(sender), _is_office(receiver)),
    ):
        if here != there:
            return "deliver" if here else "collect"
    raise ContractError("postal.direction_unclear", "/SenderName")


def _is_office(name: str) -> bool:
    return _OFFICE.match(identifier_key(name)) is not None
