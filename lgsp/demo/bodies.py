"""The bodies of the demo's messages: typed models of `contracts.kinds`, filled from a case, turned into plain JSON values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import msgspec

from contracts.kinds.case import (
    Alias,
    Applicant,
    CaseFile,
    CaseProgress,
    CaseResult,
    CaseSupplement,
    CaseTransfer,
    CodeName,
    Fee,
    File,
    Identity,
    MissingPaper,
    Paper,
    ProgressLine,
    ResultPaper,
)
from contracts.kinds.codes import ApplicantKind, CaseStatus, Channel, PaperCopy, ReturnWay
from contracts.kinds.postal import Party, Place, PostalCancel, PostalEvent, PostalOrder, PostalSettlement, SettlementLine
from contracts.kinds.postal_codes import EMSEVT
from lgsp.demo.cases import PlannedCase
from lgsp.demo.people import officer
from lgsp.demo.planted import Planted, spoiled
from lgsp.demo.province import DemoAgency
from lgsp.demo.scans import scan_of

Body = dict[str, Any]

POSTAL_PROVINCE = 90_000  # the postal code of An Giang, a system apart from the statistical and the agency codes
POSTAGE_VND = 26_500  # one leg within the province; an example, not a tariff
_CLOSES = time(17, 0)

_ACTIONS = {
    CaseStatus.ACCEPTED: "Đã tiếp nhận hồ sơ từ Bộ phận Một cửa cấp xã, thành phần hồ sơ hợp lệ; phân công chuyên viên thụ lý.",
    CaseStatus.IN_PROCESS: "Chuyên viên đang thẩm định hồ sơ, đối chiếu với cơ sở dữ liệu chuyên ngành.",
    CaseStatus.PAYMENT_REQUESTED: "Đã xác định nghĩa vụ tài chính và phát hành thông báo nộp thuế, lệ phí trước bạ.",
    CaseStatus.RETURNED: "Đã trả kết quả giải quyết cho người nộp hồ sơ.",
}


@dataclass(frozen=True, slots=True)
class Said:
    """The circumstances of one message: about which case, by whom, when (by the clock of the planned day), about which parcel."""

    case: PlannedCase
    commune: DemoAgency
    by: DemoAgency
    at: datetime
    item: str | None = None


def case_file(said: Said) -> Body:
    """The whole file as the commune hands it over."""
    return _plain(_case_file(said.case, said.commune, said.at))


def transfer(said: Said) -> Body:
    """The deciding agency asks another one for its part, and gives it the whole file, which that one has not seen."""
    case = said.case
    assert case.field.onward is not None
    return _plain(
        CaseTransfer(
            case_number=case.number,
            aliases=_aliases(case),
            from_agency=said.by.code,
            to_agency=case.field.onward,
            reason=f"Chuyển cơ quan phối hợp giải quyết thủ tục “{case.procedure.name}” theo quy trình liên thông.",
            transferred_at=said.at,
            transferred_by=officer(said.by.code),
            due_at=_due(case),
            answer_by=said.at + timedelta(days=2),
            case=_case_file(case, said.commune, said.at),
        )
    )


def progress(said: Said, *, status: CaseStatus) -> Body:
    """One line: who did what, and the state of the case after it."""
    line = ProgressLine(
        handled_by=officer(said.by.code),
        position="Chuyên viên",
        unit=said.by.names[0],
        at=said.at,
        action=_ACTIONS[status],
        status=status,
        due_at=_due(said.case),
    )
    return _plain(CaseProgress(case_number=said.case.number, aliases=_aliases(said.case), agency=said.by.code, line=line))


def supplement_request(said: Said) -> Body:
    """The deciding agency wants one of the papers again."""
    paper = said.case.procedure.papers[1]
    return _plain(
        CaseSupplement(
            case_number=said.case.number,
            aliases=_aliases(said.case),
            direction="request",
            supplement_id=_supplement_id(said.case),
            agency=said.by.code,
            at=said.at,
            by=officer(said.by.code),
            content=f"Đề nghị bổ sung: {paper} (bản quét bị mờ, không đọc được trang cuối).",
            missing=(MissingPaper(name=paper, reason="Bản quét không đọc được"),),
            answer_by=said.at + timedelta(days=7),
            previous_due_at=_due(said.case),
        )
    )


def supplement_answer(said: Said) -> Body:
    """The commune supplies it."""
    return _plain(
        CaseSupplement(
            case_number=said.case.number,
            aliases=_aliases(said.case),
            direction="delivery",
            supplement_id=_supplement_id(said.case),
            agency=said.by.code,
            at=said.at,
            by=officer(said.by.code),
            content="Người nộp hồ sơ đã bổ sung giấy tờ theo yêu cầu; đã quét lại và đính kèm.",
            papers=(_paper(said.case, 2, said.case.procedure.papers[1]),),
            complete=True,
            new_due_at=_due(said.case) + timedelta(days=1),
        )
    )


def result(said: Said) -> Body:
    """The decision and its paper, ready to be handed over."""
    case = said.case
    number = f"{case.number[-4:].lstrip('0')}/QĐ-{said.by.code.replace('.', '')}"
    paper = ResultPaper(
        name=case.procedure.result,
        code=f"KQ.{case.field.code}",
        number=number,
        files=(File(name="ket-qua.pdf", link=_link(case, "ket-qua.pdf")),),
    )
    return _plain(
        CaseResult(
            case_number=case.number,
            aliases=_aliases(case),
            decided_by=said.by.code,
            decision="granted",
            decided_at=said.at,
            decision_number=number,
            signed_by=officer(f"{said.by.code} ký"),
            position="Phó Giám đốc" if said.by.level == "department" else "Phó Chủ tịch",
            reason=f"Hồ sơ đủ điều kiện giải quyết thủ tục “{case.procedure.name}”.",
            status=9,
            results=(paper,),
            return_way=_return_way(case),
        )
    )


def order(said: Said, *, is_collection: bool) -> Body:
    """One parcel leg: the file from the applicant's home, or the result to it."""
    case = said.case
    home = Party(
        name=case.applicant.name,
        address=case.applicant.address,
        phone=case.applicant.phone,
        province=POSTAL_PROVINCE,
        commune=_stat_code(said.commune),
    )
    desk = Party(
        name=said.commune.names[0],
        address=f"Trung tâm Phục vụ hành chính công {said.commune.names[1]}, tỉnh An Giang",
        phone="0296 0000 000",
        province=POSTAL_PROVINCE,
        commune=_stat_code(said.commune),
    )
    return _plain(
        PostalOrder(
            customer_code=_customer(said.commune),
            order_number=case.number,
            direction="collect" if is_collection else "deliver",
            item_code=said.item,
            cod_amount_vnd=case.procedure.fee_vnd if is_collection else 0,
            sender=home if is_collection else desk,
            receiver=desk if is_collection else home,
            contents="; ".join(case.procedure.papers) if is_collection else case.procedure.result,
            ordered_at=said.at,
        )
    )


