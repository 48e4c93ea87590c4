"""A settlement as a spreadsheet has it, turned into bodies of postal.settlement/1: for a post without a system that speaks to the
hub.

Columns are found by their names, in Vietnamese or English, with or without marks; commas, semicolons and tabs may stand between
them, as spreadsheets write them. Amounts may be grouped by dots or commas: "126.500".
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from contracts.kinds.postal import PostalSettlement, SettlementLine
from contracts.text import search_key
from lgsp.core.postal.traffic import ICT

MAX_LINES = 2000  # of one part
COLUMNS: Mapping[str, Sequence[str]] = {
    "order_number": ("order_number", "so don", "ma don", "so don hang"),
    "case_number": ("case_number", "ma ho so", "ma so ho so"),
    "direction": ("direction", "chieu"),
    "leg": ("leg", "chang"),
    "item_code": ("item_code", "so hieu", "so hieu buu gui", "ma van don"),
    "fee_vnd": ("fee_vnd", "cuoc", "cuoc phi"),
    "cod_vnd": ("cod_vnd", "thu ho", "tien thu ho"),
    "closed_at": ("closed_at", "ket thuc", "thoi diem ket thuc", "ngay phat"),
}
_DIRECTIONS = {
    "collect": "collect", "thu gom": "collect", "gom": "collect",
    "deliver": "deliver", "chuyen phat": "deliver", "phat": "deliver", "": "deliver",
}  # fmt: skip
_GROUPED = re.compile(r"\d{1,3}(?:[.,]\d{3})+|\d+")
_TIMES = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")


class BadFile(ValueError):
    """`line` counts from 1, the line of names among them."""

    def __init__(self, line: int, why: str) -> None:
        self.line, self.why = line, why
        super().__init__(f"line {line}: {why}")


def settlements_of(text: str, customer_code: str, day: date) -> tuple[PostalSettlement, ...]:
    """The parts of the day. Raises BadFile, or msgspec.ValidationError for a contract that cannot be one."""
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_delimiter(text)))
    if not rows:
        raise BadFile(1, "the file is empty")
    places = _places(rows[0])
    lines = [_line(row, places, number) for number, row in enumerate(rows[1:], 2) if any(cell.strip() for cell in row)]
    chunks = [lines[start : start + MAX_LINES] for start in range(0, len(lines), MAX_LINES)] or [[]]
    return tuple(
        msgspec.convert(
            {
                "customer_code": customer_code,
                "day": day,
                "part": part,
                "parts": len(chunks),
                "total_fee_vnd": sum(line.fee_vnd for line in chunk),
                "total_cod_vnd": sum(line.cod_vnd for line in chunk),
                "lines": tuple(chunk),
            },
            PostalSettlement,
        )
        for part, chunk in enumerate(chunks, 1)
    )


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _places(names: Sequence[str]) -> dict[str, int]:
    found = {search_key(name): place for place, name in enumerate(names)}
    places = {
        field: place for field, known in COLUMNS.items() for place in (found.get(name) for name in known) if place is not None
    }
    for needed in ("order_number", "fee_vnd"):
        if needed not in places:
            raise BadFile(1, f"no column {needed} ({', '.join(COLUMNS[needed][1:])})")
    return places


def _line(row: Sequence[str], places: Mapping[str, int], number: int) -> SettlementLine:
    cells = {field: row[place].strip() if place < len(row) else "" for field, place in places.items()}
    try:
        values: dict[str, Any] = {
            "order_number": cells["order_number"],
            "case_number": cells.get("case_number") or None,
            "direction": _DIRECTIONS.get(search_key(cells.get("direction", "")), cells.get("direction", "")),
            "leg": int(cells.get("leg") or 1),
            "item_code": cells.get("item_code", "").upper() or None,
            "fee_vnd": _dong(cells["fee_vnd"]),
            "cod_vnd": _dong(cells.get("cod_vnd", "")),
            "closed_at": _moment(cells.get("closed_at", "")),
        }
        return msgspec.convert(values, SettlementLine)
    except ValueError as error:  # msgspec's, too
        raise BadFile(number, str(error)) from None


def _dong(text: str) -> int:
    plain = text.removesuffix("đ").removesuffix("VND").strip()
    if not plain:
        return 0
    if not _GROUPED.fullmatch(plain):
        raise ValueError(f"{text!r} is no amount in whole đồng")
    return int(plain.replace(".", "").replace(",", ""))


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    for form in _TIMES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=ICT)
        except ValueError:
            continue
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ICT)
