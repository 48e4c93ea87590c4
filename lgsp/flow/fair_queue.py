"""What waits, taken in turn from all who brought it. With one owner it is a plain queue."""

import heapq
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

PARTS = 4  # of what is taken at once one owner gets at most one, while there are others
_ALONE_AFTER = 8  # takes in which nobody else had anything


class FairQueue(Generic[T]):
    """Parts of one owner keep their order; between owners the one goes first that has had the least.

    Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): an owner is charged the size of its parts, and its next one
    begins where the last one ended, but never before what is taken now. So among owners that always have something waiting each
    gets the same, whatever the sizes of their parts; and who comes with little is overtaken by at most one part
    of each other. Who comes while something was just taken should not wait long for that either: so takes are kept short, unless
    one owner has been alone for a while.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[tuple[int, T]]] = {}  # by owner: size and part; none is empty
        self._heads: list[tuple[int, int, str]] = []  # a heap: where an owner's next part begins, since when, whose
        self._charged: dict[str, int] = {}
        self._now = 0
        self._count = 0
        self._latest: str | None = None  # whose part was taken last
        self._alone_from = 0

    def __bool__(self) -> bool:
        return bool(self._heads)

    def put(self, owner: str, size: int, part: T) -> None:
        """`size`: what it takes of a take, at least 1."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = deque()
            self._line_up(owner, max(self._now, self._charged.get(owner, 0)))
        line.append((size, part))

    def take(self, most: int) -> Sequence[T]:
        """The next parts, together of that size at most, but at least one part where any waits."""
        taken: list[T] = []
        left, each = most, most if self._one_is_alone() else most // PARTS
        left_of: dict[str, int] = {}
        while self._heads:
            owner = self._heads[0][2]
            size = self._lines[owner][0][0]
            if taken and size > min(left, left_of.get(owner, each)):
                break
            left, left_of[owner] = left - size, left_of.get(owner, each) - size
            self._remember(owner, most)
            taken.append(self._pop())
        return taken

    def _remember(self, owner: str, most: int) -> None:
        if owner != self._latest:
            self._alone_from = self._now + (0 if self._latest is None else _ALONE_AFTER * most)
            self._latest = owner

    def _one_is_alone(self) -> bool:
        return len(self._lines) <= 1 and self._now >= self._alone_from

    def _pop(self) -> T:
        self._now, _, owner = heapq.heappop(self._heads)
        line = self._lines[owner]
        size, part = line.popleft()
        self._charged[owner] = self._now + size
        if line:
            self._line_up(owner, self._charged[owner])
        else:
            del self._lines[owner]
        return part

    def _line_up(self, owner: str, begins: int) -> None:
        self._count += 1
        heapq.heappush(self._heads, (begins, self._count, owner))
