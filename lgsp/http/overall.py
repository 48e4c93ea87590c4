"""One signed overall status of an envelope with many recipients, and the keys by which anybody verifies it."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from aiohttp import web

from contracts.agency import AgencyCode
from contracts.problems import CATALOGUE
from lgsp.core.directory import Agency
from lgsp.core.labels import LABELS
from lgsp.core.overall import Overall, overall_of
from lgsp.http.answers import accept_of, encode, json_response, preferred
from lgsp.http.lookup import PATH, PATHS, Lookup
from lgsp.http.routes import JOSE, JSON, Answer, Route
from lgsp.http.services import Services
from lgsp.http.signed import KEYS_PATH
from lgsp.http.status import StateLabel
from lgsp.ports import DeliveryRecord, EnvelopeRecord
from signing.jose import JwkSet

JWK_SET = "application/jwk-set+json"
STATUS_TYPE = "lgsp-status+jws"  # `typ` of its header


class DeliveryStanding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recipient. `ended_at` is missing while the delivery is open; the titles say the reason, else the state."""

    delivery_id: int
    recipient: str
    state: StateLabel
    title_vi: str
    title_en: str
    addressed_as: str = ""  # where the sender wrote another code
    ended_at: datetime | None = None
    reason: str = ""  # code of the catalogue


class OverallStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What this hub says of an envelope at `as_of`. `digest` is that of the receipt: it says which octets are meant."""

    hub: str
    sender: str
    message_id: str
    digest: str
    accepted_at: datetime
    as_of: datetime
    overall: Overall
    deliveries: tuple[DeliveryStanding, ...]


class OverallStatuses:
    def __init__(self, services: Services) -> None:
        self._lookup = Lookup(services)
        self._hub = services.settings.hub_code
        self._keys = services.keys
        self._clock: Callable[[], datetime] = services.clock

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path=PATH + "/status",
                name="getOverallStatus",
                tag="Following",
                summary="One signed status over all recipients, for the sender",
                description=f"A compact JWS (RFC 7515, Ed25519) with `typ` {STATUS_TYPE}, by a key of {KEYS_PATH};"
                " with `Accept: application/json` what it says, unsigned.",
                agency=self.status,
                paths=PATHS,
                answers={200: Answer(description="The status, signed", media={JOSE: None, JSON: OverallStatus})},
                refusals=("access.not_a_party",),
            ),
            Route(
                method="GET",
                path=KEYS_PATH,
                name="getKeys",
                tag="Following",
                summary="The public keys of this hub: the one that signs, those that did, and those that will",
                public=self.keys,
                answers={200: Answer(description="A JWK set (RFC 7517)", media={JWK_SET: JwkSet})},
            ),
        )

    async def status(self, request: web.Request, caller: Agency) -> web.Response:
        record = await self._lookup.of_sender(request, caller)
        status = overall_status(record, self._hub, self._clock())
        headers = {"Vary": "Accept", "Cache-Control": "no-store"}
        if preferred(accept_of(request), (JOSE, JSON)) == JSON:
            return json_response(status, headers=headers)
        token = await self._keys.statement(encode(status), STATUS_TYPE)
        return web.Response(body=token.encode(), headers={"Content-Type": JOSE, **headers})

    async def keys(self, request: web.Request) -> web.Response:
        return json_response(self._keys.jwks(), headers={"Content-Type": JWK_SET, "Cache-Control": "public, max-age=300"})


def overall_status(record: EnvelopeRecord, hub: AgencyCode, now: datetime) -> OverallStatus:
    """Of the sender's own list: copies for subscribers are none of its business."""
    envelope = record.envelope
    own = [one for one in record.deliveries if not one.copy]
    return OverallStatus(
        hub=hub,
        sender=envelope.sender,
        message_id=envelope.message_id,
        digest=record.digest,
        accepted_at=record.accepted_at,
        as_of=now,
        overall=overall_of(own, record.accepted_at),
        deliveries=tuple(_standing(one) for one in own),
    )


def _standing(one: DeliveryRecord) -> DeliveryStanding:
    problem = CATALOGUE.get(one.reason)
    title_vi, title_en = (problem.title_vi, problem.title_en) if problem else LABELS[one.state.label]
    return DeliveryStanding(
        delivery_id=one.delivery_id,
        recipient=one.recipient,
        state=one.state.label,
        title_vi=title_vi,
        title_en=title_en,
        addressed_as="" if one.addressed_as == one.recipient else one.addressed_as,
        ended_at=one.ended_at,
        reason=one.reason,
    )
