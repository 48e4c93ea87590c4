"""Of the way from a certificate to a trust anchor (RFC 5280, section 6)."""

from signing.rules.rule import Rows

ROWS: Rows = (
    ("path.no_anchors",
     "Chưa có chứng thư gốc tin cậy để đối chiếu", "No trust anchors were given",
     "Nêu chứng thư gốc của tổ chức chứng thực tin cậy (--anchor).", "Name the trusted authority's certificate (--anchor)."),
    ("path.not_found",
     "Chứng thư số không nối được tới tổ chức chứng thực tin cậy", "No valid path leads from the certificate to a trust anchor",
     "Kiểm tra chứng thư gốc, chứng thư trung gian kèm theo và thời hạn của chúng.",
     "See whether the anchor is the right one, intermediates are included and all are in force."),
    ("path.validity",
     "Chứng thư số chưa có hoặc hết hiệu lực tại thời điểm kiểm tra", "The certificate is not in force at the time of the check",
     "Dùng chứng thư còn hiệu lực; xem thời điểm ghi trong báo cáo.", "Use a certificate in force; the report names the time."),
    ("path.too_many",
     "Kèm theo quá nhiều chứng thư số", "Too many certificates were enclosed",
     "Chỉ đính kèm các chứng thư trên đường dẫn tới chứng thư gốc.", "Enclose those on the way to the anchor and no others."),
    ("path.too_large",
     "Chứng thư số lớn bất thường", "A certificate is unreasonably large",
     "Dùng chứng thư số không quá 16 KiB.", "Use certificates of at most 16 KiB."),
    ("path.algorithm",
     "Chứng thư số được cấp bằng thuật toán không còn an toàn", "The certificate, or an authority's, was signed too weakly",
     "Đổi sang chứng thư do khóa RSA từ 2048 bit (hoặc P-256, P-384) ký với SHA-256 trở lên.",
     "Get a certificate signed with SHA-256 or better, by RSA of 2048 bits or more, P-256 or P-384."),
    ("path.usage",
     "Chứng thư số không được cấp để ký văn bản", "The certificate was not issued for signing documents",
     "Dùng chứng thư có digitalSignature hoặc nonRepudiation trong KeyUsage, không phải chứng thư máy chủ hay dấu thời gian.",
     "Use a certificate with digitalSignature or nonRepudiation, not one of a server or a time-stamp authority."),
)  # fmt: skip
