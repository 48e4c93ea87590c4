"""Did the hub keep its promises? Decided from the plan, from what senders were told and from what recipients saw."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from lgsp.demo.day import Expectations
from lgsp.demo.evidence import Arrival, Evidence
from lgsp.demo.province import POST

Verdict = Literal["kept", "broken", "told"]  # told: worth knowing, neither good nor bad

_SHOWN = 3  # examples in a detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question and its answer. `detail` names the first few that are wrong."""

    name: str
    verdict: Verdict
    vi: str
    en: str
    expected: str
    found: str
    detail: str = ""


def verify(expected: Expectations, evidence: Evidence) -> tuple[Check, ...]:
    """Every check, in the order in which an envelope meets it."""
    firsts = first_copies(evidence.arrivals)
    return (
        _accepted(expected, evidence),
        _turned_away(evidence),
        _delivered(expected, evidence, firsts),
        _as_promised(evidence, firsts),
        _once(firsts),
        _sealed(firsts),
        _order(expected, firsts),
        _kinds(expected, firsts),
        _links(expected, firsts),
        _post("collect", expected.posted_in, "Hồ sơ thu gom qua bưu chính", "Cases coming in by post", firsts),
        _post("deliver", expected.posted_out, "Kết quả trả qua bưu chính", "Results going out by post", firsts),
        _files(expected, evidence),
        *_learned(evidence),
        *_proved(evidence),
        *_balance(evidence),
        *_told(evidence, firsts),
    )


def passed(checks: Iterable[Check]) -> bool:
    """Whether no promise was broken."""
    return all(check.verdict != "broken" for check in checks)


