"""The account as a table, and settlements out of one."""

import csv
import io
from datetime import date, datetime

import pytest

from lgsp.core.postal.reconciliation import reconcile
from lgsp.core.postal.report import BOM, COLUMNS, csv_of
from lgsp.core.postal.settlement_file import MAX_LINES, BadFile, settlements_of
from lgsp.core.postal.traffic import ICT
from tests.postal import DAY, DESK, Days, at, line

HEAD = "Số đơn;Chiều;Chặng;Số hiệu;Cước;Thu hộ;Thời điểm kết thúc;Mã hồ sơ\n"


def table_of(days: Days) -> list[dict[str, str]]:
    text = csv_of(reconcile(DAY, days.traffic))
    assert text.startswith(BOM) and "\r\n" in text
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM))))


def test_the_account_is_one_table_whose_lines_say_what_they_are() -> None:
    days = Days().delivered("N", 2, cod=5).order("O", at(2)).settle(DAY, line("N", cod=4))
    table = table_of(days)
    assert list(table[0]) == list(COLUMNS)
    assert [one["section"] for one in table] == ["row", "row", "total", "difference", "open"]
    difference, open_leg = table[3], table[4]
    assert (difference["code"], difference["expected"], difference["found"]) == ("postal.cod_differs", "5", "4")
    assert (open_leg["order_number"], open_leg["state"], open_leg["agency"]) == ("O", "registered", DESK)
    assert open_leg["text_vi"] == "chuyển phát: đã đặt đơn"


@pytest.mark.parametrize("number", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_text_of_others_becomes_a_formula(number: str) -> None:
    table = table_of(Days().order(number, at(2)))
    assert table[-1]["order_number"] == f"'{number}"


def test_a_settlement_is_read_as_a_spreadsheet_writes_it() -> None:
    text = "\ufeff" + HEAD
    text += "N;chuyển phát;;el123456785vn;26.500;126.500 đ;02/12/2026 10:12;HS-1\n;;;;;;;\nM;Thu gom;2;;26,500;;;\n"
    (part,) = settlements_of(text, "AG-1", DAY)
    assert (part.part, part.parts, part.total_fee_vnd, part.total_cod_vnd) == (1, 1, 53_000, 126_500)
    first, second = part.lines
    assert (first.direction, first.item_code, first.case_number) == ("deliver", "EL123456785VN", "HS-1")
    assert first.closed_at == datetime(2026, 12, 2, 10, 12, tzinfo=ICT)
    assert (second.direction, second.leg, second.cod_vnd) == ("collect", 2, 0)


@pytest.mark.parametrize("text", ["order_number,fee_vnd\nN,1\n", "fee_vnd\torder_number\n1\tN\n", "so don;cuoc;ghi chu\nN;1;x\n"])
def test_columns_are_found_by_name_in_any_order(text: str) -> None:
    (part,) = settlements_of(text, "AG-1", DAY)
    assert (part.lines[0].order_number, part.lines[0].fee_vnd, part.lines[0].direction) == ("N", 1, "deliver")


def test_a_long_day_comes_in_parts_that_add_up() -> None:
    text = "so don,cuoc\n" + "".join(f"N{number},1\n" for number in range(MAX_LINES + 1))
    first, second = settlements_of(text, "AG-1", DAY)
    assert (len(first.lines), len(second.lines), second.part, second.parts) == (MAX_LINES, 1, 2, 2)
    assert (first.total_fee_vnd, second.total_fee_vnd) == (MAX_LINES, 1)


def test_a_day_without_parcels_is_an_account_too() -> None:
    (part,) = settlements_of("so don,cuoc\n", "AG-1", DAY)
    assert part.lines == () and part.total_fee_vnd == 0


@pytest.mark.parametrize(
    ("text", "at_line", "why"),
    [
        ("", 1, "empty"),
        ("so don\nN\n", 1, "fee_vnd"),
        ("cuoc\n1\n", 1, "order_number"),
        ("so don,cuoc\nN,1\nM,1.5\n", 3, "whole đồng"),
        ("so don,cuoc\n,1\n", 2, "order_number"),
        ("so don,cuoc,chieu\nN,1,lên\n", 2, "direction"),
        ("so don,cuoc,chang\nN,1,x\n", 2, "int"),
        ("so don,cuoc,ket thuc\nN,1,hôm qua\n", 2, "isoformat"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, at_line: int, why: str) -> None:
    with pytest.raises(BadFile, match=why) as bad:
        settlements_of(text, "AG-1", date(2026, 12, 2))
    assert bad.value.line == at_line
