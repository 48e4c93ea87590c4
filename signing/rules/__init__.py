"""The catalogue of rules a signature is refused by, as data: a code stable for ever, and both languages.

A text may be improved, a code may only be added. What is not allowed is refused, never ignored.
"""

from collections.abc import Mapping
from types import MappingProxyType

from signing.rules import binding, check, cms, jws, key, path, pdf, revocation, timestamp, xml
from signing.rules.rule import Rule

__all__ = ["RULES", "Refused", "Rule"]

_TABLES = (xml, cms, pdf, jws, key, path, revocation, timestamp, binding, check)

RULES: Mapping[str, Rule] = MappingProxyType({row[0]: Rule(*row) for table in _TABLES for row in table.ROWS})


class Refused(ValueError):
    """A rule is broken. `place`: where in the document, by names; `detail`: what was found there, never content."""

    def __init__(self, code: str, place: str = "", detail: str = "") -> None:
        super().__init__(f"{code} at {place or '/'}: {detail}")
        self.rule = RULES[code]
        self.place = place
        self.detail = detail
