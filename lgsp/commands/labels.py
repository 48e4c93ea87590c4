"""How states and events are called in the offices that read them."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

# State of a delivery (lgsp.core.lifecycle) or name of a timeline event -> Vietnamese, English.
LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "accepted": ("đã tiếp nhận", "accepted"),
        "waiting": ("chờ thông điệp trước", "waiting for the one before"),
        "ready": ("chờ gửi", "to be sent"),
        "queued": ("trong hàng đợi", "queued"),
        "available": ("trong hộp thư", "in the mailbox"),
        "attempted": ("đã thử giao, sẽ thử lại", "attempted, to be retried"),
        "retried": ("sẽ thử lại", "to be retried"),
        "released": ("đến lượt giao", "its turn has come"),
        "delivered": ("đã giao", "delivered"),
        "refused": ("nơi nhận từ chối", "refused by the recipient"),
        "dead": ("không giao được", "could not be delivered"),
        "expired": ("hết hạn", "expired"),
        "cancelled": ("đã thu hồi", "recalled"),
    }
)


def label(name: str) -> str:
    """Both languages, or the name itself where it has no label."""
    vietnamese, english = LABELS.get(name, ("", name))
    return f"{vietnamese} · {english}" if vietnamese else english


def clock(moment: str | datetime | None) -> str:
    """Local date and time to the second of an RFC 3339 text; empty for None."""
    if moment is None:
        return ""
    aware = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return aware.astimezone().strftime("%Y-%m-%d %H:%M:%S")
