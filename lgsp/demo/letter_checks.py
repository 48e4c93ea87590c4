"""What became of the official documents: did each reach its communes by their roads, signed as it was, and did what the clerks
reported come back to the department, in order?"""

from collections import defaultdict
from collections.abc import Iterator

from lgsp.demo.check import Check, counted
from lgsp.demo.day import Expectations
from lgsp.demo.evidence import Arrival, Evidence
from lgsp.demo.letters import AGREED, Letter


def verify_letters(expected: Expectations, evidence: Evidence) -> Iterator[Check]:
    """Nothing where no document was planned."""
    if expected.letters:
        papers = list({(one.recipient, one.delivery_id): one for one in reversed(evidence.papers)}.values())
        yield _received(expected.letters, papers)
        yield _sealed(papers)
        yield _reported(expected.letters, evidence)
        yield _recalled(expected.letters, evidence)


def _received(letters: tuple[Letter, ...], papers: list[Arrival]) -> Check:
    """Every packet of every document, at every commune, once; one by SOAP, one from the mailbox, one pushed."""
    planned = sorted((code, one.document_id, kind) for one in letters for code in one.to for kind in one.packets)
    found = sorted((one.recipient, one.paper.document_id, one.paper.business_type) for one in papers if one.paper is not None)
    wrong = [] if planned == found else [f"{who}: {what}" for who, what, _ in {*planned} ^ {*found}] or ["one of them twice"]
    roads = len({one.road for one in papers})
    return counted(
        "letters", f"Văn bản edXML đến xã, phường bằng {roads} đường", f"edXML documents at communes, by {roads} roads",
        len(planned), len(found), wrong=wrong,
    )  # fmt: skip


def _sealed(papers: list[Arrival]) -> Check:
    wrong = [f"{one.recipient}: {one.message_id}" for one in papers if not one.sealed]
    return counted(
        "letters_sealed", "Chữ ký trong văn bản, nơi nhận tự kiểm tra", "Signatures inside documents, verified by recipients",
        len(papers), len(papers) - len(wrong), wrong=wrong,
    )  # fmt: skip


def _reported(letters: tuple[Letter, ...], evidence: Evidence) -> Check:
    """Of each document, what each clerk reported, in the order in which it happened."""
    came: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in evidence.reported:
        came[one.commune, one.document_id].append(one.status)
    planned = {(code, one.document_id): list(one.answers) for one in letters for code in one.to}
    wrong = [
        f"{who}: {what}: {' '.join(came[who, what]) or '-'}" for (who, what), codes in planned.items() if came[who, what] != codes
    ]
    return counted(
        "letter_statuses", "Trạng thái văn bản về đúng thứ tự", "Statuses of documents back in order",
        len(planned), len(planned) - len(wrong), wrong=wrong,
    )  # fmt: skip


def _recalled(letters: tuple[Letter, ...], evidence: Evidence) -> Check:
    planned = {(code, one.document_id) for one in letters if one.recalled for code in one.to}
    agreed = {(one.commune, one.document_id) for one in evidence.reported if one.status == AGREED}
    return counted(
        "letters_recalled", f"Thu hồi văn bản được đồng ý (trạng thái {AGREED})", f"Recall agreed to (status {AGREED})",
        len(planned), len(planned & agreed), wrong=[f"{who}: {what}" for who, what in planned ^ agreed],
    )  # fmt: skip
