"""What happened in a run, line by line, for whoever has to understand a seed."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from lgsp.core.admission import Admitted
from lgsp.ports import Accepted, Ref, Settled, Settlement, Work


def lines(notes: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    for at_s, who, what, *details in notes:
        yield f"{at_s:9.4f}  {who:<9} {what:<14} {' '.join(told(one) for one in details)}".rstrip()


def told(value: Any) -> str:
    """Short, the same in every run, and without bodies."""
    match value:
        case Ref():
            return f"{value.delivery_id}/{value.attempt}"
        case Work():
            return f"{value.delivery_id}/{value.attempt}"
        case Admitted():
            return value.envelope.message_id
        case Accepted():
            fresh = "" if value.fresh else " again"
            return f"#{value.sequence}{fresh}{told(value.ready) if value.ready else ''}"
        case Settlement():
            notice = "" if value.notice is None else f" + {value.notice.envelope.message_id}"
            again = f" in {value.delay_s:.3f} s" if value.delay_s else ""
            return f"{value.delivery_id}/{value.attempt} {value.state.label}{again} {value.reason}".rstrip() + notice
        case Settled():
            state = "unknown" if value.state is None else value.state.label
            return f"{'' if value.applied else 'stale: '}{state}{told(value.ready) if value.ready else ''}"
        case list() | tuple():
            return f"({', '.join(told(one) for one in value)})"
        case float():
            return f"{value:.6g}"
        case msgspec.Struct():
            return type(value).__name__
        case _ if callable(value):
            return "..."
        case _:
            return str(value)