def first_copies(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """What a recipient keeps: the first copy of each delivery, in the order of arrival."""
    kept: dict[tuple[str, int], Arrival] = {}
    for arrival in arrivals:
        kept.setdefault((arrival.recipient, arrival.delivery_id), arrival)
    return list(kept.values())


def _accepted(expected: Expectations, evidence: Evidence) -> Check:
    planned = {message_id for ids in expected.lanes.values() for message_id in ids}
    answered = Counter(answer.message_id for answer in evidence.answers)
    wrong = [*(planned - answered.keys()), *(one for one, times in answered.items() if times > 1 or one not in planned)]
    return counted("accepted", "Thông điệp được tiếp nhận", "Messages accepted", expected.messages, answered.total(), wrong=wrong)


def _turned_away(evidence: Evidence) -> Check:
    wrong = [f"{one.message_id}: {one.code}" for one in evidence.turned_away]
    return counted(
        "no_wrong_refusal", "Thông điệp đúng bị từ chối nhầm", "Correct messages refused by mistake", 0, len(wrong), wrong=wrong
    )


def _delivered(expected: Expectations, evidence: Evidence, firsts: list[Arrival]) -> Check:
    """Every planned (message, recipient) arrived, and nothing else of this day did."""
    planned = {(recipient, message_id) for (recipient, _), ids in expected.lanes.items() for message_id in ids}
    arrived = {(arrival.recipient, arrival.message_id) for arrival in firsts}
    wrong = [*(f"{who}: {what} lost" for who, what in planned - arrived), *(f"{who}: {what}" for who, what in arrived - planned)]
    return counted(
        "delivered", "Lượt giao đến nơi", "Deliveries that arrived", expected.deliveries, len(arrived & planned), wrong=wrong
    )


def _as_promised(evidence: Evidence, firsts: list[Arrival]) -> Check:
    """Receipts name their deliveries; each of them, and no other, reached the recipient it was promised to."""
    promised = {(who, delivery_id) for answer in evidence.answers for delivery_id, who in answer.deliveries.items()}
    arrived = {(arrival.recipient, arrival.delivery_id) for arrival in firsts}
    wrong = [f"{who}: delivery {delivery_id}" for who, delivery_id in promised ^ arrived]
    return counted(
        "as_promised",
        "Tiếp nhận = giao (đối chiếu theo giấy biên nhận)",
        "Accepted = delivered (receipts against arrivals)",
        len(promised),
        len(promised & arrived),
        wrong=wrong,
    )


def _once(firsts: list[Arrival]) -> Check:
    times = Counter((arrival.recipient, arrival.message_id) for arrival in firsts)
    wrong = [f"{who}: {what}, {number} deliveries" for (who, what), number in times.items() if number > 1]
    return counted("once", "Thông điệp giao hai lần", "Messages delivered twice", 0, len(wrong), wrong=wrong)


def _sealed(firsts: list[Arrival]) -> Check:
    wrong = [f"{arrival.recipient}: {arrival.message_id}" for arrival in firsts if not arrival.sealed]
    return counted(
        "sealed",
        "Con dấu bên gửi, nơi nhận tự kiểm tra",
        "Senders' seals, verified by recipients themselves",
        len(firsts),
        len(firsts) - len(wrong),
        wrong=wrong,
    )


def _order(expected: Expectations, firsts: list[Arrival]) -> Check:
    """Of what arrived in a lane, every message came after those before it in the plan; what is missing is not this check's."""
    seen: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for arrival in firsts:
        if arrival.order_key is not None:
            seen[arrival.recipient, arrival.order_key].append(arrival.message_id)
    wrong = [f"{who}: {key}" for (who, key), ids in expected.lanes.items() if not _in_order(ids, seen.get((who, key), []))]
    total = len(expected.lanes)
    return counted(
        "order",
        "Luồng (nơi nhận, hồ sơ) giữ đúng thứ tự",
        "Lanes (recipient, case) in order",
        total,
        total - len(wrong),
        wrong=wrong,
    )


def _in_order(planned: tuple[str, ...], arrived: list[str]) -> bool:
    place = {message_id: number for number, message_id in enumerate(planned)}
    places = [place[message_id] for message_id in arrived if message_id in place]
    return places == sorted(places)


def _kinds(expected: Expectations, firsts: list[Arrival]) -> Check:
    kind_of = {arrival.message_id: arrival.kind for arrival in firsts}
    wrong = _differences(expected.messages_by_kind, Counter(kind_of.values()))
    total = len(expected.messages_by_kind)
    return counted("kinds", "Loại thông điệp đủ số lượng", "Kinds with the right count", total, total - len(wrong), wrong=wrong)


def _links(expected: Expectations, firsts: list[Arrival]) -> Check:
    links = Counter((arrival.sender, arrival.recipient) for arrival in firsts)
    wrong = _differences(
        {f"{a} > {b}": number for (a, b), number in expected.deliveries_by_link.items()},
        {f"{a} > {b}": number for (a, b), number in links.items()},
    )
    total = len(expected.deliveries_by_link)
    return counted(
        "links", "Tuyến (nơi gửi > nơi nhận) đủ số lượng", "Links (sender > recipient) with the right count",
        total, total - len(wrong), wrong=wrong,
    )  # fmt: skip


def _post(direction: str, number: int, vi: str, en: str, firsts: list[Arrival]) -> Check:
    orders = {
        arrival.message_id
        for arrival in firsts
        if (arrival.recipient, arrival.kind, arrival.direction) == (POST, "postal.order/1", direction)
    }
    return counted(f"post_{direction}", vi, en, number, len(orders))


def _files(expected: Expectations, evidence: Evidence) -> Check:
    """Every recipient holds the very bytes that the sender uploaded, by their digest."""
    fetched = {(one.recipient, one.message_id, one.digest) for one in evidence.fetched}
    wrong = [f"{who}: {message_id}" for who, message_id, _ in expected.files ^ fetched]
    return counted(
        "files",
        "Tệp đính kèm nơi nhận tải về, đúng giá trị băm",
        "Attachments fetched by recipients, digest compared",
        len(expected.files),
        len(expected.files & fetched),
        wrong=wrong,
    )


def _learned(evidence: Evidence) -> Iterable[Check]:
    """One check per kind of lesson: what was done wrong on purpose was answered as the catalogue says."""
    lessons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in evidence.learned:
        lessons[one.lesson, one.expected].append(one.found)
    for (lesson, code), found in lessons.items():
        vi, en = LESSONS[lesson]
        wrong = [answer for answer in found if answer != code]
        yield Check(
            name=f"lesson_{lesson}",
            verdict="broken" if wrong else "kept",
            vi=vi,
            en=f"{en} ({code})",
            expected=_number(len(found)),
            found=_number(len(found) - len(wrong)),
            detail=_examples(wrong),
        )


LESSONS: Mapping[str, tuple[str, str]] = {
    "resent": ("Cố ý gửi lại, nhận đúng biên nhận cũ", "Sent again on purpose"),
    "unknown_recipient": ("Cố ý gửi đến mã không tồn tại", "Sent on purpose to a code that does not exist"),
    "split_recipient": ("Cố ý gửi đến xã cũ đã chia tách", "Sent on purpose to a former commune that was split"),
    "unsigned": ("Cố ý gửi kết quả không ký số", "A result sent on purpose without a signature"),
    "borrowed_signature": ("Cố ý gắn chữ ký của thông điệp khác", "Another message's signature put on it on purpose"),
    "another_seal": ("Cố ý ký bằng con dấu của cơ quan khác", "Signed on purpose with another agency's seal"),
    "wrong_sender": ("Cố ý gửi thay cơ quan khác", "Sent on purpose in another agency's name"),
    "id_reused": ("Cố ý dùng lại mã thông điệp", "An id used again on purpose for other bytes"),
    "body_invalid": ("Cố ý gửi nội dung sai lược đồ", "A body sent on purpose against its schema"),
    "kind_not_granted": ("Cố ý gửi loại không được phép", "A kind sent on purpose without a grant"),
}


def _proved(evidence: Evidence) -> Iterable[Check]:
    """Everybody who was told something can show it to others without asking the hub."""
    if evidence.proofs is None:
        return
    proofs = evidence.proofs
    yield counted(
        "receipts_proved", "Biên nhận có bằng chứng trong nhật ký", "Receipts proved by the log alone",
        proofs.receipts, proofs.proved_receipts, wrong=proofs.wrong_receipts,
    )  # fmt: skip
    yield counted(
        "refusals_proved", "Lời từ chối có bằng chứng trong nhật ký", "Refusals proved by the log alone",
        max(proofs.refusals, min(proofs.unlogged_refusals, 1)), proofs.proved_refusals, wrong=proofs.wrong_refusals,
    )  # fmt: skip
    if proofs.unlogged_refusals:
        yield _note(
            "refusals_unlogged", "Lời từ chối đưa ra khi nhật ký đang bận", "Refusals given while the log was busy",
            proofs.unlogged_refusals,
        )  # fmt: skip


def _balance(evidence: Evidence) -> Iterable[Check]:
    if evidence.hub is not None:
        yield counted(
            "hub_balance",
            "Sổ của trục tự cân đối (chênh lệch)",
            "The hub's own books balance (difference)",
            0,
            evidence.hub.difference,
        )


def _told(evidence: Evidence, firsts: list[Arrival]) -> Iterable[Check]:
    copies = len(evidence.arrivals) - len(firsts)
    yield _note(
        "second_copies", "Bản sao thứ hai, nơi nhận bỏ qua theo mã lần giao", "Second copies, dropped by delivery id", copies
    )
    if evidence.strangers:
        yield _note("strangers", "Thông điệp ngoài kế hoạch", "Messages that are not of this day", len(evidence.strangers))


def _note(name: str, vi: str, en: str, number: int) -> Check:
    return Check(name=name, verdict="told", vi=vi, en=en, expected="", found=_number(number))


def counted(name: str, vi: str, en: str, expected: int, found: int, *, wrong: Iterable[str] = ()) -> Check:
    """Kept when the numbers agree and nothing is `wrong`."""
    detail = _examples(wrong)
    kept = expected == found and not detail
    return Check(
        name=name,
        verdict="kept" if kept else "broken",
        vi=vi,
        en=en,
        expected=_number(expected),
        found=_number(found),
        detail=detail,
    )


def _differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    keys = dict.fromkeys((*expected, *found))
    return [f"{key}: {found.get(key, 0)} of {expected.get(key, 0)}" for key in keys if found.get(key, 0) != expected.get(key, 0)]


def _examples(wrong: Iterable[str]) -> str:
    """The first few, sorted so that two runs over the same facts read alike."""
    ordered = sorted(wrong)
    more = f" (+{len(ordered) - _SHOWN})" if len(ordered) > _SHOWN else ""
    return "; ".join(islice(ordered, _SHOWN)) + more


def _number(value: int) -> str:
    return f"{value:,}"
