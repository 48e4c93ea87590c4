"""Compact JWS made wrong: characters, parts, and what stands in the header, changed by chance. Deterministic for a seed."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é"
_NAMES = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t#S256", "zip", "cty", "ALG", "al\u0000g")
_VALUES: tuple[Any, ...] = (
    "none", "None", "HS256", "RS256", "PS256", "ES256", "ES384", "Ed25519", "EdDSA", "", None, 0, True, [], {}, ["b64"], "other",
    {"kty": "oct", "k": "AAAA"}, "https://example.vn/k", ["MII="], "\ud800", 1e400,
)  # fmt: skip


def mutants(token: str, others: Sequence[str], seed: int, count: int) -> Iterator[str]:
    """`count` tokens that differ from `token`; `others` lend their parts."""
    chance, made = Random(seed), 0
    while made < count:
        mutant = token
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            mutant = chance.choice(_CHANGES)(mutant, others, chance)
        if mutant != token:
            made += 1
            yield mutant


def _replace(token: str, _: Sequence[str], chance: Random) -> str:
    at = chance.randrange(len(token) + 1)
    return token[:at] + chance.choice(_ALPHABET) + token[at + chance.choice((0, 1)) :]


def _cut(token: str, _: Sequence[str], chance: Random) -> str:
    at = chance.randrange(len(token) + 1)
    return token[:at] + token[at + chance.choice((1, 1, 2, 4, 43)) :]


def _exchange(token: str, others: Sequence[str], chance: Random) -> str:
    """A part of another token in the place of one of this."""
    parts, theirs = token.split("."), chance.choice(others).split(".")
    parts[chance.randrange(len(parts))] = chance.choice(theirs)
    return ".".join(parts)


def _header(token: str, _: Sequence[str], chance: Random) -> str:
    """Another header over the same rest."""
    first, dot, rest = token.partition(".")
    try:
        members = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
        members[chance.choice(_NAMES)] = chance.choice(_VALUES)
        text = json.dumps(members)
    except (ValueError, TypeError):
        return token
    if chance.random() < 0.3:  # a member stands twice
        text = f'{text[:-1]}, "{chance.choice(_NAMES[:3])}": {json.dumps(chance.choice(_VALUES[:10]))}}}'
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode() + dot + rest


_CHANGES: tuple[Callable[[str, Sequence[str], Random], str], ...] = (_replace, _cut, _exchange, _header)
