"""Which parts of a message must be signed, by whom, and what happens when something cannot be known: policy, as data.

The law behind the defaults: Decree 30/2020/NĐ-CP, articles 5 and 12 (an electronic document bears the signature of who has the
authority and the organisation's seal); Decree 118/2025/NĐ-CP (results in electronic form are signed); Law on Electronic
Transactions 20/2023/QH15, articles 22 and 23.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

Part = Literal["envelope", "body", "attachments"]
Need = Literal["required", "checked", "intact", "recorded"]
Who = Literal["seal", "person", "either", "anyone"]
OnUnknown = Literal["refuse", "hold", "pass"]

PARTS: tuple[Part, ...] = ("envelope", "body", "attachments")


class SigningRule(msgspec.Struct, frozen=True, kw_only=True):
    """One demand of a kind.

    `parts`: any of them satisfies it; `envelope` is the sender's JWS over all of it, `body` a signature inside an XML body,
    `attachments` those inside PDF files and in CMS files beside them.
    `need`: required: one of the parts is signed and everything about it is in order; checked: what is signed is in order;
    intact: what is signed must not have been changed since; who signed, and whether that can be verified, is recorded;
    recorded: looked at and kept, never a reason to refuse.
    `who`: seal: the organisation's own certificate, registered for the sender; person: an official registered for the sender;
    either; anyone: any certificate that leads to an anchor, for papers that come from citizens and other offices.
    `revocation_unknown`: when no CRL or OCSP answer is fresh enough: refuse; hold: not taken over yet, the same bytes come again
    while the hub fetches; pass: accepted, and the verdict says so.
    """

    parts: Annotated[tuple[Part, ...], msgspec.Meta(min_length=1)]
    need: Need = "checked"
    who: Who = "seal"
    revocation_unknown: OnUnknown = "hold"


Rules = tuple[SigningRule, ...]

# What an agency signs is checked; papers that others signed are looked at.
ORDINARY: Rules = (
    SigningRule(parts=("envelope", "body"), who="either", revocation_unknown="pass"),
    SigningRule(parts=("attachments",), need="recorded", who="anyone", revocation_unknown="pass"),
)
# The result has legal effect: the deciding agency stands for it, and so it does for the papers it hands out.
RESULT: Rules = (
    SigningRule(parts=("envelope", "body"), need="required", who="seal"),
    SigningRule(parts=("attachments",), who="anyone"),
)
# Packets in service bear no signature of their own, or one that nobody can verify (SHA-1, cut certificates), and are signed in
# their PDF files, under roots that each province installs. So nothing that was changed passes, and all else is on record; who
# wants more than that demands it (`signature_policy_file`).
DOCUMENT: Rules = (
    SigningRule(parts=("envelope",), who="either", revocation_unknown="pass"),
    SigningRule(parts=("body", "attachments"), need="intact", who="anyone", revocation_unknown="pass"),
)
# Money is due by it. Held, not refused, while revocation is unknown: of a new signer the evidence arrives seconds later.
SETTLEMENT: Rules = (SigningRule(parts=("envelope", "body"), need="required", who="seal"),)
# What the hub says it signs by its own keys.
OWN: Rules = ()


_VI = {
    "envelope": "phong bì", "body": "nội dung", "attachments": "tệp đính kèm",
    "required": "phải ký", "checked": "nếu ký thì phải hợp lệ",
    "intact": "nếu ký thì không được bị sửa đổi", "recorded": "chỉ ghi nhận",
    "seal": "con dấu của cơ quan gửi", "person": "người có thẩm quyền của cơ quan gửi",
    "either": "con dấu hoặc người có thẩm quyền của cơ quan gửi", "anyone": "bất kỳ ai có chứng thư được tin cậy",
    "refuse": "chưa rõ thu hồi: từ chối", "hold": "chưa rõ thu hồi: chờ", "pass": "chưa rõ thu hồi: vẫn nhận",
}  # fmt: skip
_EN = {
    "envelope": "envelope", "body": "body", "attachments": "attachments",
    "required": "must be signed", "checked": "if signed, in order",
    "intact": "if signed, not changed since", "recorded": "only recorded",
    "seal": "the sender's seal", "person": "an official of the sender", "either": "the sender's seal or an official",
    "anyone": "anybody with a trusted certificate",
    "refuse": "revocation unknown: refused", "hold": "revocation unknown: held", "pass": "revocation unknown: taken",
}  # fmt: skip


def told(rule: SigningRule) -> tuple[str, str]:
    """A rule in words, Vietnamese and English."""
    return _sentence(rule, _VI, " hoặc "), _sentence(rule, _EN, " or ")


def _sentence(rule: SigningRule, words: Mapping[str, str], between: str) -> str:
    parts = between.join(words[part] for part in rule.parts)
    return f"{parts}: {words[rule.need]}; {words[rule.who]}; {words[rule.revocation_unknown]}"
