"""Tables of replies on the command line: `--reply delivered:500="đã tồn tại"` and how they are shown."""

import re
from collections.abc import Sequence

import click
import msgspec

from contracts.replies import Reply
from lgsp.commands.common import print_table

_ROW = re.compile(
    r"(?P<means>[a-z]+)(:(?P<first>\d{3})(-(?P<last>\d{3}))?)?(@(?P<wait_s>\d{1,6}))?(=(?P<text>.+))?", re.DOTALL | re.ASCII
)


class ReplyRow(click.ParamType[Reply]):
    """MEANING[:STATUS][@SECONDS][=TEXT]."""

    name = "reply"

    def convert(self, value: str | Reply, param: click.Parameter | None, ctx: click.Context | None) -> Reply:
        if isinstance(value, Reply):
            return value
        found = _ROW.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no row; write delivered=TEXT, retry:200@600=TEXT or refused:400-499", param, ctx)
        first, last = found["first"], found["last"]
        row = {
            "means": found["means"],
            "text": found["text"] or "",
            "status": None if first is None else (int(first), int(last or first)),
            "not_before_s": float(found["wait_s"] or 0),
        }
        try:
            return msgspec.convert(row, Reply)
        except msgspec.ValidationError:
            self.fail(f"{value!r} means neither delivered, retry, refused nor gone", param, ctx)


def print_replies(rows: Sequence[Reply]) -> None:
    columns = ("Nghĩa · Means", "HTTP", "Câu trả lời có · Answer contains", "Chờ ít nhất · Wait at least")
    print_table("Bảng câu trả lời · Table of replies: dòng khớp đầu tiên · the first match", columns, map(_cells, rows))


def _cells(one: Reply) -> tuple[object, ...]:
    status = None if one.status is None else "-".join(str(number) for number in dict.fromkeys(one.status))
    return one.means, status, one.text, f"{one.not_before_s:g} s" if one.not_before_s else None
