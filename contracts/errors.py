"""The one exception of this package: something handed over breaks a contract."""

from contracts.problems import CATALOGUE, Problem


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
