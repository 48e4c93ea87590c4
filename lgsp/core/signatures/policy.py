"""Which signatures a kind demands in this hub: the catalogue's rules, with the operator's in their place."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from contracts.kinds import KINDS
from contracts.signed import Rules, SigningRule

_encode = msgspec.json.Encoder(order="sorted").encode
_decoder = msgspec.json.Decoder(dict[str, tuple[SigningRule, ...]])


@dataclass(frozen=True, slots=True)
class Policy:
    """`rules` by kind. `version`: digest of all of them, kept with each verdict. `enforced` is False where verdicts are kept but
    nobody is refused: for the weeks in which partners learn to sign."""

    rules: Mapping[str, Rules]
    version: str
    enforced: bool = True

    def of(self, kind: str) -> Rules:
        return self.rules.get(kind, ())


def policy(overrides: Mapping[str, Rules] | None = None, enforced: bool = True) -> Policy:
    """`overrides`: rules of a kind in place of the catalogue's. Raises ValueError for a kind that does not exist."""
    unknown = set(overrides or ()) - set(KINDS)
    if unknown:
        raise ValueError(f"there is no kind {', '.join(sorted(unknown))}")
    rules = {key: kind.signed for key, kind in KINDS.items()} | dict(overrides or {})
    digest = hashlib.sha256(_encode([rules, enforced])).hexdigest()
    return Policy(rules, f"sha256:{digest}", enforced)


def read_overrides(octets: bytes) -> dict[str, Rules]:
    """JSON: kind to its list of rules, as `lgsp contract show KIND --json` prints them. Raises ValueError saying what is
    wrong."""
    try:
        return _decoder.decode(octets)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
