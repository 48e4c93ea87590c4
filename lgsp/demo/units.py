"""The administrative units of An Giang before and after 2025-07-01, as published in the PyPI package `vietnamadminunits`.

The package (Tran Ngoc Minh Hieu, MIT licence) carries all 63 -> 34 provinces, 10,035 -> 3,321 communes and the edges between
them. Only three of its data files are read, in place: importing the package loads an address parser with a geocoder and a polygon
library, which takes seconds and is not needed to look something up in a table.

- `parser_from_2025.json`: provinces and communes since 2025-07-01; `parser_legacy.json`: the three levels before.
  Names that differ only in their marks (Phú Thạnh, Phú Thành) stand in a table of their own beside the others.
- `converter_2025.json`: new province -> old provinces; new commune -> old communes that went into it whole; old commune -> new
  communes that share its area, one of them marked as the default.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contracts.text import nfc

_AN_GIANG = "tinhangiang"  # the package's own key, of the old and of the new province

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewCommune:
    """A commune since 2025-07-01; `kind` is "Xã", "Phường" or "Đặc khu", `stat_code` the five-digit statistical code."""

    stat_code: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class OldCommune:
    """A commune until 2025-06-30 and the statistical codes of the communes that took it over, the main one first."""

    stat_code: str
    kind: str
    name: str
    district_code: str
    district: str
    province_code: str
    became: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Units:
    """The province by its statistical code, its communes, and the communes before; both ordered by statistical code."""

    province_code: str
    new: tuple[NewCommune, ...]
    old: tuple[OldCommune, ...]


def read_units() -> Units:
    """Raises ModuleNotFoundError when `vietnamadminunits` is not installed."""
    folder = _data_folder()
    today, legacy, edges = (
        json.loads((folder / f"{name}.json").read_bytes()) for name in ("parser_from_2025", "parser_legacy", "converter_2025")
    )
    communes = _both(today, "DICT_PROVINCE_WARD", _AN_GIANG)
    stat_code = {key: unit["wardCode"] for key, unit in communes.items()}
    became = {old: tuple(stat_code[key] for key in new) for old, new in _edges(edges)}
    new = (NewCommune(unit["wardCode"], nfc(unit["wardType"]), nfc(unit["wardShort"])) for unit in communes.values())
    old = (unit for province in edges["DICT_PROVINCE"][_AN_GIANG] for unit in _old_communes(legacy, province, became))
    return Units(
        today["DICT_PROVINCE"][_AN_GIANG]["provinceCode"],
        tuple(sorted(new, key=lambda unit: unit.stat_code)),
        tuple(sorted(old, key=lambda unit: unit.stat_code)),
    )


def _data_folder() -> Path:
    spec = find_spec("vietnamadminunits")  # finds the folder without running the package
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError('the demo needs vietnamadminunits: pip install "lgsp-hub[demo]"', name="vietnamadminunits")
    return Path(spec.submodule_search_locations[0]) / "data"


def _both(data: _Json, table: str, *keys: str) -> _Json:
    """A table together with its twin of names that differ only in their marks."""
    plain, marked = data[f"{table}_NO_ACCENTED"], data[f"{table}_ACCENTED"]
    for key in keys:
        plain, marked = plain[key], marked.get(key, {})
    return {**plain, **marked}


def _edges(edges: _Json) -> Iterator[tuple[str, list[str]]]:
    """Old commune -> new communes, in the package's keys."""
    for new, olds in edges["DICT_PROVINCE_WARD_NO_DIVIDED"][_AN_GIANG].items():
        yield from ((old, [new]) for old in olds)
    for old, parts in edges["DICT_PROVINCE_WARD_DIVIDED"][_AN_GIANG].items():
        main_first = sorted(parts, key=lambda part: (not part["isDefaultNewWard"], part["newWardKey"]))
        yield old, [part["newWardKey"] for part in main_first]


def _old_communes(legacy: _Json, province: str, became: dict[str, tuple[str, ...]]) -> Iterator[OldCommune]:
    for district, facts in legacy["DICT_PROVINCE_DISTRICT"][province].items():
        for key, unit in _both(legacy, "DICT_PROVINCE_DISTRICT_WARD", province, district).items():
            yield OldCommune(
                stat_code=unit["wardCode"],
                kind=nfc(unit["wardType"]),
                name=nfc(unit["wardShort"]),
                district_code=facts["districtCode"],
                district=nfc(facts["district"]),
                province_code=legacy["DICT_PROVINCE"][province]["provinceCode"],
                became=became[f"{province}_{district}_{key}"],
            )
