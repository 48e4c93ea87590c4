"""The states of a report in both languages, for people who decide by them: a clerk, a lawyer, a court."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from signing.report import Integrity, Revocation, TimeEvidence, Trust, Verdict


class Words(NamedTuple):
    """One state, explained."""

    vi: str
    en: str


STATES: Mapping[StrEnum, Words] = MappingProxyType(
    {
        Verdict.VERIFIED: Words("ĐÃ XÁC MINH", "VERIFIED"),
        Verdict.REVOKED: Words("CHỨNG THƯ ĐÃ BỊ THU HỒI", "THE CERTIFICATE WAS REVOKED"),
        Verdict.VERIFIED_REVOCATION_UNKNOWN: Words("ĐÃ XÁC MINH, CHƯA RÕ TÌNH TRẠNG THU HỒI", "VERIFIED, REVOCATION UNKNOWN"),
        Verdict.VERIFIED_WEAKLY: Words(
            "KHỚP THEO QUY CÁCH CŨ (SHA-1): CHỈ ĐỂ TRA CỨU, KHÔNG ĐỦ ĐỂ CHỨNG MINH",
            "FITS BY THE LEGACY PROFILE (SHA-1): TO LOOK THINGS UP, NO PROOF ANY MORE",
        ),
        Verdict.INTACT_NOT_TRUSTED: Words("NGUYÊN VẸN NHƯNG CHƯA TIN CẬY ĐƯỢC", "INTACT, BUT NOT TRUSTED"),
        Verdict.NOT_VERIFIED: Words("CHƯA XÁC MINH ĐƯỢC", "NOT VERIFIED"),
        Integrity.INTACT: Words(
            "Nguyên vẹn: nội dung đúng như khi được ký bằng khóa của chứng thư kèm theo",
            "Intact: the content is what was signed with the key of the enclosed certificate",
        ),
        Integrity.NOT_INTACT: Words(
            "Không nguyên vẹn: nội dung hoặc thông tin ký đã thay đổi, hoặc chứng thư không phải của người ký",
            "Not intact: content or signature was changed, or the certificate is not the signer's",
        ),
        Integrity.NOT_VERIFIABLE: Words(
            "Không kiểm tra được: trái một quy tắc nên chưa tính toán gì về nội dung",
            "Not verifiable: a rule is broken, so nothing can be said about the content",
        ),
        Integrity.ABSENT: Words("Không có chữ ký", "There is no signature"),
        Trust.TRUSTED: Words(
            "Chứng thư nối được tới chứng thư gốc tin cậy đã nêu, tại thời điểm kiểm tra",
            "The certificate leads to a given trust anchor, at the time of the check",
        ),
        Trust.NOT_TRUSTED: Words(
            "Chứng thư không nối được tới chứng thư gốc tin cậy nào: chưa biết người ký là ai",
            "The certificate leads to none of the trust anchors: nobody says who signed",
        ),
        Trust.NOT_CHECKED: Words("Chưa đối chiếu", "Not checked"),
        Revocation.GOOD: Words(
            "Không bị thu hồi, theo CRL hoặc OCSP còn đủ mới của mọi chứng thư trên đường dẫn",
            "Not revoked, by a CRL or OCSP answer fresh enough for every certificate of the path",
        ),
        Revocation.REVOKED: Words("Một chứng thư trên đường dẫn đã bị thu hồi", "A certificate of the path was revoked"),
        Revocation.UNKNOWN: Words(
            "Không có CRL hay OCSP đủ mới: chứng thư có thể đã bị thu hồi",
            "There is no CRL or OCSP answer fresh enough: a certificate may have been revoked",
        ),
        TimeEvidence.NONE: Words("Không có gì cho biết thời điểm ký", "Nothing says when it was signed"),
        TimeEvidence.STAMPED: Words(
            "Có dấu thời gian (RFC 3161) của tổ chức tin cậy trên chữ ký: chữ ký đã có từ trước thời điểm đó",
            "A trusted authority's time-stamp (RFC 3161) over the signature: it existed by then",
        ),
        TimeEvidence.CLAIMED: Words(
            "Do người ký tự khai bằng đồng hồ của mình; không phải chứng cứ",
            "Claimed by the signer, by its own clock; no evidence",
        ),
    }
)

# In place of Integrity.NOT_INTACT, where the revision of a PDF that was signed is what it was.
CHANGED_AFTER = Words(
    "Phiên bản đã ký còn nguyên vẹn, nhưng phần thêm vào sau khi ký không chấp nhận được",
    "The revision that was signed is intact, but what was added to the file since is not acceptable",
)

PARTS: Mapping[str, Words] = MappingProxyType(
    {
        "document": Words("toàn văn bản, trừ chính chữ ký", "the whole document but the signature itself"),
        "content": Words("toàn bộ nội dung", "the whole content"),
        "file": Words("toàn bộ tệp PDF, trừ chính giá trị chữ ký", "the whole PDF but the signature value itself"),
        "revision": Words(
            "phiên bản của tệp PDF tại thời điểm ký, không phải phần thêm vào sau",
            "the PDF as it was when signed, not what was added since",
        ),
        "payload": Words("toàn bộ nội dung của JWS", "the whole payload of the JWS"),
        "soap_body": Words("Body của thông điệp", "the Body of the message"),
        "soap_timestamp": Words("Timestamp của thông điệp", "the Timestamp of the message"),
        "soap_token": Words("chứng thư kèm theo thông điệp", "the certificate that came with the message"),
        "soap_addressing": Words("một khối WS-Addressing của Header", "a WS-Addressing block of the Header"),
        "signed_properties": Words("thuộc tính ký XAdES", "the XAdES signed properties"),
    }
)