def event(said: Said, *, code: str) -> Body:
    """Something happened to the parcel."""
    text, _, state = EMSEVT[code]
    assert state is not None
    case, is_collection = said.case, said.item == said.case.item_in
    return _plain(
        PostalEvent(
            customer_code=_customer(said.commune),
            order_number=case.number,
            direction="collect" if is_collection else "deliver",
            item_code=said.item,
            state=state,
            event_code=code,  # type: ignore[arg-type]  # a key of EMSEVT, which the field's Literal repeats
            status_text=text,
            at=said.at,
            place=Place(name=f"Bưu cục {said.commune.names[1]}"),
            cod_collected_vnd=case.procedure.fee_vnd if is_collection and code == "EMA" else None,
        )
    )


def cancel(said: Said) -> Body:
    """The applicant comes for the result himself."""
    return _plain(
        PostalCancel(
            customer_code=_customer(said.commune),
            order_number=said.case.number,
            direction="deliver",
            item_code=said.item,
            reason="Người nộp hồ sơ đề nghị nhận kết quả trực tiếp tại Bộ phận Một cửa.",
            cancelled_at=said.at,
        )
    )


def settlement(commune: DemoAgency, cases: Iterable[PlannedCase], at: datetime, planted: Iterable[Planted] = ()) -> Body:
    """The account of the day with one commune: postage and collected fees of every leg that was not called off; with the
    mistakes that are to be found in it."""
    lines: list[SettlementLine] = []
    for case in cases:
        if case.item_in:
            fee = case.procedure.fee_vnd
            lines.append(
                SettlementLine(
                    order_number=case.number, direction="collect", item_code=case.item_in, fee_vnd=POSTAGE_VND, cod_vnd=fee
                )
            )
        if case.item_out and not case.is_cancelled:
            lines.append(
                SettlementLine(order_number=case.number, direction="deliver", item_code=case.item_out, fee_vnd=POSTAGE_VND)
            )
    told = spoiled(lines, planted)
    return _plain(
        PostalSettlement(
            customer_code=_customer(commune),
            day=at.date(),
            total_fee_vnd=sum(line.fee_vnd for line in told),
            total_cod_vnd=sum(line.cod_vnd for line in told),
            lines=told,
        )
    )


