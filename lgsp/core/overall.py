"""One word for an envelope with many recipients. Each delivery has a state of its own; a clerk asks whether "it" has arrived."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

import msgspec

from lgsp.core.lifecycle import State

OverallState = Literal["in_progress", "delivered", "partly_delivered", "not_delivered", "cancelled"]

TITLES: Mapping[OverallState, tuple[str, str]] = MappingProxyType(
    {
        "in_progress": ("Đang giao", "Still being delivered"),
        "delivered": ("Mọi nơi nhận đã nhận", "Every recipient has it"),
        "partly_delivered": ("Chỉ một số nơi nhận đã nhận", "Only some recipients have it"),
        "not_delivered": ("Không nơi nào nhận được", "No recipient has it"),
        "cancelled": ("Đã thu hồi trước khi giao", "Recalled before it was delivered"),
    }
)


class Standing(Protocol):
    """A delivery as it stands. `ended_at` is set when its state is final."""

    @property
    def state(self) -> State: ...
    @property
    def ended_at(self) -> datetime | None: ...


class Overall(msgspec.Struct, frozen=True, kw_only=True):
    """`state` counts for all deliveries together, `since` is when it became so; `counts` is by the state of deliveries."""

    state: OverallState
    title_vi: str
    title_en: str
    since: datetime
    counts: dict[str, int]  # only states that occur, in the order of the lifecycle


def overall_of(deliveries: Sequence[Standing], accepted_at: datetime) -> Overall:
    """As long as one delivery is open the whole is in progress, whatever became of the others: the counts say that.

    A dead letter that is replayed takes the whole back to "in_progress".
    """
    counts = Counter(one.state for one in deliveries)
    state = _word(counts)
    ended = [one.ended_at for one in deliveries if one.ended_at is not None]
    since = accepted_at if state == "in_progress" or not ended else max(ended)
    title_vi, title_en = TITLES[state]
    by_label = {one.label: counts[one] for one in State if counts[one]}
    return Overall(state=state, title_vi=title_vi, title_en=title_en, since=since, counts=by_label)


def _word(counts: Counter[State]) -> OverallState:
    total = counts.total()
    if any(not state.is_final for state in counts):
        return "in_progress"
    if counts[State.DELIVERED] == total:
        return "delivered"
    if counts[State.DELIVERED]:
        return "partly_delivered"
    return "cancelled" if counts[State.CANCELLED] == total else "not_delivered"
