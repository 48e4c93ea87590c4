"""What is known about the day while it runs: every receipt and every arrival is written here, and nowhere else."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from contracts.receipt import Receipt
from lgsp.demo.day import DayPlan, PlannedMessage
from lgsp.demo.evidence import Answered, Arrival, Evidence, Learned, Reported, TurnedAway
from lgsp.demo.hub_client import Problem
from lgsp.demo.lessons import SAME_RECEIPT, Lesson
from lgsp.demo.letters import DEPARTMENT, NEW, STATUSES, Letter
from lgsp.demo.pace import Pace
from lgsp.demo.proofs import prove
from lgsp.demo.province import Province
from lgsp.demo.story import case_to_follow, clock, says, says_in_english, short_name

_ROADS = {"webhook": "webhook", "mailbox": "hộp thư", "SOAP": "SOAP"}
_MOMENTS = 500  # arrivals by which the present rate is judged


@dataclass(frozen=True, slots=True)
class TaleLine:
    """One event of the case that is followed: the time on the compressed clock, a sentence, and its gist in English."""

    clock: str
    text: str
    english: str


class Ledger:
    """`start` sets the clock of the day to 0."""

    def __init__(self, plan: DayPlan, province: Province, duration_s: float) -> None:
        self.plan = plan
        self.province = province
        self.duration_s = duration_s
        self.evidence = Evidence()
        self.pace = Pace(plan.messages)
        self.case = case_to_follow(plan)
        self.tale: list[TaleLine] = []
        self.last_refusal: Problem | None = None
        self.refused = self.resent = 0
        self.promised = self.delivered = 0  # deliveries named in receipts; deliveries that arrived
        self.unsent: dict[str, str] = {}  # message id -> why its system gave up
        self.visitors: Callable[[Arrival], None] | None = None  # who is told of what arrives once the day is over
        self.collector: Callable[[Arrival], None] | None = None  # who fetches what a message of the day brought along
        self.clerks: Callable[[Arrival], None] | None = None  # who works on the documents that arrive
        self.letter_tale: list[TaleLine] = []
        self._letters = {letter.document_id: letter for letter in plan.expectations.letters}
        self._ended_at: float | None = None
        self._messages = {message.message_id: message for message in plan.messages}
        followed = [one for one in plan.messages if self.case is not None and one.order_key == self.case.number]
        self._open_in_tale = {(one.message_id, recipient) for one in followed for recipient in one.recipients}
        self._begun: dict[str, float] = {}
        self._receipts: dict[str, Receipt] = {}
        self._refusals: list[tuple[str, str]] = []  # the id of what was refused, and the refusal as signed
        self._seen: set[tuple[str, int]] = set()
        self._moments: deque[float] = deque(maxlen=_MOMENTS)
        self._started_at = time.monotonic()
        self.moved_at = self._started_at  # when something last happened

    def start(self) -> None:
        self._started_at = self.moved_at = time.monotonic()

    def end(self) -> None:
        """The day is over with what happened last. What still comes is for `visitors` and not for the check."""
        self._ended_at = self.moved_at

    @property
    def has_ended(self) -> bool:
        return self._ended_at is not None

    @property
    def now_s(self) -> float:
        """Seconds since the day began; stands still once it has ended."""
        return (self._ended_at or time.monotonic()) - self._started_at

    def stalled(self, patience_s: float) -> str:
        """Why there is no hope left: the day is over and nothing has happened for so long. Empty while there is."""
        if self.now_s < self.duration_s or time.monotonic() - self.moved_at < patience_s:
            return ""
        why = next(iter(self.unsent.values()), "")
        return f"nothing has happened for {patience_s:.0f} s" + (f"; {len(self.unsent)} messages unsent: {why}" if why else "")

    @property
    def accepted(self) -> int:
        return len(self.evidence.answers)

    def per_second(self) -> float:
        """Deliveries, over the last few hundred of them."""
        if len(self._moments) < 2:
            return 0.0
        return len(self._moments) / max(time.monotonic() - self._moments[0], 0.001)

    async def waits_for(self, at: float) -> None:
        """Until this part of the day is over."""
        await asyncio.sleep(max(0.0, at * self.duration_s - self.now_s))

    def begins(self, message: PlannedMessage) -> None:
        """Its system tries to send it, perhaps again: latencies count from the first time."""
        self._begun.setdefault(message.message_id, time.monotonic())

    def answered(self, message: PlannedMessage, reply: Receipt | Problem) -> None:
        """The reply to a planned message."""
        self.moved_at = time.monotonic()
        took_s = self.moved_at - self._begun[message.message_id]
        if isinstance(reply, Problem):
            self.evidence.turned_away.append(TurnedAway(message_id=message.message_id, code=reply.code))
            self.last_refusal = reply
            return
        self._receipts[message.message_id] = reply
        self.promised += len(reply.deliveries)
        self.evidence.answers.append(
            Answered(
                message_id=message.message_id,
                sequence=reply.sequence,
                deliveries={one.delivery_id: one.recipient for one in reply.deliveries},
                took_s=took_s,
            )
        )
        self.pace.accepted(message.message_id)
        text = f"{self._name(message.sender)} {says(message)}; trục tiếp nhận số {reply.sequence} sau {_ms(took_s)}"
        self._tell(message, text, f"{says_in_english(message)}; accepted")

    def learned(self, lesson: Lesson, reply: Receipt | Problem) -> None:
        """The reply to something done on purpose."""
        if isinstance(reply, Problem):
            found = reply.code
            self.refused += 1
            self._refusals.append((lesson.message.message_id, reply.signed))
            self.last_refusal = reply
        elif lesson.expected == SAME_RECEIPT:
            found = SAME_RECEIPT if reply == self._receipts[lesson.message.message_id] else "another receipt"
            self.resent += 1
        else:
            found = "accepted"
        self.evidence.learned.append(Learned(lesson=lesson.name, expected=lesson.expected, found=found))

    def arrived(self, arrival: Arrival) -> None:
        """A copy reached a recipient. The second one under a delivery id is written down and dropped."""
        if self.has_ended:
            if self.visitors is not None:
                self.visitors(arrival)
            return
        if arrival.paper is not None and arrival.paper.document_id in self._letters:
            self._paper(arrival, self._letters[arrival.paper.document_id])
            return
        message = self._messages.get(arrival.message_id)
        if message is None:
            self.evidence.strangers.append(arrival)
            return
        self.moved_at = time.monotonic()
        took_s = self.moved_at - self._begun[message.message_id]
        self.evidence.arrivals.append(replace(arrival, took_s=took_s))
        if (arrival.recipient, arrival.delivery_id) in self._seen:
            return
        self._seen.add((arrival.recipient, arrival.delivery_id))
        self.delivered += 1
        self._moments.append(self.moved_at)
        self.pace.delivered(arrival.message_id, arrival.recipient)
        if arrival.files and self.collector is not None:
            self.collector(arrival)
        self._tell(message, f"→ {self._name(arrival.recipient)} đã nhận, sau {_ms(took_s)}", "received")
        self._close(message, arrival.recipient)

    def sends_letter(self, letter: Letter, business_type: int) -> None:
        """The department sends a document or takes it back."""
        self.moved_at = time.monotonic()
        vi, en = ("gửi", "sent") if business_type == NEW else ("thu hồi", "recalled")
        text = f"{self._name(DEPARTMENT)} {vi} {letter.type_name} {letter.code} qua API trục văn bản (edXML)"
        self._tell_of(text, f"{en} through the API of the document bus")

    def refused_letter(self, letter: Letter, why: str) -> None:
        """What the bus said against it."""
        self.unsent[letter.document_id] = why
        self._tell_of(f"{letter.code} bị từ chối: {why}", "refused")

    def reports(self, letter: Letter, commune: str, reply: Receipt | Problem) -> None:
        """The hub's reply to what a clerk reports."""
        self.moved_at = time.monotonic()
        if isinstance(reply, Problem):
            self.evidence.turned_away.append(TurnedAway(message_id=f"{letter.code} {commune}", code=reply.code))

    def reported(self, letter: Letter, report: Reported) -> None:
        """The department read a status."""
        self.moved_at = time.monotonic()
        self.evidence.reported.append(report)
        vi, en = STATUSES.get(report.status, (report.status, report.status))
        self._tell_of(f"← {self._name(report.commune)} báo {letter.code}: {report.status} {vi}", en)

    def _paper(self, arrival: Arrival, letter: Letter) -> None:
        self.moved_at = time.monotonic()
        self.evidence.papers.append(arrival)
        assert arrival.paper is not None
        what = ("nhận", "received") if arrival.paper.business_type == NEW else ("nhận yêu cầu thu hồi", "asked to give it back")
        seal = ", chữ ký số hợp lệ" if arrival.sealed else ""
        self._tell_of(f"→ {self._name(arrival.recipient)} {what[0]} {letter.code} qua {_ROADS[arrival.road]}{seal}", what[1])
        if self.clerks is not None:
            self.clerks(arrival)

    def prove(self, vkeys: Sequence[str]) -> None:
        """All that senders were told, by the keys of the hub's log. Takes a while."""
        self.evidence.proofs = prove(self._receipts.values(), self._refusals, vkeys)

    def gave_up(self, message_id: str, why: str) -> None:
        """The hub was away for longer than the system's patience."""
        self.unsent[message_id] = why

    def _tell(self, message: PlannedMessage, text: str, english: str) -> None:
        if self.case is not None and message.order_key == self.case.number:
            self.tale.append(TaleLine(clock(self.now_s, self.duration_s), text, english))

    def _tell_of(self, text: str, english: str) -> None:
        self.letter_tale.append(TaleLine(clock(self.now_s, self.duration_s), text, english))

    def _close(self, message: PlannedMessage, recipient: str) -> None:
        """The followed case is closed when everything said about it has reached everybody it was said to."""
        if (message.message_id, recipient) in self._open_in_tale:
            self._open_in_tale.discard((message.message_id, recipient))
            if not self._open_in_tale:
                self._tell(message, "✓ Hồ sơ kết thúc", "case closed")

    def _name(self, code: str) -> str:
        return short_name(self.province, code)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
