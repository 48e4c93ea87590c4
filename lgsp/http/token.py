"""POST /oauth/token: client credentials become a short-lived access token (RFC 6749, section 4.4)."""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from lgsp.core.log.record import Action
from lgsp.http.access_token import AccessTokens
from lgsp.http.answers import json_response
from lgsp.http.clients import MAX_ID_CHARS, MAX_SECRET_CHARS, CheckerBusy, Clients, Throttled
from lgsp.http.parties import is_operator
from lgsp.http.reading import check_type, read_body
from lgsp.http.routes import JSON, Answer, Body, Header, Route
from lgsp.http.services import Services
from lgsp.ports import Credential

FORM = "application/x-www-form-urlencoded"

_MAX_FORM_BYTES = 8 * 1024


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`client_id` and `client_secret` stand here or in the Authorization header (Basic), not in both."""

    grant_type: Literal["client_credentials"]
    client_id: Annotated[str, Meta(max_length=MAX_ID_CHARS)] | UnsetType = UNSET
    client_secret: Annotated[str, Meta(max_length=MAX_SECRET_CHARS)] | UnsetType = UNSET


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749, section 5.1. Send it as `Authorization: Bearer <access_token>`."""

    access_token: str
    expires_in: Annotated[int, Meta(description="seconds")]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme


class TokenError(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749, section 5.2."""

    error: Literal["invalid_request", "invalid_client", "unsupported_grant_type", "temporarily_unavailable"]
    error_description: str
    error_description_vi: str


class TokenRefused(Exception):
    """An answer of RFC 6749, section 5.2, on its way out."""

    def __init__(self, error: TokenError, status: int, retry_after_s: int = 0) -> None:
        self.error = error
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(error.error)


@dataclass(frozen=True, slots=True)
class _Client:
    client_id: str
    secret: str


class TokenEndpoint:
    def __init__(self, services: Services, tokens: AccessTokens, clients: Clients) -> None:
        self._clients = clients
        self._directory = services.directory
        self._log = services.log
        self._tokens = tokens
        self._clock = services.clock

    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/oauth/token",
                name="issueToken",
                tag="Access",
                summary="Exchange client credentials for an access token",
                public=self.post,
                headers=(
                    Header(name="Authorization", description="Basic, id and secret form-encoded (RFC 6749, section 2.3.1)"),
                ),
                body=Body(media={FORM: TokenRequest}),
                answers={
                    200: Answer(description="The token", media={JSON: Token}),
                    400: Answer(description="The request is not one for client credentials", media={JSON: TokenError}),
                    401: Answer(description="Unknown client or wrong secret", media={JSON: TokenError}),
                    429: Answer(
                        description="Too many failures for this client",
                        media={JSON: TokenError},
                        headers={"Retry-After": "seconds"},
                    ),
                    503: Answer(
                        description="Too many requests for tokens", media={JSON: TokenError}, headers={"Retry-After": "seconds"}
                    ),
                },
                refusals=("request.too_large", "request.media_type_unsupported", "request.timeout"),
            ),
        )

    async def post(self, request: web.Request) -> web.Response:
        try:
            token = await self._token(request)
        except TokenRefused as refused:
            headers = {"Cache-Control": "no-store"}
            if refused.status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="lgsp"'
            if refused.retry_after_s:
                headers["Retry-After"] = str(refused.retry_after_s)
            return json_response(refused.error, refused.status, headers)
        return json_response(token, headers={"Cache-Control": "no-store"})

    async def _token(self, request: web.Request) -> Token:
        check_type(request, FORM)
        form = _form(await read_body(request, _MAX_FORM_BYTES))
        if form.get("grant_type") != "client_credentials":
            raise _refused("unsupported_grant_type" if "grant_type" in form else "invalid_request")
        client = _client(request.headers.get("Authorization"), form)
        credential = await self._credential(client, request.remote or "")
        await self._note_operator(credential)
        return Token(access_token=self._tokens.issue(credential.agency, credential.client_id), expires_in=self._tokens.life_s)

    async def _credential(self, client: _Client, address: str) -> Credential:
        try:
            credential = await self._clients.by_secret(client.client_id, client.secret, address)
        except Throttled as throttled:
            raise TokenRefused(_ERRORS["throttled"], 429, throttled.retry_after_s) from None
        except CheckerBusy as busy:
            raise TokenRefused(_ERRORS["busy"], 503, busy.retry_after_s) from None
        if credential is None:
            raise _refused("invalid_client", 401)
        return credential

    async def _note_operator(self, credential: Credential) -> None:
        """Who may do everything does not come in unseen: it stands in the evidence log before the token leaves. Raises
        JournalUnavailable."""
        agency = self._directory.current.agencies.get(credential.agency)
        if agency is not None and is_operator(agency):
            await self._log.note([Action(at=self._clock(), name="login", by=credential.client_id, subject=credential.agency)])


_ERRORS = {
    "invalid_request": TokenError(
        error="invalid_request",
        error_description="send grant_type=client_credentials and one set of client credentials, each parameter once",
        error_description_vi="gửi grant_type=client_credentials và một bộ thông tin xác thực, mỗi tham số một lần",
    ),
    "unsupported_grant_type": TokenError(
        error="unsupported_grant_type",
        error_description="grant_type must be client_credentials",
        error_description_vi="grant_type phải là client_credentials",
    ),
    "invalid_client": TokenError(
        error="invalid_client",
        error_description="unknown client, wrong secret, or disabled",
        error_description_vi="mã định danh không tồn tại, khóa bí mật sai hoặc đã bị khóa",
    ),
    "throttled": TokenError(
        error="temporarily_unavailable",
        error_description="too many failed attempts for this client; wait for Retry-After",
        error_description_vi="quá nhiều lần sai cho mã định danh này; chờ hết thời gian nêu trong Retry-After",
    ),
    "busy": TokenError(
        error="temporarily_unavailable",
        error_description="too many requests for tokens at once; wait for Retry-After",
        error_description_vi="quá nhiều yêu cầu cấp mã truy cập cùng lúc; chờ hết thời gian nêu trong Retry-After",
    ),
}


def _refused(error: str, status: int = 400) -> TokenRefused:
    return TokenRefused(_ERRORS[error], status)


def _form(octets: bytes) -> dict[str, str]:
    """Each parameter at most once (RFC 6749, section 3.2)."""
    try:
        pairs = parse_qsl(octets.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise _refused("invalid_request") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _refused("invalid_request")
    return form


def _client(authorization: str | None, form: dict[str, str]) -> _Client:
    """Either way of RFC 6749, section 2.3.1, never both."""
    in_form = "client_secret" in form
    if (authorization is not None) == in_form:
        raise _refused("invalid_request") if in_form else _refused("invalid_client", 401)
    client = _Client(form.get("client_id", ""), form["client_secret"]) if authorization is None else _from_basic(authorization)
    if "client_id" in form and form["client_id"] != client.client_id:
        raise _refused("invalid_request")
    if len(client.client_id) > MAX_ID_CHARS or len(client.secret) > MAX_SECRET_CHARS:
        raise _refused("invalid_client", 401)
    return client


def _from_basic(authorization: str) -> _Client:
    scheme, _, encoded = authorization.partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _refused("invalid_client", 401) from None
    client_id, colon, secret = pair.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _refused("invalid_client", 401)
    return _Client(unquote_plus(client_id), unquote_plus(secret))
