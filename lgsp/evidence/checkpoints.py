"""The checkpoint that all proofs lead to: by whose key, cosigned by which witnesses, time-stamped by whom."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lgsp.core.log.checkpoint import SignedCheckpoint, open_checkpoint
from lgsp.core.log.note import NoteInvalid
from lgsp.core.log.policy import Policy, PolicyInvalid, parse_policy, satisfied
from lgsp.evidence.findings import Finding, ShownKey, State, Tree
from lgsp.evidence.given import Given
from signing.paths import NO_ANCHORS, Anchors
from signing.report import TimeStamp
from signing.timestamps import verify_stamp
from signing.trust import TrustBase

Shown = Finding | ShownKey
_PLACE = "log/checkpoint.txt"


Headed = tuple[Tree | None, list[Shown]]


def check_checkpoint(note: bytes, vkeys: Sequence[str], origin: str, witnesses: bytes, given: Given) -> Headed:
    """`vkeys`, `witnesses` (text of a policy): what the bundle says. The tree, if its head was signed by one of these keys."""
    try:
        inside = parse_policy(witnesses) if witnesses else None
        policy = given.policy or inside
        signed = _opened(note, vkeys, policy)
    except (NoteInvalid, PolicyInvalid) as error:
        return None, [Finding(what="checkpoint", state=State.WRONG, place=_PLACE, detail=str(error))]
    if signed.checkpoint.origin != origin:
        return None, [Finding(what="checkpoint", state=State.WRONG, place=_PLACE, detail="of another log than the manifest says")]
    found: list[Shown] = [*_by_whom(signed, given)]
    confirmed = any(isinstance(one, ShownKey) and one.confirmed for one in found)
    found += _cosigned(signed, policy, given)
    return Tree(signed.checkpoint.size, signed.checkpoint.root, confirmed), found


Tokens = Sequence[tuple[str, bytes]]


def check_stamps(note: bytes, tokens: Tokens, anchors: bytes, given: Given, now: datetime) -> Iterator[Finding]:
    """`tokens`: by their files; `anchors`: PEM, those that the bundle brings, which confirm nothing. Raises ValueError."""
    brought = given.time_stamps
    trusted = brought if brought.certificates else Anchors.of_pem(anchors) if anchors else NO_ANCHORS
    trust = TrustBase(time_stamps=trusted)
    for place, token in tokens:
        stamp = verify_stamp(token, note, trust, now)
        if isinstance(stamp, TimeStamp):
            state = State.FITS if brought.certificates else State.UNCONFIRMED
            yield Finding(what="stamp", state=state, place=place, detail=f"{stamp.at.isoformat()} {_authority(stamp)}")
        else:
            not_given = stamp.rule.code.startswith("path.")
            state = State.UNCONFIRMED if not_given else State.WRONG
            yield Finding(what="stamp", state=state, place=place, detail=f"{stamp.rule.code} {stamp.detail}".rstrip())


def _opened(note: bytes, vkeys: Sequence[str], policy: Policy | None) -> SignedCheckpoint:
    """By whichever of the keys signed it. Raises NoteInvalid."""
    wrong = NoteInvalid("the bundle names no key of the log")
    for vkey in vkeys:
        try:
            return open_checkpoint(note, vkey, () if policy is None else [one.key for one in policy.witnesses])
        except NoteInvalid as error:
            wrong = error
    raise wrong


def _by_whom(signed: SignedCheckpoint, given: Given) -> Iterator[Shown]:
    log = signed.log
    """By a key that was given as one of a log: what the hub signs its receipts with signs no heads."""
    named = {*given.log_keys, *(() if given.policy is None else (one.key for one in given.policy.logs))}
    confirmed = log in named
    told = f"{signed.checkpoint.size} {signed.checkpoint.root.hex()}"
    if confirmed:
        yield Finding(what="checkpoint", state=State.FITS, place=_PLACE, detail=told)
    elif named:
        yield Finding(what="checkpoint", state=State.WRONG, place=_PLACE, detail="signed by another key than the one given")
    else:
        yield Finding(what="checkpoint", state=State.UNCONFIRMED, place=_PLACE, detail=told)
    yield ShownKey(role="log", name=log.name, text=log.vkey, confirmed=confirmed)


def _cosigned(signed: SignedCheckpoint, policy: Policy | None, given: Given) -> Iterator[Shown]:
    """A quorum counts by the policy that was given; what the bundle says of witnesses is shown."""
    if policy is None or not policy.witnesses:
        yield Finding(what="witnesses", state=State.NOT_HERE, place=_PLACE)
        return
    reached = State.FITS if satisfied(policy, policy.witnessed_by(signed)) else State.WRONG
    state = reached if given.policy else State.NOT_HERE  # else an extra that nobody brought a measure for
    yield Finding(what="witnesses", state=state, place=_PLACE, detail=", ".join(sorted(policy.witnessed_by(signed))))
    for one in signed.cosigned:
        yield ShownKey(role="witness", name=one.by.name, text=one.by.vkey, confirmed=bool(given.policy))


def _authority(stamp: TimeStamp) -> str:
    return stamp.path.chain[0].subject.rfc4514_string() if stamp.path.chain else ""
