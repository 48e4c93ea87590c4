"""What a body is found by, and which lane its deliveries take.

Values are as received; `Identifier.key` is what is compared. An order key is composed text, so that the composed and the
decomposed form of one number share a lane.
"""

from collections.abc import Iterable
from typing import Protocol

from contracts.envelope import Identifier
from contracts.kinds.case import Alias, CaseTransfer
from contracts.kinds.postal import PostalSettlement
from contracts.text import nfc


class OfCase(Protocol):
    """A body about one case."""

    @property
    def case_number(self) -> str: ...
    @property
    def aliases(self) -> tuple[Alias, ...]: ...


class OfParcel(Protocol):
    """A body about one leg of the post, or a line of one."""

    @property
    def order_number(self) -> str: ...
    @property
    def case_number(self) -> str | None: ...
    @property
    def item_code(self) -> str | None: ...


def case_identifiers(body: OfCase) -> tuple[Identifier, ...]:
    return (Identifier("case", body.case_number), *(Identifier(alias.scheme, alias.value) for alias in body.aliases))


def transfer_identifiers(body: CaseTransfer) -> tuple[Identifier, ...]:
    """Also those of the case inside, which may have more numbers than the sender of the transfer repeats."""
    own = case_identifiers(body)
    return own if body.case is None else _distinct((*own, *case_identifiers(body.case)))


def case_order_key(body: OfCase) -> str:
    return nfc(body.case_number)


def postal_identifiers(body: OfParcel) -> tuple[Identifier, ...]:
    """The order number is also looked up as a case number: in practice it is one."""
    found = [Identifier("postal_order", body.order_number), Identifier("case", body.case_number or body.order_number)]
    if body.item_code is not None:
        found.append(Identifier("postal_item", body.item_code))
    return tuple(found)


def postal_order_key(body: OfParcel) -> str:
    """A leg is a child of its case: everything about one case to one recipient keeps its order."""
    return nfc(body.case_number or body.order_number)


def settlement_identifiers(body: PostalSettlement) -> tuple[Identifier, ...]:
    """Every order accounted for, so that the timeline of a case shows what was charged."""
    return _distinct(Identifier("postal_order", line.order_number) for line in body.lines)


def settlement_order_key(body: PostalSettlement) -> str:
    return f"settlement {nfc(body.customer_code)}"


def _distinct(identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
    return tuple(dict.fromkeys(identifiers))
