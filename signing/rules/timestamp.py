"""Of time-stamps (RFC 3161)."""

from signing.rules.rule import Rows

ROWS: Rows = (
    ("timestamp.usage",
     "Chứng thư của tổ chức cấp dấu thời gian không dành riêng cho việc đó",
     "The certificate is not one for time-stamping alone",
     "Dùng dấu thời gian của tổ chức có chứng thư với ExtendedKeyUsage timeStamping, đánh dấu critical, không mục đích khác.",
     "Use an authority whose certificate has extendedKeyUsage timeStamping, critical, with no purpose beside it."),
    ("timestamp.info",
     "Dấu thời gian có thành phần lạ, thiếu hoặc sai thứ tự", "A part of the time-stamp is unexpected, missing or out of order",
     "Lấy dấu thời gian theo RFC 3161, mã hóa DER.", "Get a time-stamp by RFC 3161, in DER."),
    ("timestamp.imprint",
     "Dấu thời gian không phải của nội dung này", "The time-stamp is not over this content",
     "Dấu thời gian bị gắn nhầm hoặc nội dung đã thay đổi; yêu cầu ký lại.",
     "It belongs to something else, or the content was changed; ask for a new signature."),
    ("timestamp.nonce",
     "Dấu thời gian không phải cho yêu cầu này", "The time-stamp is not the answer to this request",
     "Yêu cầu lại.", "Ask again."),
    ("timestamp.policy",
     "Chính sách cấp dấu thời gian không được chấp nhận", "The time-stamp was issued under a policy that is not accepted",
     "Dùng tổ chức cấp dấu thời gian được chấp nhận.", "Use an authority whose policy is accepted."),
    ("timestamp.time",
     "Thời điểm trong dấu thời gian không hợp lệ hoặc ở tương lai", "The time in the time-stamp is malformed or in the future",
     "Xem đồng hồ của máy chủ; nếu đúng, báo tổ chức cấp dấu thời gian.",
     "See whether our clock is right; if it is, tell the authority."),
    ("timestamp.rejected",
     "Tổ chức cấp dấu thời gian từ chối yêu cầu", "The authority refused to issue a time-stamp",
     "Xem trạng thái nêu trong chi tiết; thử lại hoặc đổi tổ chức.", "See the status in the detail; try again, or elsewhere."),
)  # fmt: skip
