"""What an adapter of a connected system promises. The hub owns what listens, limits and certificates; the adapter its client."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from contracts.agency import AgencyCode
from contracts.envelope import Envelope, Identifier
from contracts.outcome import Outcome
from contracts.replies import Reply


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and how a recipient wants its deliveries pushed. Comes from the directory only, never from a message."""

    adapter: str  # key of adapters.registry
    url: str
    secret: str = ""  # Standard Webhooks: "whsec_" + base64
    timeout_s: float = 30.0
    max_in_flight: int = 8
    retry_schedule_s: tuple[float, ...] | None = None  # None: the hub's schedule
    max_age_s: float | None = None  # how long one delivery is tried in all; None: the hub's
    enabled: bool = True
    replies: tuple[Reply, ...] = ()  # how to read its answers, before the adapter's own reading
    options: dict[str, str] = {}  # what this adapter wants to know besides, as its README says
    wsdl: str = ""  # of a SOAP service, with its schemas inside; stored, never fetched

    def __repr__(self) -> str:
        return f"Endpoint({self.adapter!r}, {self.url!r})"


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery on its way out. `delivery_id` is the same in every attempt: the recipient drops the second copy by it.

    `number`: of all deliveries from this sender to this recipient, dense from 1; None: from before they were counted.
    `order_key` and `identifiers` are those of the envelope completed by what the hub found in the body; the envelope itself is
    handed over as it was received.
    """

    delivery_id: int
    attempt: int  # the first is 1
    recipient: AgencyCode
    addressed_as: AgencyCode
    sequence: int
    envelope: Envelope
    order_key: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    number: int | None = None


class Files(Protocol):
    """Attachments of what is on its way out."""

    def read(self, digest: str) -> AsyncIterator[bytes]:
        """In pieces. Raises ContractError "attachment.unknown" for one that is gone."""
        ...


class DeliveryAdapter(Protocol):
    """Hands parcels to one kind of system. Raises only on a bug: everything the far side can say is an Outcome."""

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        """Bounded by `endpoint.timeout_s` in all."""
        ...

    async def close(self) -> None:
        """Ends pooled connections."""
        ...
