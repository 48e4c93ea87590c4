"""How states and events are called in the offices that read them."""

from collections.abc import Mapping
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
        "parked": ("tạm giữ, nơi nhận đang ngừng nhận", "held while the recipient takes nothing"),
        "delivered": ("đã giao", "delivered"),
        "refused": ("nơi nhận từ chối", "refused by the recipient"),
        "dead": ("không giao được", "could not be delivered"),
        "expired": ("hết hạn", "expired"),
        "cancelled": ("đã thu hồi", "recalled"),
    }
)
