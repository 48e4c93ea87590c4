"""When may a planned message go out? When its time has come and what it follows has happened; never by trusting luck."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from lgsp.demo.day import PlannedMessage

_Fact = tuple[Literal["accepted", "delivered"], str]  # delivered: to all its recipients


class Pace:
    """Walks through a plan. `messages` in the order of `at_s`; a message is let go once.

    What the same sender said before need only have been accepted; what another one said must have arrived.
    """

    def __init__(self, messages: Iterable[PlannedMessage]) -> None:
        self._messages = tuple(messages)
        by_id = {message.message_id: message for message in self._messages}
        self._next = 0
        self._missing: dict[str, int] = {}
        self._awaited_by: defaultdict[_Fact, list[PlannedMessage]] = defaultdict(list)
        self._free: list[PlannedMessage] = []  # their time had come before what they follow had
        self._open = {message.message_id: set(message.recipients) for message in self._messages}
        self._unaccepted = set(self._open)
        self._due: set[str] = set()
        for message in self._messages:
            self._missing[message.message_id] = len(message.after)
            for earlier in message.after:
                what: Literal["accepted", "delivered"] = "accepted" if by_id[earlier].sender == message.sender else "delivered"
                self._awaited_by[what, earlier].append(message)

    @property
    def finished(self) -> bool:
        """Everything was accepted and has arrived everywhere."""
        return not self._unaccepted and not self._open

    def take(self, now_s: float) -> Iterator[PlannedMessage]:
        """What may go now, earliest first."""
        free, self._free = self._free, []
        yield from free
        while self._next < len(self._messages) and self._messages[self._next].at_s <= now_s:
            message = self._messages[self._next]
            self._next += 1
            self._due.add(message.message_id)
            if self._missing[message.message_id] == 0:
                yield message

    def accepted(self, message_id: str) -> None:
        """Its sender holds a receipt. Saying so twice is harmless."""
        if message_id in self._unaccepted:
            self._unaccepted.discard(message_id)
            self._happened(("accepted", message_id))

    def delivered(self, message_id: str, recipient: str) -> None:
        """It reached this recipient. Saying so twice is harmless."""
        waiting = self._open.get(message_id)
        if waiting is None:
            return
        waiting.discard(recipient)
        if not waiting:
            del self._open[message_id]
            self._happened(("delivered", message_id))

    def _happened(self, fact: _Fact) -> None:
        for message in self._awaited_by.pop(fact, ()):
            self._missing[message.message_id] -= 1
            if self._missing[message.message_id] == 0 and message.message_id in self._due:
                self._free.append(message)
