"""Why a CRL, an OCSP answer or a time-stamp could not be had, for people; what is wrong with one that came: `signing.rules`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from signing.rules import RULES


class Reason(NamedTuple):
    """What happened and what to do about it."""

    vi: str
    en: str
    remedy_vi: str
    remedy_en: str


# fmt: off
REASONS: Mapping[str, Reason] = MappingProxyType({
    "fetch.not_listed": Reason(
        "Máy chủ không có trong danh sách được phép tải", "Its host is not listed",
        "Nếu đúng là của tổ chức chứng thực, thêm vào revocation_hosts.",
        "If it belongs to the authority, add it to revocation_hosts."),
    "fetch.private": Reason(
        "Tên miền trỏ về địa chỉ nội bộ", "The name stands for a private address",
        "Kiểm tra DNS; nếu đúng, thêm địa chỉ vào revocation_hosts.",
        "Look at DNS; if it is right, add the address to revocation_hosts."),
    "fetch.unreachable": Reason(
        "Không kết nối được", "Cannot be connected to",
        "Kiểm tra mạng, tường lửa, DNS và chứng thư TLS của máy chủ.",
        "See network, firewall, DNS and the server's TLS certificate."),
    "fetch.timeout": Reason(
        "Quá thời gian chờ", "It took too long",
        "Kiểm tra đường truyền; CRL lớn thì tăng revocation_timeout_s.",
        "See the line; for a large CRL raise revocation_timeout_s."),
    "fetch.status": Reason(
        "Máy chủ trả lời lỗi", "The server answered with an error",
        "Báo tổ chức chứng thực; có thể nạp CRL bằng tay: lgsp trust crl.",
        "Tell the authority; meanwhile `lgsp trust crl` takes a file."),
    "fetch.redirect": Reason(
        "Máy chủ chuyển hướng sang địa chỉ khác", "The server points elsewhere",
        "Ghi địa chỉ mới vào crl_urls nếu đúng là của tổ chức chứng thực.",
        "Put the new address into crl_urls if it is the authority's."),
    "fetch.too_large": Reason(
        "Dung lượng vượt mức cho phép", "Larger than allowed",
        "Tăng revocation_max_bytes nếu CRL thật sự lớn như vậy.",
        "Raise revocation_max_bytes if the CRL really is that large."),
    "fetch.late": Reason(
        "Tổ chức chứng thực chưa phát hành bản mới", "Its authority is late: what it publishes has ended",
        "Hỏi tổ chức chứng thực.", "Ask the authority."),
    "fetch.unknown_issuer": Reason(
        "CRL không phải của tổ chức chứng thực nào được biết", "The CRL is of no authority known here",
        "Thêm chứng thư của tổ chức đó: lgsp trust add FILE --purpose intermediates.",
        "Add that authority's certificate: `lgsp trust add FILE --purpose intermediates`."),
})
# fmt: on


def reason(code: str) -> Reason:
    """Of whatever code: what nobody explained is shown as it is."""
    known = REASONS.get(code)
    if known is not None:
        return known
    rule = RULES.get(code)
    return Reason(code, code, "", "") if rule is None else Reason(rule.title_vi, rule.title_en, rule.remedy_vi, rule.remedy_en)
