"""Why a CRL, an OCSP answer, a time-stamp or a cosignature could not be had, for people; what is wrong with one that came:
`signing.rules`."""

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
    "witness.log_unknown": Reason(
        "Nhân chứng không nhận nhật ký này", "The witness does not know this log, or not its key",
        "Gửi cho bên vận hành nhân chứng khóa của nhật ký (lgsp log vkey).",
        "Give whoever runs it the key of the log (lgsp log vkey)."),
    "witness.proof_refused": Reason(
        "Nhân chứng bác bỏ chứng minh nhất quán", "The witness refuses the proof of consistency",
        "Nhật ký có thể đã bị sửa hoặc khôi phục từ bản cũ: chạy lgsp log verify và hỏi bên vận hành nhân chứng.",
        "The log may have been changed, or put back from an old backup: run lgsp log verify, and ask whoever runs the witness."),
    "witness.ahead": Reason(
        "Nhân chứng đã xác nhận một nhật ký dài hơn", "The witness has cosigned a longer log",
        "Nếu lặp lại mãi: cơ sở dữ liệu là bản cũ. Khôi phục bản mới nhất.",
        "If it goes on: this database is an old one. Restore the newest."),
    "witness.conflict": Reason(
        "Nhân chứng biết một nhật ký khác", "The witness knows another log",
        "Nếu lặp lại mãi: so sánh điểm kiểm chứng với bên vận hành nhân chứng.",
        "If it goes on: compare checkpoints with whoever runs the witness."),
    "witness.signature": Reason(
        "Chữ ký của nhân chứng không đúng", "The witness's signature does not hold",
        "Kiểm tra khóa của nhân chứng trong witness_policy_file.", "See its key in witness_policy_file."),
    "witness.refused": Reason(
        "Nhân chứng trả lời lỗi", "The witness answered with an error",
        "Hỏi bên vận hành nhân chứng.", "Ask whoever runs it."),
    "witness.no_proof": Reason(
        "Không lập được chứng minh nhất quán cho nhân chứng", "There is no proof for the witness",
        "Chạy lgsp log verify.", "Run lgsp log verify."),
})
# fmt: on


def reason(code: str) -> Reason:
    """Of whatever code: what nobody explained is shown as it is."""
    known = REASONS.get(code)
    if known is not None:
        return known
    rule = RULES.get(code)
    return Reason(code, code, "", "") if rule is None else Reason(rule.title_vi, rule.title_en, rule.remedy_vi, rule.remedy_en)
