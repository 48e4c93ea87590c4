"""The agencies of the new An Giang and the closed ones they replaced, with every code they are or were known by.

What is published and what is not. The units, their statistical codes and the edges between old and new come from the package
`vietnamadminunits` (see `units`). H01 and H33 are level-1 codes of Decision 20/2020/QĐ-TTg; by Decision 09/2025/QĐ-TTg a merged
province keeps the code of the predecessor whose name it keeps (H01), the other (H33) is closed. Departments carry the number of
their ministry as level 2; central bodies' branches hang under the ministry with the province's number. How communes were numbered
once the districts had vanished was not published. So the following is *data of this demo*, chosen not to collide with the above:

- communes: H01.101 to H01.202 in the order of their statistical codes (departments stay below 40, districts had 41 and up);
- old districts: 41, 42, ... below H01 or H33 in the order of their statistical codes, their communes 01, 02, ... below them;
- units below a department (land registration office, one-stop centre): 01;
- the postal service: an opaque code. Decision 20/2020 gives an enterprise its registration code, and a demo should not claim to
  be a registered company;
- the hub: letters are allowed below level 1, so H01.HUB.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache, cached_property
from itertools import count
from typing import Literal

from lgsp.core.directory import Level
from lgsp.demo.units import NewCommune, OldCommune, read_units

CodeScheme = Literal["qd20", "qcvn102", "statistical"]

PROVINCE, CLOSED_PROVINCE = "H01", "H33"
HUB = "H01.HUB"
POST = "VNPOST.AG"
CASE_STATUS = "H01.22.01"  # the one-stop centre keeps the province's case-status database
LAND_OFFICE, MERIT, CIVIL_STATUS, SOCIAL = "H01.10.01", "H01.09", "H01.15", "H01.18"
POLICE, TAX = "G01.01", "G12.01"

NEW_FORM_SINCE = date(2020, 9, 15)  # Decision 20/2020/QĐ-TTg in force
MINISTRIES_MERGED = date(2025, 3, 1)  # the government of March 2025; departments followed on the same day
TWO_LEVELS_SINCE = date(2025, 7, 1)  # districts abolished, An Giang and Kiên Giang merged
_FIRST_COMMUNE, _FIRST_DISTRICT = 101, 41
_COMMUNE_KINDS = ("Xã", "Phường", "Đặc khu")
_OLD_STAT_CODES = {"89": PROVINCE, "91": CLOSED_PROVINCE}  # until 2025-06-30; since then the merged province carries 91

_DEPARTMENTS = {
    "02": "Sở Công Thương",
    "03": "Sở Giáo dục và Đào tạo",
    "06": "Sở Khoa học và Công nghệ",
    "09": "Sở Nội vụ",
    "10": "Sở Nông nghiệp và Môi trường",
    "12": "Sở Tài chính",
    "15": "Sở Tư pháp",
    "16": "Sở Văn hóa, Thể thao và Du lịch",
    "17": "Sở Xây dựng",
    "18": "Sở Y tế",
    "20": "Thanh tra tỉnh",
    "21": "Sở Dân tộc và Tôn giáo",
    "22": "Văn phòng Ủy ban nhân dân tỉnh",
}
# Departments of An Giang dissolved in March 2025. The labour department was split: merit recipients went to home affairs, social
# protection to health; which one a message is for depends on the field of the case.
_DISSOLVED = {
    "04": ("Sở Giao thông vận tải", ("17",)),
    "05": ("Sở Kế hoạch và Đầu tư", ("12",)),
    "07": ("Sở Lao động - Thương binh và Xã hội", ("09", "18")),
    "13": ("Sở Tài nguyên và Môi trường", ("10",)),
    "14": ("Sở Thông tin và Truyền thông", ("06",)),
}


@dataclass(frozen=True, slots=True)
class AlsoKnown:
    """Another code of an agency. Both dates are inclusive; None means "since before the directory begins" or "still"."""

    code: str
    scheme: CodeScheme
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAgency:
    """One agency. `names` begins with the official name; `closed` is its last day. A closed agency names its successors: the
    one that took over most comes first, but with more than one the hub must be told more than the code."""

    code: str
    names: tuple[str, ...]
    level: Level
    parent: str | None = None
    also_known_as: tuple[AlsoKnown, ...] = ()
    opened: date | None = None
    closed: date | None = None
    successors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Province:
    """All agencies, open and closed, in the order a directory can take them: parents and successors stand first."""

    agencies: tuple[DemoAgency, ...]
    by_code: dict[str, DemoAgency] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_code", {agency.code: agency for agency in self.agencies})

    @cached_property
    def communes(self) -> tuple[DemoAgency, ...]:
        """The communes of today, in the order of their codes."""
        return tuple(agency for agency in self.agencies if agency.level == "commune" and agency.closed is None)

    @cached_property
    def commune_kinds(self) -> Counter[str]:
        """How many "Xã", "Phường" and "Đặc khu" there are."""
        names = (commune.names[1] for commune in self.communes)
        return Counter(next(kind for kind in _COMMUNE_KINDS if name.startswith(kind)) for name in names)

    @cached_property
    def _predecessors(self) -> dict[str, tuple[DemoAgency, ...]]:
        found: defaultdict[str, list[DemoAgency]] = defaultdict(list)
        for agency in self.agencies:
            if agency.level == "commune":
                for code in agency.successors:
                    found[code].append(agency)
        return {code: tuple(olds) for code, olds in found.items()}

    def predecessors(self, commune: str) -> tuple[DemoAgency, ...]:
        """The communes until 2025-06-30 whose area, or part of it, the commune took over."""
        return self._predecessors[commune]

    def weight(self, commune: str) -> Fraction:
        """How much of the old province it covers, in old communes; a split one counts in equal parts. Stands in for the
        population, which the package does not carry. The weights add up to the number of old communes."""
        return sum((Fraction(1, len(old.successors)) for old in self.predecessors(commune)), Fraction())


@cache
def load_province() -> Province:
    """Reads the units (about 0.1 s) and builds the agencies. Raises ModuleNotFoundError without the package."""
    units = read_units()
    today = tuple(_communes(units.new))
    code_of = {unit.stat_code: agency.code for unit, agency in zip(units.new, today, strict=True)}
    return Province((*_provincial(units.province_code), *_others(), *today, *_dissolved(), *_old_units(units.old, code_of)))


def legacy_form(code: str) -> str:
    """The QCVN 102 form of a code of up to three levels: "H01.15" is "000.00.15.H01", "H01.41.03" is "000.03.41.H01"."""
    top, second, third = (*code.split("."), "00", "00")[:3]
    return f"000.{third}.{second}.{top}"


def _provincial(stat_code: str) -> Iterator[DemoAgency]:
    yield DemoAgency(
        code=PROVINCE,
        names=("Ủy ban nhân dân tỉnh An Giang", "Tỉnh An Giang"),
        level="province",
        also_known_as=(
            AlsoKnown(legacy_form(PROVINCE), "qcvn102"),
            _old_stat_code(PROVINCE),
            AlsoKnown(stat_code, "statistical", TWO_LEVELS_SINCE),
        ),
    )
    for number, name in _DEPARTMENTS.items():
        yield _open(f"{PROVINCE}.{number}", name, "department", PROVINCE)
    yield _open(LAND_OFFICE, "Văn phòng Đăng ký đất đai tỉnh An Giang", "department", "H01.10")
    yield _open(CASE_STATUS, "Trung tâm Phục vụ hành chính công tỉnh An Giang", "department", "H01.22")


def _others() -> Iterator[DemoAgency]:
    # Their ministries are not agencies of this directory, so they stand without a parent.
    yield _open(POLICE, "Công an tỉnh An Giang", "department", None)
    yield _open(TAX, "Thuế tỉnh An Giang", "department", None)
    yield DemoAgency(code=POST, names=("Bưu điện tỉnh An Giang",), level="post")
    yield DemoAgency(
        code=HUB, names=("Nền tảng tích hợp, chia sẻ dữ liệu tỉnh An Giang", "LGSP An Giang"), level="hub", parent=PROVINCE
    )


def _old_stat_code(code: str) -> AlsoKnown:
    stat_code = next(stat for stat, province in _OLD_STAT_CODES.items() if province == code)
    return AlsoKnown(stat_code, "statistical", None, TWO_LEVELS_SINCE - timedelta(days=1))


def _open(code: str, name: str, level: Level, parent: str | None) -> DemoAgency:
    return DemoAgency(
        code=code, names=(name,), level=level, parent=parent, also_known_as=(AlsoKnown(legacy_form(code), "qcvn102"),)
    )


def _communes(units: Iterable[NewCommune]) -> Iterator[DemoAgency]:
    for number, unit in enumerate(units, _FIRST_COMMUNE):
        yield DemoAgency(
            code=f"{PROVINCE}.{number}",
            names=(f"Ủy ban nhân dân {unit.kind.lower()} {unit.name}", f"{unit.kind} {unit.name}"),
            level="commune",
            parent=PROVINCE,
            also_known_as=(AlsoKnown(unit.stat_code, "statistical", TWO_LEVELS_SINCE),),
            opened=TWO_LEVELS_SINCE,
        )


def _dissolved() -> Iterator[DemoAgency]:
    for number, (name, successors) in _DISSOLVED.items():
        heirs = [f"{PROVINCE}.{to}" for to in successors]
        yield _closed(f"{PROVINCE}.{number}", (name,), "department", PROVINCE, MINISTRIES_MERGED, heirs)
    names = ("Ủy ban nhân dân tỉnh Kiên Giang", "Tỉnh Kiên Giang")
    kien_giang = _closed(CLOSED_PROVINCE, names, "province", None, TWO_LEVELS_SINCE, [PROVINCE], _old_stat_code(CLOSED_PROVINCE))
    yield kien_giang
    for number, name in _DEPARTMENTS.items():
        full = f"{name} Kiên Giang" if name.endswith("tỉnh") else f"{name} tỉnh Kiên Giang"
        yield _closed(
            f"{CLOSED_PROVINCE}.{number}", (full,), "department", kien_giang.code, TWO_LEVELS_SINCE, [f"{PROVINCE}.{number}"]
        )


def _old_units(units: tuple[OldCommune, ...], code_of: dict[str, str]) -> Iterator[DemoAgency]:
    """Each old district, then its communes."""
    parents = {PROVINCE: PROVINCE, CLOSED_PROVINCE: legacy_form(CLOSED_PROVINCE)}
    numbers = {top: count(_FIRST_DISTRICT) for top in parents}
    districts: defaultdict[tuple[str, str, str], list[OldCommune]] = defaultdict(list)
    for unit in units:
        districts[unit.district_code, unit.district, _OLD_STAT_CODES[unit.province_code]].append(unit)
    for (stat_code, name, top), members in sorted(districts.items()):
        code = f"{top}.{next(numbers[top])}"
        heirs = dict.fromkeys(code_of[stat] for unit in members for stat in unit.became)
        yield _old_unit(code, name, "district", parents[top], stat_code, heirs)
        for number, unit in enumerate(members, 1):
            title = f"{unit.kind} {unit.name}, {name}"
            became = [code_of[stat] for stat in unit.became]
            yield _old_unit(f"{code}.{number:02}", title, "commune", legacy_form(code), unit.stat_code, became)


def _old_unit(code: str, name: str, level: Level, parent: str, stat_code: str, successors: Iterable[str]) -> DemoAgency:
    stat = AlsoKnown(stat_code, "statistical", None, TWO_LEVELS_SINCE - timedelta(days=1))
    official = f"Ủy ban nhân dân {name[0].lower()}{name[1:]}"
    return _closed(code, (official, name), level, parent, TWO_LEVELS_SINCE, successors, stat)


def _closed(
    code: str,
    names: tuple[str, ...],
    level: Level,
    parent: str | None,
    gone_since: date,
    successors: Iterable[str],
    *more: AlsoKnown,
) -> DemoAgency:
    """A closed agency goes by its legacy code, which old case numbers embed; the Decision 20/2020 form is an alias."""
    last_day = gone_since - timedelta(days=1)
    return DemoAgency(
        code=legacy_form(code),
        names=names,
        level=level,
        parent=parent,
        also_known_as=(AlsoKnown(code, "qd20", NEW_FORM_SINCE, last_day), *more),
        closed=last_day,
        successors=tuple(successors),
    )
