"""Of keys and of the value that they made."""

from signing.rules.rule import Rows

ROWS: Rows = (
    ("key.info",
     "KeyInfo không chỉ gồm chứng thư số X.509", "KeyInfo holds something else than X.509 certificates",
     "Chỉ đặt X509Data với X509Certificate trong KeyInfo, chứng thư của người ký đứng đầu.",
     "Put X509Data with X509Certificate there and nothing else, the signer's certificate first."),
    ("key.certificate",
     "Chứng thư số của người ký không đọc được", "The signer's certificate cannot be read",
     "Đính kèm chứng thư số đầy đủ, dạng DER mã hóa base64.", "Include the whole certificate, DER in base64."),
    ("key.type",
     "Loại khóa không khớp với thuật toán ký", "The key is of another type than the signature method",
     "Chọn thuật toán ký đúng với loại khóa trong chứng thư số.", "Choose the method that goes with the certificate's key."),
    ("key.strength",
     "Khóa không đạt yêu cầu an toàn", "The key is not of the required strength",
     "Dùng RSA từ 2048 đến 8192 bit (số mũ công khai lẻ, lớn hơn 65536), hoặc ECDSA P-256, P-384.",
     "Use RSA of 2048 to 8192 bits (public exponent odd and above 65536), or ECDSA on P-256 or P-384."),
    ("signature.value",
     "Giá trị chữ ký không khớp với khóa của người ký", "The signature value does not fit the signer's key",
     "Thông tin ký đã bị sửa, hoặc chứng thư kèm theo không phải của người ký: yêu cầu ký lại.",
     "What was signed was changed, or the certificate is another's: ask for a new signature."),
    ("signature.digest",
     "Nội dung đã bị thay đổi sau khi ký", "The content was changed after it was signed",
     "Không sử dụng văn bản này; yêu cầu bên gửi gửi lại bản gốc.", "Do not use it; ask the sender for the original."),
)  # fmt: skip
