"""The one exception of this package: something handed over breaks a contract."""

import re

import msgspec

from contracts.problems import CATALOGUE, Problem

_NAMED = re.compile(r"(?:missing required|unknown) field `([^`]*)`")


class ContractError(ValueError):
    """What was handed over breaks a contract. Facts are attributes; the texts come from the catalogue.

    `code` is a key of `contracts.problems.CATALOGUE`, `field` a JSON-pointer-like path ("/recipients/0") or an XPath-like
    one for XML, `detail` a short technical addition in English that names values but never personal data or secrets.
    """

    def __init__(self, code: str, field: str = "", detail: str = "") -> None:
        self.code = code
        self.field = field
        self.detail = detail
        super().__init__(f"{code} at {field or '/'}: {detail or self.problem.title_en}")

    @property
    def problem(self) -> Problem:
        return CATALOGUE[self.code]


def what_and_where(error: msgspec.ValidationError) -> tuple[str, str]:
    """The library's "Expected `int` - at `$.items[0].size`" as its message and a JSON pointer, "/items/0/size".

    A field that is missing or unknown is pointed at itself, not at what it should be in.
    """
    what, _, path = str(error).partition(" - at `$")
    where = path.rstrip("`").replace("[...]", "").replace("[", "/").replace("]", "").replace(".", "/")
    named = _NAMED.search(what)
    return what, f"{where}/{named[1][:100]}" if named else where
