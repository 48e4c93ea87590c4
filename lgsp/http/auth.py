"""Who is calling: a bearer token or a client certificate, and always exactly one agency."""

import hashlib
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from aiohttp import web

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp.core.directory import Agency
from lgsp.flow.directory import DirectoryCache
from lgsp.http.access_token import AccessTokens
from lgsp.ports import DirectoryStore

CALLER = web.RequestKey("caller", str)  # the key of the calling agency, once it is known

_MAX_CACHED = 10_000


class Authenticator(Protocol):
    """Turns a request into its caller."""

    async def caller(self, request: web.Request) -> Agency:
        """Raises ContractError "auth.missing", "auth.invalid" or "auth.agency_closed"."""
        ...

    def is_named(self, request: web.Request) -> bool:
        """Whether the request says who is calling, right or wrong."""
        ...


class AgencyAuthenticator:
    """A token, a certificate, or both if they belong to one agency.

    The TLS layer has checked the certificate's chain and dates (see `lgsp.http.server`); here it is only looked up.
    """

    def __init__(
        self, tokens: AccessTokens, store: DirectoryStore, directory: DirectoryCache, clock: Callable[[], datetime]
    ) -> None:
        self._tokens = tokens
        self._store = store
        self._directory = directory
        self._clock = clock
        self._owners: dict[str, AgencyCode | None] = {}
        self._owners_version = -1

    def is_named(self, request: web.Request) -> bool:
        return "Authorization" in request.headers or peer_certificate(request) is not None

    async def caller(self, request: web.Request) -> Agency:
        authorization = request.headers.get("Authorization")
        return await self.agency(request, None if authorization is None else self.agency_of(_bearer(authorization)))

    def agency_of(self, token: str) -> AgencyCode:
        """Raises ContractError "auth.invalid"."""
        return self._tokens.agency_of(token)

    async def agency(self, request: web.Request, code: str | None) -> Agency:
        """The agency whose code something in the request has proved (None: nothing has), if the connection's certificate does not
        say otherwise. Raises as `caller`."""
        certificate = peer_certificate(request)
        if code is None and certificate is None:
            raise ContractError("auth.missing", "Authorization")
        if certificate is not None:
            owner = await self._owner(certificate)
            if owner is None or (code is not None and code != owner):
                raise ContractError("auth.invalid", "Authorization", "the client certificate is not registered for this agency")
            code = owner
        assert code is not None
        return self._living(AgencyCode(code))

    def _living(self, code: AgencyCode) -> Agency:
        agency = self._directory.current.agencies.get(code)
        if agency is None:
            raise ContractError("auth.invalid", "Authorization", "its agency is not in the directory")
        if agency.closed_on is not None and agency.closed_on <= self._clock().date():
            raise ContractError("auth.agency_closed", "Authorization", f"closed on {agency.closed_on.isoformat()}")
        return agency

    async def _owner(self, certificate: bytes) -> AgencyCode | None:
        """Remembered as long as the directory does not change: registering a certificate raises its version."""
        version = self._directory.current.version
        if version != self._owners_version or len(self._owners) >= _MAX_CACHED:
            self._owners, self._owners_version = {}, version
        owners = self._owners  # of this version, though another request may begin a later one while this one waits
        fingerprint = hashlib.sha256(certificate).hexdigest()
        if fingerprint not in owners:
            owners[fingerprint] = await self._store.certificate_owner(fingerprint)
        return owners[fingerprint]


def peer_certificate(request: web.Request) -> bytes | None:
    """The caller's certificate as DER; None without TLS or without one."""
    transport = request.transport
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) if isinstance(tls, (ssl.SSLObject, ssl.SSLSocket)) else None


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ContractError("auth.invalid", "Authorization", "expected: Bearer <token>")
    return token.strip()
