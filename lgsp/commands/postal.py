"""`lgsp postal`: the daily account with the post, the legs of one case, a settlement out of a spreadsheet."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, json_option, print_json, print_table, program, say, with_settings
from lgsp.commands.labels import clock

if TYPE_CHECKING:
    from contracts.kinds.postal import PostalSettlement
    from lgsp.core.postal.legs import Leg, Step
    from lgsp.core.postal.reconciliation import Reconciliation, Row
    from lgsp.core.postal.settling import Book, Line
    from lgsp.core.postal.traffic import Traffic
    from lgsp.ports import Store
    from lgsp.settings import Settings

_ROWS = (
    "Cơ quan\nAgency",
    "Bưu cục\nPost office",
    "Đặt\nOrdered",
    "Nhận\nAccepted",
    "Phát\nDelivered",
    "Hoàn\nReturned",
    "Hủy\nCancelled",
    "Phải thu hộ\nCOD due",
    "Đã thu hộ\nCOD paid",
    "Cước\nFees",
)
_DIFFERENCES = ("Mã · Code", "Cơ quan · Agency", "Đơn · Order", "Khác biệt · Difference")
_OPEN = ("Ngày · Days", "Cơ quan · Agency", "Đơn · Order", "Trạng thái · State", "Bưu cục · Office")
_STEPS = ("Lúc · When", "Chặng · Leg", "Trạng thái · State", "Bưu cục · Office", "Nội dung · Says")
_OLDEST = 10
_REMEDY = "deploy/RUNBOOK.md, 'The post: the account of a day', says who has to mend which of them"


@click.group(short_help="Bưu chính · Daily account with the post, legs of a case.")
def postal() -> None:
    """Bưu chính công ích · What the post was given, what it did with it, and what it has to pay."""


@postal.command(short_help="Đối soát một ngày · The account of a day.")
@json_option
@click.option("--day", "on", type=click.DateTime(["%Y-%m-%d"]), help="Local day, such as 2026-12-02; default: yesterday.")
@click.option("--agency", "code", help="Only what concerns this agency.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the account into this file, too.")
@click.option("--look-back-days", type=click.IntRange(1, 366), help="How much older than the day an order may be; 30.")
@click.option("--patience-days", type=click.IntRange(0, 60), help="How long an order may wait for its parcel; 2.")
@with_settings
def reconcile(
    settings: "Settings",
    on: datetime | None,
    code: str | None,
    csv_file: Path | None,
    look_back_days: int | None,
    patience_days: int | None,
    as_json: bool,
) -> None:
    """Đối soát · Handed over, accepted, delivered, paid: per agency and post office, with every difference.

    A leg counts on the day on which its state ended, however late that was told: asked again, the account of a day may be more
    complete. Exit status 1 when there are differences; warnings alone are none.
    """
    from lgsp.core.postal.reconciliation import PATIENCE_DAYS
    from lgsp.core.postal.report import csv_of
    from lgsp.core.postal.traffic import local_day
    from lgsp.flow.postal import LOOK_BACK_DAYS, account_of
    from lgsp.http.postal import shown

    day = on.date() if on is not None else local_day(datetime.now(UTC)) - timedelta(days=1)
    patience = PATIENCE_DAYS if patience_days is None else patience_days

    async def reconciled(store: "Store") -> "Reconciliation":
        return await account_of(store, await store.directory(), day, look_back_days or LOOK_BACK_DAYS, patience)

    account = in_store(settings, reconciled)
    if code is not None:
        account = account.of(code)
    if csv_file is not None:
        csv_file.write_text(csv_of(account), encoding="utf-8", newline="")
    sheet: dict[str, Any] = msgspec.to_builtins(shown(account, datetime.now(UTC)))
    if as_json and account.is_clean:
        print_json(sheet)
        return
    if not as_json:
        _show(account)
    if not account.is_clean:
        count = sum(one.severity == "difference" for one in account.differences)
        raise Failed(
            f"{count} khác biệt ngày {account.day} · {count} differences on {account.day}.",
            _REMEDY,
            code="postal.differences",
            more=sheet,
        )


@postal.command(short_help="Các chặng bưu gửi của một hồ sơ · The legs of a case.")
@json_option
@click.argument("case")
@with_settings
def legs(settings: "Settings", case: str, as_json: bool) -> None:
    """Các chặng bưu gửi · The timeline of every parcel leg of a case, from the hub's own journal.

    CASE is any number that the case or its parcels bear: case number, order number, item code.
    """
    from lgsp.core.postal.following import legs_of
    from lgsp.core.postal.settling import book_of
    from lgsp.flow.postal import traffic_about

    async def told(store: "Store") -> "Traffic":
        return await traffic_about(store, await store.directory(), case, None)

    traffic = in_store(settings, told)
    found, book = legs_of(traffic), book_of(traffic.settlements)
    if not found:
        raise Failed(f"Không có bưu gửi nào mang số {case} · No parcel bears {case}.", "give a number of the case or the parcel")
    if as_json:
        print_json({"case": case, "legs": [_plain(leg, book) for leg in found]})
        return
    for leg in found:
        say(_headline(leg), "green" if leg.end == "delivered" else None)
        print_table("", _STEPS, [*_steps(leg), *map(_settled, book.about(leg.key))])
    if any(leg.strays for leg in found):
        say("✗: đến sau khi bưu gửi đã kết thúc, không tính · came after the parcel's end and does not count", "yellow")


@postal.command(short_help="Lập đối soát từ tệp CSV · A settlement out of a spreadsheet.")
@json_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--customer", required=True, help="CustomerCode of the contract.")
@click.option("--day", "on", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The day accounted for.")
@click.option("--sender", required=True, metavar="CODE", help="The post.")
@click.option("--to", "agency", required=True, metavar="CODE", help="The agency that has the contract.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", help="Folder for the envelopes.")
def settlement(file: Path, customer: str, on: datetime, sender: str, agency: str, out: Path, as_json: bool) -> None:
    """Lập đối soát · Turn a CSV file of the post into envelopes of postal.settlement, and say how to send them.

    Columns by their names, Vietnamese or English: Số đơn, Chiều, Chặng, Số hiệu, Cước, Thu hộ, Thời điểm kết thúc, Mã hồ sơ.
    """
    from lgsp.core.postal.settlement_file import BadFile, settlements_of

    try:
        parts = settlements_of(file.read_text(encoding="utf-8-sig"), customer, on.date())
    except (BadFile, UnicodeDecodeError, msgspec.ValidationError) as error:
        remedy = "mend the line and run it again; the file is UTF-8, as 'CSV UTF-8' of a spreadsheet"
        raise Failed(f"{file}: {error}", remedy) from None
    out.mkdir(parents=True, exist_ok=True)
    written = [(_write(part, sender, agency, out), part) for part in parts]
    if as_json:
        print_json({"files": [str(path) for path, _ in written]})
        return
    for path, part in written:
        amounts = f"cước · fees {_dong(part.total_fee_vnd)}, thu hộ · COD {_dong(part.total_cod_vnd)}"
        say(f"{path}: {len(part.lines)} dòng · lines, {amounts}")
        say(f"  {program()} send {path} --sign con-dau.key")


def _write(part: "PostalSettlement", sender: str, agency: str, out: Path) -> Path:
    """One envelope, under the same id for the same part."""
    from contracts import wire
    from contracts.agency import AgencyCode
    from contracts.envelope import Envelope, checked

    name = f"settlement-{part.customer_code.replace('/', '-')}-{part.day}-{part.part}"
    envelope = Envelope(
        message_id=name,
        sender=AgencyCode(sender),
        recipients=(AgencyCode(agency),),
        kind="postal.settlement/1",
        created_at=datetime.now(UTC),
        body=msgspec.json.encode(part),
    )
    path = out / f"{name}.json"
    path.write_bytes(msgspec.json.format(wire.render(checked(envelope)), indent=1))
    return path


def _show(account: "Reconciliation") -> None:
    rows = [*map(_row, account.rows), ("Tổng · Total", *_row(account.total)[1:])]
    print_table(f"Đối soát bưu chính · Postal account {account.day}", _ROWS, rows)
    if account.differences:
        print_table(
            f"{len(account.differences)} khác biệt, cảnh báo · differences, warnings",
            _DIFFERENCES,
            (
                (one.code + (" (!)" if one.severity == "difference" else ""), one.agency, one.where_vi or one.customer_code, told)
                for one in account.differences
                for told in [f"{one.text_vi}\n{one.text_en}"]
            ),
        )
    if account.open:
        oldest = sorted(account.open, key=lambda one: -one.age_days)[:_OLDEST]
        print_table(
            f"{len(account.open)} bưu gửi chưa kết thúc, lâu nhất · open, the oldest",
            _OPEN,
            ((one.age_days, one.agency, one.order_number, f"{one.state_vi} · {one.state_en}", one.office) for one in oldest),
        )
    if account.is_clean:
        say("Khớp · All of it fits.", "green")


def _row(row: "Row") -> tuple[object, ...]:
    counts = (row.handed_over, row.accepted, row.delivered, row.returned, row.cancelled)
    sums = (row.cod_due_vnd, row.cod_paid_vnd, row.fees_vnd)
    return row.agency, row.office or "–", *counts, *map(_dong, sums)


def _dong(amount: int) -> str:
    return f"{amount:,}".replace(",", ".")


def _headline(leg: "Leg") -> str:
    from lgsp.core.postal.legs import DIRECTIONS, STATES

    way, state = DIRECTIONS[leg.key.direction], STATES[leg.state]
    cod = f", thu hộ · COD {_dong(leg.cod_due_vnd)}" if leg.cod_due_vnd else ""
    items = f" [{', '.join(leg.items)}]" if leg.items else ""
    return f"{leg.key.order_number} · {way[0]} · {way[1]} {leg.key.leg}{items}: {state[0]} · {state[1]}{cod}  ({leg.agency})"


def _steps(leg: "Leg") -> list[tuple[object, ...]]:
    """Strays stand where they came, marked."""
    ordered: list[tuple[datetime, tuple[object, ...]]] = []
    if leg.ordered_at is not None:
        ordered.append((leg.ordered_at, (clock(leg.ordered_at), leg.key.leg, "đã đặt đơn · ordered", "", leg.agency)))
    ordered += [(step.at, _step(leg, step, "")) for step in leg.steps]
    ordered += [(step.at, _step(leg, step, "✗ ")) for step in leg.strays]
    return [row for _, row in sorted(ordered, key=lambda pair: pair[0])]


def _step(leg: "Leg", step: "Step", mark: str) -> tuple[object, ...]:
    from lgsp.core.postal.legs import STATES

    return clock(step.at), leg.key.leg, mark + " · ".join(STATES[step.state]), step.office, step.text


def _settled(line: "Line") -> tuple[object, ...]:
    amounts = f"cước · fee {_dong(line.line.fee_vnd)}, thu hộ · COD {_dong(line.line.cod_vnd)}"
    return line.day, line.line.leg, "đã đối soát · settled", "", amounts


def _plain(leg: "Leg", book: "Book") -> dict[str, Any]:
    settled = [{"day": line.day, **msgspec.to_builtins(line.line)} for line in book.about(leg.key)]
    told: dict[str, Any] = msgspec.to_builtins(leg)
    return told | {"key": leg.key._asdict(), "settled": settled}
