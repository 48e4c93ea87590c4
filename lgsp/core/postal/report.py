"""The account of a day as CSV, for those who work in spreadsheets: one table, whose first column says what a line is."""

import csv
import io
from collections.abc import Iterable

from lgsp.core.postal.legs import DIRECTIONS
from lgsp.core.postal.reconciliation import Reconciliation

BOM = "\ufeff"  # without it Excel takes UTF-8 for something else

COLUMNS = (
    "section", "day", "agency", "office", "handed_over", "accepted", "delivered", "returned", "cancelled", "cod_due_vnd",
    "cod_paid_vnd", "fees_vnd", "code", "severity", "order_number", "case_number", "direction", "leg", "item_code", "expected",
    "found", "state", "age_days", "text_vi", "text_en",
)  # fmt: skip
_SUMS = COLUMNS[4:12]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(account: Reconciliation) -> str:
    """Sections: `row`, `total`, `difference`, `open`. With a byte order mark; lines end as RFC 4180 has it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for line in _lines(account):
        writer.writerow({name: _cell(value) for name, value in line.items()})
    return BOM + text.getvalue()


def _lines(account: Reconciliation) -> Iterable[dict[str, object]]:
    day = account.day.isoformat()
    for section, rows in (("row", account.rows), ("total", (account.total,))):
        for row in rows:
            sums = {name: getattr(row, name) for name in _SUMS}
            yield {"section": section, "day": day, "agency": row.agency, "office": row.office, **sums}
    for one in account.differences:
        yield {
            "section": "difference",
            "day": day,
            **{
                name: getattr(one, name)
                for name in (
                    "agency",
                    "office",
                    "code",
                    "severity",
                    "order_number",
                    "case_number",
                    "item_code",
                    "text_vi",
                    "text_en",
                )
            },
            "direction": one.direction or "",
            "leg": one.leg or "",
            "expected": "" if one.expected is None else one.expected,
            "found": "" if one.found is None else one.found,
        }
    for leg in account.open:
        yield {
            "section": "open",
            "day": day,
            **{
                name: getattr(leg, name)
                for name in (
                    "agency",
                    "office",
                    "order_number",
                    "case_number",
                    "direction",
                    "leg",
                    "item_code",
                    "state",
                    "age_days",
                )
            },
            "expected": leg.cod_due_vnd,
            "text_vi": f"{DIRECTIONS[leg.direction][0]}: {leg.state_vi}",
            "text_en": f"{DIRECTIONS[leg.direction][1]}: {leg.state_en}",
        }


def _cell(value: object) -> object:
    """A text of others must not become a formula when the file is opened."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
