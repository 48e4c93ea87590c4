"""What the hub answers, in forms that prove it: receipts and refusals as compact JWS and as signed XML (XAdES).

A receipt is signed where it is asked for in that form; a refusal always, since who was refused may have to show it to somebody.
"Not now" (429, 503) is no refusal and is not signed: an overloaded hub has better things to do.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from contracts.agency import AgencyCode
from contracts.receipt import Receipt, Refusal
from lgsp.http.answers import accept_of, encode, json_response, preferred
from lgsp.http.routes import JOSE, JSON
from lgsp.trust.keys import HubKeys, SigningUnavailable

RECEIPT_TYPE, REFUSAL_TYPE = "lgsp-receipt+jws", "lgsp-refusal+jws"  # `typ` of their headers
_FORMS = (JSON, JOSE)  # the first is the default
RECEIPT_FORMS: Mapping[str, Any] = {JSON: Receipt, JOSE: None}
KEYS_PATH = "/.well-known/jwks.json"
_NOT_SIGNED = (429, 503)


class Signed:
    """Belongs to one process; uses the keys that are current at the moment."""

    def __init__(self, keys: HubKeys, hub: AgencyCode, clock: Callable[[], datetime]) -> None:
        self._keys, self._hub, self._clock = keys, hub, clock

    def form(self, request: web.Request) -> str:
        """In which form a receipt is wanted."""
        return preferred(accept_of(request), _FORMS)

    async def receipt(self, receipt: Receipt, form: str, status: int, headers: dict[str, str]) -> web.Response:
        """Raises SigningUnavailable: asked again, the same receipt is there."""
        if form == JSON:
            return json_response(receipt, status, headers)
        token = await self._keys.statement(encode(receipt), RECEIPT_TYPE)
        return web.Response(body=token.encode(), status=status, headers=headers | {"Content-Type": form})

    async def refusal(self, refusal: Refusal, caller: str, octets: bytes | None) -> tuple[Refusal, str | None]:
        """The refusal as it is signed (of which octets, of whom, by whom and when) and the compact JWS over it, which is None
        when it cannot be had: a refusal is given all the same. `octets`: what was refused, if it was read to its end."""
        if refusal.status in _NOT_SIGNED:
            return refusal, None
        digest = None if octets is None else f"sha256:{hashlib.sha256(octets).hexdigest()}"
        stated = msgspec.structs.replace(refusal, sender=caller, hub=self._hub, received_digest=digest, refused_at=self._clock())
        try:
            return stated, await self._keys.statement(encode(stated), REFUSAL_TYPE)
        except SigningUnavailable:
            return refusal, None  # the keys have said so in the log
