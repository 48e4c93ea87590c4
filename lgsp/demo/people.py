"""Invented applicants with names as people in An Giang bear them: Kinh, Khmer and Hoa.

Nobody here is real: personal numbers have the right shape (12 digits: place of birth, sex and century, year, serial) but a place
code, 000, that is given to no province.
"""

import random
import unicodedata
import zlib
from dataclasses import dataclass

# Frequent names stand several times.
# fmt: off
_FAMILY = (
    *["Nguyễn"] * 9, *["Trần"] * 4, *["Lê"] * 4, *["Huỳnh"] * 4, *["Phạm"] * 2, *["Phan"] * 2, *["Võ"] * 2,
    "Đặng", "Đỗ", "Bùi", "Hồ", "Ngô", "Dương", "Lý", "Trương", "Đoàn", "Mai", "Cao", "Lâm", "Tô", "Châu", "Quách",
    "Danh", "Chau", "Kim", "Thạch",
)
_MIDDLE_MEN = (
    "Văn", "Văn", "Văn", "Hữu", "Minh", "Thanh", "Quốc", "Hoàng", "Công", "Đức", "Tấn", "Trọng", "Ngọc", "Phước",
)
_MIDDLE_WOMEN = (
    "Thị", "Thị", "Thị", "Thị", "Ngọc", "Thanh", "Kim", "Mỹ", "Bích", "Hồng", "Thúy", "Cẩm", "Diễm", "Như",
)
_MEN = (
    "An", "Bảo", "Cường", "Dũng", "Đạt", "Đông", "Hải", "Hậu", "Hiếu", "Hùng", "Khánh", "Khoa", "Kiệt", "Lộc",
    "Luân", "Nam", "Nghĩa", "Phúc", "Quân", "Sơn", "Tài", "Thắng", "Thiện", "Tín", "Toàn", "Trí", "Vũ",
)
_WOMEN = (
    "Anh", "Ánh", "Dung", "Duyên", "Đào", "Giang", "Hạnh", "Hiền", "Hoa", "Hương", "Lan", "Liên", "Loan", "Mai",
    "Ngân", "Nhung", "Oanh", "Phượng", "Quyên", "Thảo", "Thủy", "Trang", "Tuyết", "Yến",
)
_HAMLETS = (
    "Ấp Bình Hòa", "Ấp Long Thạnh", "Ấp Mỹ Thuận", "Ấp Vĩnh Phước", "Ấp Tân Lợi", "Khóm Đông Thịnh", "Ấp Hòa Thuận", "Ấp 3",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Person:
    """An applicant; `name` is usually composed (NFC), sometimes decomposed (NFD) as some systems send it."""

    name: str
    personal_number: str
    born_year: int
    is_woman: bool
    phone: str
    address: str


def invent(rng: random.Random, place: str, former_place: str, *, decomposed: bool) -> Person:
    """Somebody who lives in `place`, a commune, in the part of it that was `former_place` until 2025-06-30."""
    is_woman = rng.random() < 0.5
    middle, given = (_MIDDLE_WOMEN, _WOMEN) if is_woman else (_MIDDLE_MEN, _MEN)
    name = f"{rng.choice(_FAMILY)} {rng.choice(middle)} {rng.choice(given)}"
    born_year = rng.randint(1945, 2006)
    sex_and_century = int(is_woman) + (2 if born_year >= 2000 else 0)
    return Person(
        name=unicodedata.normalize("NFD" if decomposed else "NFC", name),
        personal_number=f"000{sex_and_century}{born_year % 100:02}{rng.randrange(10**6):06}",
        born_year=born_year,
        is_woman=is_woman,
        phone=f"0900{rng.randrange(10**6):06}",
        address=f"Số {rng.randint(1, 480)}, {rng.choice(_HAMLETS)} ({former_place} cũ), {place}, tỉnh An Giang",
    )


def officer(desk: str) -> str:
    """Who sits at a desk: always the same name for the same text."""
    place = zlib.crc32(desk.encode())
    return f"{_FAMILY[place % len(_FAMILY)]} Thị {_WOMEN[place // 64 % len(_WOMEN)]}"
