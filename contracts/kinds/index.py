"""What a body is found by, and which lane its deliveries take.

Values are as received; `Identifier.key` is what is compared. An order key is composed text, so that the composed and the
decomposed form of one number share a lane.
"""

from collections.abc import Iterable
from typing import Protocol

from contracts.envelope import Identifier
from contracts.kinds.case import Alias, CaseTransfer
from contracts.kinds.delivery import DeliveryStatus
from contracts.kinds.document import DocumentPacket, DocumentStatus
from contracts.kinds.postal import PostalRegistration, PostalSettlement
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


class AboutMessage(Protocol):
    """A body of the hub about an envelope."""

    @property
    def message_id(self) -> str | None: ...


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


def registration_identifiers(body: PostalRegistration) -> tuple[Identifier, ...]:
    """As of a parcel, before there is one."""
    return Identifier("postal_order", body.order_number), Identifier("case", body.case_number or body.order_number)


def postal_order_key(body: OfParcel | PostalRegistration) -> str:
    """A leg is a child of its case: everything about one case to one recipient keeps its order."""
    return nfc(body.case_number or body.order_number)


def settlement_identifiers(body: PostalSettlement) -> tuple[Identifier, ...]:
    """Every order accounted for, so that the timeline of a case shows what was charged."""
    orders = (Identifier("postal_order", line.order_number) for line in body.lines)
    cases = (Identifier("case", line.case_number) for line in body.lines if line.case_number is not None)
    return _distinct((*orders, *cases))


def settlement_order_key(body: PostalSettlement) -> str:
    return f"settlement {nfc(body.customer_code)}"


def packet_identifiers(body: DocumentPacket) -> tuple[Identifier, ...]:
    """The number with its notation, "7816/VPCP-TTĐT", is how people ask for a document.

    Also found by the documents it updates, replaces or answers: their timeline shows it.
    """
    found = [Identifier("document", body.document_id), *(Identifier("document", one) for one in body.earlier)]
    if body.number and body.notation:
        found.append(Identifier("notation", f"{body.number}/{body.notation}"))
    return _distinct(found)


def status_identifiers(body: DocumentStatus) -> tuple[Identifier, ...]:
    notation = () if body.notation is None else (Identifier("notation", body.notation),)
    return (Identifier("document", body.document_id), *notation)


def document_order_key(body: DocumentPacket | DocumentStatus) -> str:
    return nfc(body.document_id)


def no_identifiers(_body: object) -> tuple[Identifier, ...]:
    return ()


def delivery_identifiers(body: DeliveryStatus) -> tuple[Identifier, ...]:
    return tuple(Identifier(one.scheme, one.value) for one in body.identifiers)


def message_order_key(body: AboutMessage) -> str | None:
    """All that the hub says about one envelope arrives in the order in which it was said."""
    return body.message_id


def _distinct(identifiers: Iterable[Identifier]) -> tuple[Identifier, ...]:
    return tuple(dict.fromkeys(identifiers))
