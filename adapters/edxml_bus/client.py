"""Calls of the national bus's client API: what it is asked, by whom."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.answers import Answer
from adapters.calling import Caller, Unanswered
from adapters.edxml_bus.headers import signed_headers

JSON = "application/json"
SMALL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Where the bus is, and as whom the hub is registered there."""

    url: str
    system_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is asked. The bus's own library posts "{}" where there is nothing to say in the body."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"{}", repr=False)
    content_type: str = JSON
    max_answer_bytes: int = SMALL_BYTES


def account(url: str, secret: str, options: Mapping[str, str]) -> Account:
    """Raises Unanswered "delivery.internal" for one that cannot be right."""
    system_id = options.get("systemid", "")
    if not system_id or not system_id.isascii() or not system_id.isprintable():
        raise Unanswered("delivery.internal", "the option systemid is missing: the id under which the bus knows this hub")
    return Account(url.rstrip("/"), system_id, secret)


def check(url: str, secret: str, options: Mapping[str, str], names: Collection[str]) -> None:
    """Whatever can be said of an endpoint or a feed before it is used; `names`: of its options. Raises ValueError, in words for
    whoever registers it."""
    unknown = options.keys() - set(names)
    if unknown:
        raise ValueError(f"there is no option {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    try:
        account(url, secret, options)
    except Unanswered as error:
        raise ValueError(error.detail) from None
    if not secret:
        raise ValueError("the bus signs by a secret: --secret-file FILE")


async def ask(caller: Caller, account: Account, operation: Operation, now: datetime, deadline: float) -> Answer:
    """`now`: aware; `deadline`: of the loop's clock. Raises Unanswered."""
    headers = signed_headers(operation.parameters, account.system_id, account.secret, now)
    headers |= {"Content-Type": operation.content_type, "Accept": JSON}
    return await caller.ask(
        "POST",
        f"{account.url}/{operation.name}",
        operation.body,
        headers,
        deadline=deadline,
        max_answer_bytes=operation.max_answer_bytes,
    )
