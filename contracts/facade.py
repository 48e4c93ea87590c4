"""What a facade promises: foreign systems call the hub in a protocol of their own, as if it were the bus they know.

A facade is a translator. The hub owns the listening, limits, time-outs, certificates and who may do what; it hands over a call
that was read whole, and lends a desk (`contracts.desk`) that acts for the one agency behind the call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from contracts.desk import Desk
from contracts.receipt import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A header or a parameter of the query. `schema` is a type that msgspec can describe."""

    name: str
    description: str
    schema: Any = str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, as the router and the OpenAPI document want it. `path` stands below the facade's prefix, in aiohttp's form.

    `body` and the values of `answers`: media type -> type that msgspec can describe (None: any octets); an empty `body`: none.
    `may_be_large`: a packet with files inside; others may have 1 MiB. `credentials_in_body`: who calls is not known before the
    body was read; elsewhere `Facade.credentials` is given a call without its body.
    """

    method: str
    path: str
    name: str
    summary: str
    headers: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    may_be_large: bool = False
    credentials_in_body: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, read whole. `headers` finds names in any case; `path` holds the variables of the operation's path."""

    operation: str  # its name
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`Content-Type` stands among the headers."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token of POST /oauth/token."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Secret:
    """A client id and its secret, in the clear over TLS. The system id that a bus gives a system is such a client id."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A client id, and HMAC-SHA256 over `message` under its secret, in UTF-8."""

    client_id: str
    message: bytes
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Nothing in the call itself: the client certificate of the connection says who it is."""


Credentials = Bearer | Secret | Keyed | Certificate


class Facade(Protocol):
    """One foreign protocol. Raises only ContractError and what its desk raises; anything else is a bug."""

    @property
    def name(self) -> str:
        """Key of adapters.registry.FACADES and word of the setting `facades`."""
        ...

    @property
    def prefix(self) -> str:
        """Where it is mounted, such as "/bus/vxp": existing clients are given this as their endpoint."""
        ...

    @property
    def operations(self) -> Sequence[Operation]: ...

    def credentials(self, call: Call) -> Credentials:
        """Who the call says it is; nothing of it is believed yet. Raises ContractError "auth.missing" or "auth.invalid"."""
        ...

    async def answer(self, call: Call, desk: Desk) -> Answer:
        """Does what the call asks. Raises ContractError, which comes back to `refuse`."""
        ...

    def refuse(self, call: Call, refusal: Refusal, signed: str | None) -> Answer:
        """The refusal in the protocol's own grammar, texts in both languages; the call comes without its body.

        `signed`: the same as the hub signed it, a compact JWS; None where nothing is signed: strangers, "not now", or the key is
        away.
        """
        ...
