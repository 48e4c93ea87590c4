"""Serves what the little PKI publishes: revocation lists, OCSP answers, time-stamps, its authorities' certificates."""

import binascii
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from lgsp.trust.demo_pki import authority, stamps
from lgsp.trust.demo_pki.pki import AGENCIES, INDEX, PERSONS, DemoPki

_LIST_LIFE = timedelta(days=1)
_ANSWER_LIFE = timedelta(hours=12)
_MAX_REQUEST_BYTES = 16 * 1024
_GIVEN = "application/timestamp-reply"


def make_app(pki: Callable[[], DemoPki], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> web.Application:
    """`pki`: as it is at this moment, so that a certificate withdrawn by another process is withdrawn here too."""
    served = _Served(pki, clock)
    app = web.Application(client_max_size=_MAX_REQUEST_BYTES)
    app.add_routes(
        [
            web.get("/crl/{issuer}.crl", served.crl),
            web.get("/authorities/{issuer}.cer", served.certificate),
            web.post("/ocsp/{issuer}", served.ocsp),
            web.get("/ocsp/{issuer}/{request:.+}", served.ocsp_by_get),
            web.post("/tsa", served.stamp),
        ]
    )
    return app


class Followed:
    """The PKI in a folder, read again when another process changed it. Raises as `DemoPki.load`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = 0
        self._pki: DemoPki | None = None

    def __call__(self) -> DemoPki:
        stamp = (self._folder / INDEX).stat().st_mtime_ns
        if self._pki is None or stamp != self._stamp:
            self._pki, self._stamp = DemoPki.load(self._folder), stamp
        return self._pki


class _Served:
    def __init__(self, pki: Callable[[], DemoPki], clock: Callable[[], datetime]) -> None:
        self._pki = pki
        self._clock = clock

    async def crl(self, request: web.Request) -> web.Response:
        try:
            octets = self._pki().crl(request.match_info["issuer"], self._clock(), _LIST_LIFE)
        except KeyError:
            raise web.HTTPNotFound from None
        return web.Response(body=octets, content_type="application/pkix-crl")

    async def certificate(self, request: web.Request) -> web.Response:
        holder = self._pki().holders.get(f"authorities/{request.match_info['issuer']}")
        if holder is None:
            raise web.HTTPNotFound
        return web.Response(body=holder.certificate.public_bytes(Encoding.DER), content_type="application/pkix-cert")

    async def ocsp(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["issuer"], await request.read())

    async def ocsp_by_get(self, request: web.Request) -> web.Response:
        """RFC 6960, appendix A.1."""
        try:
            asked = b64decode(unquote(request.match_info["request"]), validate=True)
        except binascii.Error:
            raise web.HTTPBadRequest from None
        return self._answer(request.match_info["issuer"], asked)

    def _answer(self, issuer: str, asked: bytes) -> web.Response:
        if issuer not in (AGENCIES, PERSONS):
            raise web.HTTPNotFound
        pki = self._pki()
        try:
            given = authority.ocsp_answer(
                ocsp.load_der_ocsp_request(asked),
                pki.holders[f"authorities/{issuer}"],
                pki.holders[f"services/ocsp-{issuer}"],
                pki.withdrawn(issuer),
                self._clock(),
                _ANSWER_LIFE,
            )
        except ValueError:
            given = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        return web.Response(body=given.public_bytes(Encoding.DER), content_type="application/ocsp-response")

    async def stamp(self, request: web.Request) -> web.Response:
        given = stamps.answer(await request.read(), self._pki().holders["services/time-stamps"], self._clock())
        return web.Response(body=given, content_type=_GIVEN)
