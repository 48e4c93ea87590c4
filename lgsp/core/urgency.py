"""Who goes first: urgency is `Envelope.priority`, 0 thường to 4 hỏa tốc hẹn giờ (QCVN 102:2016/BTTTT)."""

from collections import deque
from typing import Generic, TypeVar

URGENT = 1

T = TypeVar("T")


def is_urgent(priority: int) -> bool:
    """Whether it bears a mark of urgency, khẩn or higher. Decree 30/2020/NĐ-CP, article 18: such a document is sent at once."""
    return priority >= URGENT


class ByUrgency(Generic[T]):
    """A queue in memory, of anything but None: the most urgent first, among equals the oldest. Putting and taking cost the same
    however much waits."""

    def __init__(self) -> None:
        self._levels: dict[int, deque[T]] = {}  # none of them empty
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, item: T, priority: int) -> None:
        self._levels.setdefault(priority, deque()).append(item)
        self._size += 1

    def first(self, least: int = 0) -> T | None:
        """What `take` would take, without taking it."""
        highest = max(self._levels, default=least - 1)
        return self._levels[highest][0] if highest >= least else None

    def take(self, least: int = 0) -> T | None:
        """None where nothing of at least that priority waits."""
        highest = max(self._levels, default=least - 1)
        return self._out(highest, self._levels[highest].popleft()) if highest >= least else None

    def take_all(self) -> list[T]:
        """Everything, in order."""
        return self.take_some(self._size)

    def take_some(self, most: int) -> list[T]:
        """The first `most`, in order."""
        items: list[T] = []
        while len(items) < most and (item := self.take()) is not None:
            items.append(item)
        return items

    def drop_below(self, priority: int) -> T | None:
        """The youngest of the least urgent, to make room for something of `priority`; None where nothing is less urgent."""
        lowest = min(self._levels, default=priority)
        return self._out(lowest, self._levels[lowest].pop()) if lowest < priority else None

    def remove(self, item: T, priority: int) -> None:
        """Raises ValueError when it does not wait."""
        self._levels.get(priority, deque()).remove(item)
        self._out(priority, item)

    def ahead_of(self, priority: int) -> int:
        """How many a newcomer of this priority would find before it."""
        return sum(len(level) for held, level in self._levels.items() if held >= priority)

    def _out(self, priority: int, item: T) -> T:
        self._size -= 1
        if not self._levels[priority]:
            del self._levels[priority]
        return item
