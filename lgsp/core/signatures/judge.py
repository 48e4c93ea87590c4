"""May this envelope come in with these signatures? Pure: the policy's rules and the findings in, a refusal or none out."""

from collections.abc import Sequence

from contracts.errors import ContractError
from contracts.signed import PARTS, Part, Rules, SigningRule
from lgsp.core.signatures.finding import Finding
from signing.report import Integrity, Revocation, Trust, Verdict

PENDING = "signature.revocation_pending"
_PLACES: dict[Part, str] = {"envelope": "/signature", "body": "/body", "attachments": "/attachments"}


_MESSAGE = SigningRule(parts=PARTS, need="required", who="either", revocation_unknown="pass")


def judge(rules: Rules, findings: Sequence[Finding]) -> ContractError | None:
    """What the sender has to mend first; None: nothing. The code is PENDING where a rule says that the envelope is to be held.

    Each signature of a rule's parts must be in order, and one of them by who has to sign. Only then is an envelope held for a
    revocation that is not known: a sender does not come again and again for what is refused in the end.
    """
    for rule in rules:
        problem = _broken(rule, [one for one in findings if one.part in rule.parts])
        if problem is not None:
            return problem
    return None


def judge_message(finding: Finding) -> ContractError | None:
    """May what the signed message asks for be done? It has to be in order, by the caller's registered seal or official."""
    return _broken(_MESSAGE, [finding])


def _broken(rule: SigningRule, findings: Sequence[Finding]) -> ContractError | None:
    if rule.need == "recorded":
        return None
    if rule.need == "intact":
        changed = (one for one in findings if one.integrity == Integrity.NOT_INTACT)
        return next((_out_of_order(one, rule) for one in changed), None)
    if not findings:
        return _missing(rule) if rule.need == "required" else None
    for one in findings:
        problem = _out_of_order(one, rule)
        if problem is not None:
            return problem
    if not any(_by(one, rule) for one in findings):
        return ContractError("signature.wrong_signer", findings[0].place, _wrong(findings[0], rule))
    return next((_unknown(one, rule) for one in findings if one.revocation == Revocation.UNKNOWN), None)


def _missing(rule: SigningRule) -> ContractError:
    where = " or ".join(_PLACES[part] for part in rule.parts)
    return ContractError("signature.missing", _PLACES[rule.parts[0]], f"{where}, signed by {_WHO[rule.who]}")


def _out_of_order(one: Finding, rule: SigningRule) -> ContractError | None:
    if one.rules and one.rules[0].code == "signature.other_envelope":
        return ContractError("signature.other_envelope", one.place, one.rules[0].detail)
    if one.integrity != Integrity.INTACT:
        return ContractError("signature.not_verified", one.place, _told(one))
    if one.trust != Trust.TRUSTED:
        return ContractError("signature.not_trusted", one.place, _told(one))
    if one.revocation == Revocation.REVOKED:
        return ContractError("signature.revoked", one.place, _told(one))
    if one.verdict == Verdict.VERIFIED_WEAKLY:
        return ContractError("signature.too_weak", one.place, " ".join(one.weak))
    return None


def _unknown(one: Finding, rule: SigningRule) -> ContractError | None:
    if rule.revocation_unknown == "pass":
        return None
    code = PENDING if rule.revocation_unknown == "hold" else "signature.revocation_unknown"
    return ContractError(code, one.place, _told(one))


def _by(one: Finding, rule: SigningRule) -> bool:
    return rule.who == "anyone" or (one.bound and (rule.who == "either" or one.holder == rule.who))


def _wrong(one: Finding, rule: SigningRule) -> str:
    found = f"a registered {one.holder}" if one.bound else _told(one) or "not registered for the sender"
    return f"{_WHO[rule.who]} has to sign; found {found}"


_WHO = {
    "seal": "the sender's registered seal",
    "person": "an official registered for the sender",
    "either": "the sender's registered seal or an official registered for it",
    "anyone": "anybody",
}


def _told(one: Finding) -> str:
    """The first broken rule, by its code and in words."""
    if not one.rules:
        return ""
    rule = one.rules[0]
    return f"{rule.code}: {rule.title_en}" + "".join(f" ({part})" for part in (rule.place, rule.detail) if part)
