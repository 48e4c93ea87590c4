"""Of whose a certificate is."""

from signing.rules.rule import Rows

ROWS: Rows = (
    ("binding.unknown",
     "Chứng thư số chưa được đăng ký cho cơ quan gửi", "The certificate is not registered for the sender",
     "Đề nghị đơn vị vận hành trục đăng ký chứng thư: lgsp agency signer add.",
     "Ask the operator of the hub to register it: lgsp agency signer add."),
    ("binding.not_in_force",
     "Đăng ký chứng thư số của cơ quan gửi chưa đến hoặc đã qua thời hạn",
     "The sender registered the certificate for another time",
     "Đề nghị đơn vị vận hành trục gia hạn đăng ký, hoặc dùng chứng thư đang được đăng ký.",
     "Ask the operator of the hub to prolong the registration, or use the certificate that is registered now."),
)  # fmt: skip
