"""The official documents (văn bản) of the day, as a plan: what a department writes to three of its communes, what their clerks
report about it, and what it takes back.

The department's document system calls the hub as it would call the national bus (QCVN 102:2016/BTTTT). Each of the communes is
reached by another road: a SOAP client, a mailbox, a server that is pushed to.
"""

import random
from dataclasses import dataclass
from datetime import date

from lgsp.demo.province import Province

DEPARTMENT = "H01.06"  # it decides no cases: what comes for it are statuses of its documents
NEW, TAKEN_BACK = 0, 1  # BussinessDocType
ARRIVED, TAKEN_IN, IN_PROCESS, FINISHED, AGREED = "01", "03", "05", "06", "15"  # StatusCode
_BY_PUSH, _BY_MAILBOX, _BY_SOAP = 0, 3, 5  # places among the communes; even ones run a server, the first odd one is for visitors
_SENT_AT, _MISTAKE_AT = 0.1, 0.45  # of the day

STATUSES = {
    ARRIVED: ("văn bản đã đến", "arrived"),
    TAKEN_IN: ("đã tiếp nhận, vào sổ", "taken in and registered"),
    IN_PROCESS: ("đang xử lý", "in process"),
    FINISHED: ("đã hoàn thành", "finished"),
    AGREED: ("đồng ý thu hồi", "agrees to the recall"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`at`: when it is sent, as a part of the day. `reports`: what the clerk of each recipient says about it, in this order.
    `recalled`: why it is taken back once all of these have come; empty: it stands."""

    number: int
    notation: str
    type_name: str
    subject: str
    to: tuple[str, ...]
    day: date
    at: float
    reports: tuple[str, ...]
    recalled: str = ""

    @property
    def code(self) -> str:
        """Number and notation, as people name it."""
        return f"{self.number}/{self.notation}"

    @property
    def document_id(self) -> str:
        """Body, day and number, with commas (QCVN 102:2016, 1.14)."""
        return f"{DEPARTMENT},{self.day:%Y/%m/%d},{self.code}"

    @property
    def answers(self) -> tuple[str, ...]:
        """All statuses that each recipient sends, in order."""
        return (*self.reports, AGREED) if self.recalled else self.reports

    @property
    def packets(self) -> tuple[int, ...]:
        """Business types of what each recipient gets, in order."""
        return (NEW, TAKEN_BACK) if self.recalled else (NEW,)


def soap_commune(province: Province) -> str:
    """The commune whose system speaks SOAP with the hub, whatever it is about."""
    return province.communes[_BY_SOAP].code


def plan_letters(province: Province, day: date, rng: random.Random) -> tuple[Letter, ...]:
    """Two: one is worked off, one was a mistake."""
    to = tuple(province.communes[place].code for place in (_BY_SOAP, _BY_MAILBOX, _BY_PUSH))
    first = rng.randrange(1_000, 90_000)
    return (
        Letter(
            number=first,
            notation="SKHCN-CĐS",
            type_name="Công văn",
            subject="Rà soát hạ tầng, chữ ký số tại Trung tâm Phục vụ hành chính công cấp xã",
            to=to,
            day=day,
            at=_SENT_AT,
            reports=(ARRIVED, TAKEN_IN, IN_PROCESS, FINISHED),
        ),
        Letter(
            number=first + 1,
            notation="GM-SKHCN",
            type_name="Giấy mời",
            subject="Họp trực tuyến triển khai chuyển đổi số quý IV",
            to=to,
            day=day,
            at=_MISTAKE_AT,
            reports=(ARRIVED, TAKEN_IN),
            recalled="Ghi nhầm ngày họp, đề nghị thu hồi văn bản",
        ),
    )
