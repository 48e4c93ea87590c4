"""What the hub answers, in forms that prove it: receipts and refusals as compact JWS and as signed XML (XAdES).

A receipt is signed where it is asked for in that form; a refusal always, since who was refused may have to show it to somebody.
"Not now" (429, 503) is no refusal and is not signed: an overloaded hub has better things to do.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from contracts.kinds import find
from contracts.kinds.xml import to_xml
from contracts.receipt import Receipt, Refusal
from lgsp.core.log.record import SALT_BYTES
from lgsp.flow.refusals import RefusalLog
from lgsp.http.answers import accept_of, encode, json_response, preferred
from lgsp.http.routes import JOSE, JSON, XML
from lgsp.trust.keys import HubKeys, SigningUnavailable
from signing.profiles import ENVELOPE_XADES
from signing.xml_sign import sign_enveloped

RECEIPT_TYPE, REFUSAL_TYPE = "lgsp-receipt+jws", "lgsp-refusal+jws"  # `typ` of their headers
RECEIPT_FORMS: Mapping[str, Any] = {JSON: Receipt, JOSE: None, XML: None}  # the first is the default
_FORMS = tuple(RECEIPT_FORMS)
_WITHOUT_CERTIFICATE = (JSON, JOSE)
_PLAIN = ("", "*/*", JSON)  # Accept of nearly everybody
PROBLEM_TYPE = "application/problem+json"
KEYS_PATH = "/.well-known/jwks.json"
_NOT_SIGNED = (429, 503)


class Signed:
    """Belongs to one process; uses the keys that are current at the moment."""

    def __init__(self, keys: HubKeys, hub: AgencyCode, clock: Callable[[], datetime], refusals: RefusalLog | None = None) -> None:
        self._keys, self._hub, self._clock, self._refusals = keys, hub, clock, refusals

    def form(self, request: web.Request) -> str:
        """In which form a receipt is wanted; XML only where there is a certificate to sign it with."""
        accept = accept_of(request)
        if accept in _PLAIN:
            return JSON
        return preferred(accept, _FORMS if self._keys.can_sign_xml else _WITHOUT_CERTIFICATE)

    async def receipt(self, receipt: Receipt, form: str, status: int, headers: dict[str, str]) -> web.Response:
        """Raises SigningUnavailable: asked again, the same receipt is there."""
        if form == JSON:
            return json_response(receipt, status, headers)
        if form == JOSE:
            octets = (await self._keys.statement(encode(receipt), RECEIPT_TYPE)).encode()
        else:
            octets = await self._xml("receipt/1", receipt)
        return web.Response(body=octets, status=status, headers=headers | {"Content-Type": form})

    async def refusal(self, refusal: Refusal, caller: str, octets: bytes | None) -> tuple[Refusal, str | None]:
        """The refusal as it is signed and the compact JWS over it, which is None when it cannot be had: a refusal is given all
        the same. `octets`: what was refused, if it was read to its end."""
        if refusal.status in _NOT_SIGNED:
            return refusal, None
        stated = await self._stated(refusal, caller, octets)
        try:
            return stated, await self._keys.statement(encode(stated), REFUSAL_TYPE)
        except SigningUnavailable:
            return stated, None  # the keys have said so in the log

    async def refusal_in_xml(self, refusal: Refusal, request: web.Request, caller: str, octets: bytes | None) -> bytes | None:
        """The same as XML, where that is what the caller would rather have; else None."""
        accept = accept_of(request)
        if refusal.status in _NOT_SIGNED or accept in _PLAIN or not self._keys.can_sign_xml:
            return None
        if preferred(accept, (PROBLEM_TYPE, JSON, XML)) != XML:
            return None
        try:
            return await self._xml("refusal/1", await self._stated(refusal, caller, octets))
        except (SigningUnavailable, ContractError):  # ContractError: a detail with characters that XML cannot carry
            return None

    async def _stated(self, refusal: Refusal, caller: str, octets: bytes | None) -> Refusal:
        """Of which octets, of whom, by whom and when; on record where something was handed over and refused."""
        digest = None if octets is None else f"sha256:{hashlib.sha256(octets).hexdigest()}"
        stated = msgspec.structs.replace(refusal, sender=caller, hub=self._hub, received_digest=digest, refused_at=self._clock())
        if digest is None or self._refusals is None:
            return stated
        return msgspec.structs.replace(stated, log=await self._refusals.entry(stated, secrets.token_bytes(SALT_BYTES)))

    async def _xml(self, kind: str, model: msgspec.Struct) -> bytes:
        """The twin of the body, signed as XAdES-B. Raises SigningUnavailable, ContractError."""
        octets, now = to_xml(find(kind), model), self._clock()
        return await self._keys.with_certificate(lambda signer: sign_enveloped(octets, signer, now, ENVELOPE_XADES))
