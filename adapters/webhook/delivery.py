"""Pushing parcels over HTTP. Everything the far side can do comes back as an outcome."""

import time
from collections.abc import Callable
from functools import lru_cache

from adapters.answers import outcome_of
from adapters.calling import Caller, Unanswered, deadline_in
from adapters.webhook import mapping
from contracts.adapter import Endpoint, Parcel
from contracts.outcome import Outcome, Retry

_BODY_PATIENCE_S = 2.0


class WebhookDelivery:
    """`clock`: Unix time in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._caller = clock, Caller()

    async def deliver(self, parcel: Parcel, endpoint: Endpoint) -> Outcome:
        try:
            keys = _keys_of(endpoint.secret)
        except ValueError as error:
            return Retry("delivery.internal", f"the endpoint is registered wrongly: {error}")
        request = mapping.request_of(parcel, keys, self._clock())
        try:
            answer = await self._caller.ask(
                "POST",
                endpoint.url,
                request.body,
                request.headers,
                deadline=deadline_in(endpoint.timeout_s),
                max_answer_bytes=mapping.MAX_ANSWER_BYTES,
                body_patience_s=_BODY_PATIENCE_S,  # mostly the status has decided
            )
        except Unanswered as trouble:
            return trouble.outcome
        return outcome_of(answer, self._clock(), endpoint.replies)

    async def close(self) -> None:
        await self._caller.close()


_keys_of = lru_cache(maxsize=4096)(mapping.keys_of)