def _case_file(case: PlannedCase, commune: DemoAgency, at: datetime) -> CaseFile:
    person, procedure = case.applicant, case.procedure
    return CaseFile(
        case_number=case.number,
        aliases=_aliases(case),
        procedure=CodeName(code=procedure.code, name=procedure.name),
        field=CodeName(code=case.field.code, name=case.field.name),
        channel=Channel.POST if case.item_in else Channel.IN_PERSON,
        applicant=Applicant(
            kind=ApplicantKind.CITIZEN,
            name=person.name,
            identities=(Identity(kind="personal_number", number=person.personal_number),),
            phone=person.phone,
            address=person.address,
            commune=_stat_code(commune),
        ),
        abstract=f"{procedure.name}: {person.name}, sinh năm {person.born_year}, {person.address}",
        received_by=commune.code,
        decided_by=case.field.decides or commune.code,
        handling_unit=f"Bộ phận Tiếp nhận và Trả kết quả {commune.names[1]}",
        submitted_at=case.arrives,
        received_at=at,
        due_at=_due(case),
        status=CaseStatus.ACCEPTED,
        return_way=_return_way(case),
        papers=tuple(_paper(case, place, name) for place, name in enumerate(procedure.papers, 1)),
        fees=_fees(case),
        progress=tuple(_first_lines(case, commune, at)),
        papers_digitised=True,
        vneid_verified=True,
        payable_online=procedure.fee_vnd > 0,
        databases=("CSDLDC",),
        note="Hồ sơ đã được kiểm tra, đối chiếu bản chính và số hóa tại Bộ phận Một cửa theo Nghị định số 118/2025/NĐ-CP.",
    )


def _first_lines(case: PlannedCase, commune: DemoAgency, at: datetime) -> Iterable[ProgressLine]:
    clerk = officer(commune.code)
    for position, moment, action, status in (
        (
            "Công chức Một cửa",
            case.arrives,
            "Đăng ký hồ sơ, cấp mã số và in giấy tiếp nhận, hẹn trả kết quả.",
            CaseStatus.REGISTERED,
        ),
        ("Công chức Một cửa", at, "Kiểm tra thành phần hồ sơ, số hóa giấy tờ, thu phí, lệ phí (nếu có).", CaseStatus.ACCEPTED),
    ):
        yield ProgressLine(
            handled_by=clerk, position=position, unit=commune.names[0], at=moment, action=action, status=status, due_at=_due(case)
        )


def _paper(case: PlannedCase, place: int, name: str) -> Paper:
    file_name = f"giay-to-{place:02}.pdf"
    return Paper(
        name=name,
        code=f"KQ.{case.field.code}.{place:06}",
        copy=PaperCopy.ORIGINAL if place == 1 else PaperCopy.COPY,
        files=(_file(case, place, file_name),),
        digitised=True,
        reused=0,
    )


def _file(case: PlannedCase, place: int, name: str) -> File:
    """The first paper may travel with the envelope; the others stay in the commune's system."""
    scan = scan_of(case) if place == 1 else None
    return File(name=name, link=_link(case, name)) if scan is None else File(name=scan.name, digest=scan.digest)


def _fees(case: PlannedCase) -> tuple[Fee, ...]:
    if not case.procedure.fee_vnd:
        return ()
    return (Fee(name="Lệ phí giải quyết hồ sơ", code="LP01", amount_vnd=case.procedure.fee_vnd, paid=not case.item_in),)


def _aliases(case: PlannedCase) -> tuple[Alias, ...]:
    return (Alias(scheme="receipt", value=case.receipt),)


def _return_way(case: PlannedCase) -> ReturnWay:
    return ReturnWay.POST if case.item_out else ReturnWay.DIRECT


def _due(case: PlannedCase) -> datetime:
    return datetime.combine(case.due, _CLOSES, case.arrives.tzinfo)


def _supplement_id(case: PlannedCase) -> str:
    return f"{case.number}-BS1"


def _link(case: PlannedCase, file_name: str) -> str:
    return f"https://motcua.angiang.example/tep/{case.number}/{file_name}"  # a name reserved for examples (RFC 2606)


def _customer(commune: DemoAgency) -> str:
    return f"AG{commune.code.rpartition('.')[2]}"


def _stat_code(commune: DemoAgency) -> str:
    return next(other.code for other in commune.also_known_as if other.scheme == "statistical")


def _plain(body: msgspec.Struct) -> Body:
    plain: Body = msgspec.to_builtins(body)
    return plain
