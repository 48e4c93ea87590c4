"""Orders, registrations and cancellations handed to Vietnam Post, each by itself: one that it will not have stops no other."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from adapters.calling import Unanswered, deadline_in
from adapters.vnpost.client import Account, Client, account_of, check
from adapters.vnpost.mapping import cancel_message_of, document_of, message_of
from adapters.vnpost.replies import accepted_of, outcome_of
from contracts.adapter import Endpoint, Parcel
from contracts.errors import ContractError
from contracts.kinds import find, read_body
from contracts.kinds.postal import PostalCancel, PostalOrder, PostalRegistration
from contracts.outcome import Outcome, Refused, Retry


class VnpostDelivery:
    """`options` of the endpoint: see README.md. `clock`: Unix time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._client = Client()

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        deadline = deadline_in(endpoint.timeout_s)
        try:
            account = account_of(endpoint.url, endpoint.secret, endpoint.options)
        except ValueError as error:
            return Retry("delivery.internal", f"the endpoint is registered wrongly: {error}")
        try:
            operation, message = request_of(parcel, account)
        except ContractError as error:
            return Refused("delivery.refused_by_recipient", f"{error.code} {error.field}: {error.detail}"[:300])
        try:
            answer = await self._client.post(account, operation, message, deadline)
        except Unanswered as error:
            return error.outcome
        return outcome_of(
            answer, self._clock(), endpoint.replies, accepted_of(endpoint.options), cancelling=operation == "cancel"
        )

    async def close(self) -> None:
        await self._client.close()


def check_endpoint(endpoint: Endpoint) -> None:
    """Raises ValueError, in words for whoever registers it."""
    check(endpoint.url, endpoint.secret, endpoint.options, "accepted")


def request_of(parcel: Parcel, account: Account) -> tuple[str, msgspec.Struct]:
    """Operation and message. Raises ContractError for a body that is none of ours or a kind that the post has no word for."""
    envelope, wrapped = parcel.envelope, account.shape == "lgsp"
    body: Any = read_body(find(envelope.kind), envelope.body, envelope.media_type).model
    match body:
        case PostalOrder():
            without = wrapped and body.item_code is None
            return "order_without_item" if without else "order", message_of(body, wrapped=wrapped)
        case PostalRegistration():
            return "document", document_of(body)
        case PostalCancel():
            return "cancel", cancel_message_of(body)
        case _:
            raise ContractError("kind.unknown", "/kind", f"{envelope.kind} is nothing that is handed to the post")
