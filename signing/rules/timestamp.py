"""Of time-stamps (RFC 3161)."""

from signing.rules.rule import Rows

ROWS: Rows = (
    ("timestamp.usage",
     "Chứng thư của tổ chức cấp dấu thời gian không dành riêng cho việc đó",
     "The certificate is not one for time-stamping alone",
     "Dùng dấu thời gian của tổ chức có chứng thư với ExtendedKeyUsage timeStamping, đánh dấu critical, không mục đích khác.",
     "Use an authority whose certificate has extendedKeyUsage timeStamping, critical, with no purpose beside it."),
)  # fmt: skip
