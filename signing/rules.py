"""The catalogue of rules a signature is refused by, as data: a code stable for ever, and both languages.

A text may be improved, a code may only be added. The clauses are those of XML Signature (XMLDSig 1.1), XAdES (EN 319 132-1),
RFC 5280 and QCVN 102:2016/BTTTT. What is not allowed is refused, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """What is required, broken: what is wrong and what the signer (or who checks) does about it."""

    code: str
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str


class Refused(ValueError):
    """A rule is broken. `place`: where in the document, by names; `detail`: what was found there, never content."""

    def __init__(self, code: str, place: str = "", detail: str = "") -> None:
        super().__init__(f"{code} at {place or '/'}: {detail}")
        self.rule = RULES[code]
        self.place = place
        self.detail = detail


_TABLE: tuple[tuple[str, str, str, str, str], ...] = (
    # --- the document as XML ----------------------------------------------------------------------------------------------
    ("xml.too_large",
     "Văn bản XML vượt quá dung lượng cho phép", "The document is larger than the profile allows",
     "Chuyển phần lớn thành tệp đính kèm.", "Move large parts into attachments."),
    ("xml.not_utf8",
     "Văn bản XML không phải UTF-8 hoặc không phải XML 1.0", "The document does not declare itself as XML 1.0 in UTF-8",
     "Ghi văn bản bằng UTF-8, XML 1.0, rồi ký lại.", "Write it as XML 1.0 in UTF-8 and sign again."),
    ("xml.document_type",
     "Có khai báo DTD hoặc thực thể", "There is a document type or entity declaration",
     "Bỏ khai báo DTD rồi ký lại.", "Leave the declaration out and sign again."),
    ("xml.not_well_formed",
     "Không phải XML đúng cú pháp, hoặc lồng quá sâu", "The document is not well-formed XML, or too deeply nested",
     "Kiểm tra tệp có bị cắt hoặc hỏng khi truyền không.", "See whether the file was cut or damaged on its way."),
    ("xml.too_deep",
     "Các phần tử lồng nhau quá sâu", "Elements are nested too deeply",
     "Giảm số cấp lồng nhau.", "Nest less deeply."),
    ("xml.too_many_elements",
     "Quá nhiều phần tử", "There are too many elements",
     "Chia thành nhiều văn bản.", "Split it into several documents."),
    ("xml.too_many_attributes",
     "Một phần tử có quá nhiều thuộc tính", "An element has too many attributes",
     "Giảm số thuộc tính của phần tử.", "Use fewer attributes on one element."),
    ("xml.too_many_namespaces",
     "Quá nhiều khai báo không gian tên", "There are too many namespace declarations",
     "Khai báo các không gian tên một lần, tại phần tử gốc.", "Declare namespaces once, at the root."),
    ("xml.comment_or_instruction",
     "Văn bản đã ký có chú thích hoặc chỉ thị xử lý XML", "The signed document has a comment or processing instruction",
     "Bỏ chú thích và chỉ thị xử lý rồi ký lại: các phần mềm đọc chúng khác nhau.",
     "Leave comments and instructions out and sign again: programs read the text around them differently."),
    ("xml.not_canonical",
     "Không chuẩn hóa (C14N) được", "The document has no canonical form",
     "Dùng URI tuyệt đối cho không gian tên.", "Use absolute URIs as namespaces."),
    # --- the signature as XML ---------------------------------------------------------------------------------------------
    ("signature.absent",
     "Không có chữ ký số", "There is no signature",
     "Ký văn bản trước khi gửi.", "Sign the document before it is sent."),
    ("signature.several",
     "Có nhiều hơn một chữ ký số", "There is more than one signature",
     "Mỗi văn bản chỉ mang một chữ ký số, tại đúng vị trí quy định.", "A document bears one signature, at its place."),
    ("signature.misplaced",
     "Chữ ký số không nằm ở vị trí quy định", "The signature does not stand at its place",
     "Đặt chữ ký làm phần tử con cuối cùng: của phần tử gốc (phong bì) hoặc của edXMLHeader (QCVN 102).",
     "Make it the last child of the root (envelopes) or of edXMLHeader (QCVN 102)."),
    ("signature.shape",
     "Cấu trúc chữ ký số có thành phần lạ, thiếu hoặc sai thứ tự",
     "A part of the signature is unexpected, missing or out of order",
     "Tạo chữ ký theo đúng cấu trúc của hồ sơ kỹ thuật nêu trong báo cáo.", "Sign by the profile that the report names."),
    ("signature.base64",
     "Giá trị base64 trong chữ ký không hợp lệ", "A base64 value of the signature is not valid",
     "Kiểm tra chữ ký có bị cắt khi truyền không.", "See whether the signature was cut on its way."),
    ("signature.canonicalization",
     "Phương pháp chuẩn hóa không được phép", "The canonicalization method is not allowed",
     "Dùng Exclusive XML Canonicalization 1.0, không chú thích.", "Use Exclusive XML Canonicalization 1.0 without comments."),
    ("signature.method",
     "Thuật toán ký không được phép", "The signature method is not allowed",
     "Dùng RSA hoặc ECDSA với SHA-256, SHA-384 hoặc SHA-512.", "Use RSA or ECDSA with SHA-256, SHA-384 or SHA-512."),
    ("signature.digest_method",
     "Thuật toán băm không được phép", "The digest method is not allowed",
     "Dùng SHA-256, SHA-384 hoặc SHA-512.", "Use SHA-256, SHA-384 or SHA-512."),
    ("signature.references",
     "Số tham chiếu được ký không đúng", "The number of signed references is wrong",
     "Ký đúng một tham chiếu tới toàn văn bản, và với XAdES thêm đúng một tham chiếu tới SignedProperties.",
     "Sign one reference to the whole document and, with XAdES, one to SignedProperties."),
    ("signature.reference_target",
     "Tham chiếu được ký không trỏ tới toàn văn bản", "A signed reference does not point to the whole document",
     "Dùng URI=\"\" hoặc #Id của phần tử gốc.", "Use URI=\"\" or the #Id of the root."),
    ("signature.reference_type",
     "Kiểu (Type) của tham chiếu không được phép", "The Type of a reference is not allowed",
     "Chỉ tham chiếu tới SignedProperties mang Type, đúng giá trị của XAdES.",
     "Only the reference to SignedProperties has a Type, the one of XAdES."),
    ("signature.transforms",
     "Các phép biến đổi của tham chiếu không được phép", "The transforms of a reference are not allowed",
     "Dùng đúng thứ tự: enveloped-signature rồi Exclusive C14N, không tham số.",
     "Use enveloped-signature and then exclusive C14N, without parameters."),
    ("signature.duplicate_id",
     "Một định danh (Id) được tham chiếu xuất hiện nhiều lần", "An Id that is referred to occurs more than once",
     "Mỗi Id chỉ dùng một lần trong văn bản.", "Use every Id once in the document."),
    # --- key and value ------------------------------------------------------------------------------------------------------
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
    # --- XAdES ----------------------------------------------------------------------------------------------------------------
    ("xades.absent",
     "Thiếu thuộc tính ký XAdES", "There are no XAdES signed properties",
     "Ký theo XAdES-B (EN 319 132-1).", "Sign as XAdES-B (EN 319 132-1)."),
    ("xades.shape",
     "Thuộc tính ký XAdES có thành phần lạ, thiếu hoặc lặp", "A XAdES property is unexpected, missing or repeated",
     "Tạo SignedProperties theo EN 319 132-1, mục 5.", "Make SignedProperties as EN 319 132-1, clause 5, says."),
    ("xades.certificate",
     "Chứng thư số không phải chứng thư mà người ký đã cam kết", "The certificate is not the one the signer committed to",
     "Giá trị băm trong SigningCertificateV2 phải là của chứng thư trong KeyInfo; yêu cầu ký lại.",
     "The digest in SigningCertificateV2 must be that of the certificate in KeyInfo; ask for a new signature."),
    ("xades.signing_time",
     "Thời điểm ký không hợp lệ hoặc ở tương lai", "The signing time is malformed or lies in the future",
     "Đồng bộ đồng hồ máy ký (NTP) rồi ký lại.", "Synchronise the signer's clock (NTP) and sign again."),
    # --- whose it is ------------------------------------------------------------------------------------------------------------
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
    ("path.usage",
     "Chứng thư số không được cấp để ký văn bản", "The certificate was not issued for signing documents",
     "Dùng chứng thư có digitalSignature hoặc nonRepudiation trong KeyUsage, không phải chứng thư máy chủ hay dấu thời gian.",
     "Use a certificate with digitalSignature or nonRepudiation, not one of a server or a time-stamp authority."),
    # --- the checking itself ----------------------------------------------------------------------------------------------------
    ("check.failed",
     "Việc kiểm tra không thực hiện được; chữ ký coi như chưa được xác minh",
     "The check itself failed, so the signature counts as not verified",
     "Báo đơn vị vận hành kèm tệp và chi tiết này.", "Tell the operator, with the file and this detail."),
)  # fmt: skip

RULES: Mapping[str, Rule] = MappingProxyType({row[0]: Rule(*row) for row in _TABLE})
