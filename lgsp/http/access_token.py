"""Access tokens: short-lived JWT (RFC 7519), HS256, signed with a key that every gateway process shares."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from contracts.agency import AgencyCode
from contracts.errors import ContractError
from lgsp.core.admission import CLOCK_SKEW

_ALGORITHM = "HS256"
_MAX_TOKEN_CHARS = 2048
_MAX_CACHED = 10_000


class AccessTokens:
    """Issues and verifies. What was verified once is remembered until it expires."""

    def __init__(self, key: bytes, issuer: str, life_s: int, clock: Callable[[], datetime]) -> None:
        self._key = OctKey.import_key(key)
        self._issuer = issuer
        self._clock = clock
        self.life_s = life_s
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock().timestamp()),
            # Of clocks of other gateways, for `iat`; a token's end is looked at to the second in `agency_of`.
            leeway=int(CLOCK_SKEW.total_seconds()),
            iss={"essential": True, "value": issuer},
            sub={"essential": True},
            exp={"essential": True},
        )
        self._verified: dict[str, tuple[AgencyCode, datetime]] = {}

    def issue(self, agency: AgencyCode, client_id: str) -> str:
        """A token for `life_s` seconds that speaks for exactly this agency."""
        now = self._clock()
        claims = {
            "iss": self._issuer,
            "sub": agency,
            "client_id": client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=self.life_s)).timestamp()),
        }
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])

    def agency_of(self, token: str) -> AgencyCode:
        """Raises ContractError "auth.invalid"."""
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            self._remember(token, known)
        agency, expires = known
        if expires <= self._clock():
            self._verified.pop(token, None)
            raise ContractError("auth.invalid", "Authorization", "the token has expired")
        return agency

    def _verify(self, token: str) -> tuple[AgencyCode, datetime]:
        if len(token) > _MAX_TOKEN_CHARS or not token.isascii():
            raise ContractError("auth.invalid", "Authorization", "not a token of this hub")
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
            self._claims.validate(claims)
        except (JoseError, ValueError):  # ValueError: base64 or UTF-8 that is none
            raise ContractError("auth.invalid", "Authorization", "not a valid token of this hub, or expired") from None
        return AgencyCode(claims["sub"]), datetime.fromtimestamp(claims["exp"], UTC)

    def _remember(self, token: str, verified: tuple[AgencyCode, datetime]) -> None:
        while len(self._verified) >= _MAX_CACHED:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = verified
