"""How states and events are called in the offices that read them."""

from collections.abc import Mapping
from types import MappingProxyType

# State of a delivery (lgsp.core.lifecycle), name of an event of its timeline or of its recipient's -> Vietnamese, English.
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
        "fetched": ("nơi nhận đã lấy", "fetched by the recipient"),
        "parked": ("tạm giữ, nơi nhận đang ngừng nhận", "held while the recipient takes nothing"),
        "delivered": ("đã giao", "delivered"),
        "refused": ("nơi nhận từ chối", "refused by the recipient"),
        "dead": ("không giao được", "could not be delivered"),
        "expired": ("hết hạn", "expired"),
        "cancelled": ("đã thu hồi", "recalled"),
        "replayed": ("được giao lại", "put back on its way"),
        "resolved": ("đã được xử lý", "seen to by an operator"),
        "body_erased": ("đã xóa nội dung, bằng chứng vẫn còn", "body erased, its proof stays"),
        "files_erased": ("đã xóa tệp đính kèm", "attachments erased"),
        "recall_requested": ("bên gửi đề nghị thu hồi", "asked back by its sender"),
        "recall_agreed": ("nơi nhận đồng ý trả lại", "the recipient agreed to give it back"),
        "recall_refused": ("nơi nhận không đồng ý trả lại", "the recipient refused to give it back"),
        "failing": ("nơi nhận không hoạt động", "failing"),
        "recovered": ("nơi nhận hoạt động trở lại", "recovered"),
        "releasing": ("đang giao dần", "let go little by little"),
        "maintenance": ("bảo trì", "maintenance"),
        "maintenance_begun": ("bắt đầu bảo trì", "maintenance begun"),
        "maintenance_ended": ("kết thúc bảo trì", "maintenance ended"),
    }
)
