"""Senders prove what they were told: every receipt and refusal of the day, by the key of the hub's log alone."""

from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from contracts.receipt import Receipt, Refusal
from lgsp.core.log.answers import NotProved, check_receipt, check_refusal
from lgsp.core.log.note import NoteVerifier
from lgsp.demo.evidence import Proofs

_refusal = msgspec.json.Decoder(Refusal)


def prove(receipts: Iterable[Receipt], refusals: Sequence[tuple[str, str]], vkeys: Sequence[str]) -> Proofs:
    """`refusals`: the id of what was refused, and the refusal as signed (JWS); `vkeys`: of the log. Half a millisecond each."""
    keys = [NoteVerifier.of(one) for one in vkeys]
    problems_of_receipts = [_problem(one.message_id, partial(check_receipt, one, keys)) for one in receipts]
    problems_of_refusals = [_problem(one, partial(_check_signed, signed, keys)) for one, signed in refusals]
    return Proofs(
        receipts=len(problems_of_receipts),
        proved_receipts=problems_of_receipts.count(""),
        refusals=len(problems_of_refusals),
        proved_refusals=problems_of_refusals.count(""),
        wrong=tuple(one for one in (*problems_of_receipts, *problems_of_refusals) if one),
    )


def _problem(message_id: str, check: Callable[[], object]) -> str:
    try:
        check()
    except NotProved as error:
        return f"{message_id}: {error}"
    return ""


def _check_signed(signed: str, keys: Sequence[NoteVerifier]) -> None:
    check_refusal(_stated(signed), keys)


def _stated(signed: str) -> Refusal:
    """What the hub signed; that it did is not looked at here: the log proves it by itself. Raises NotProved."""
    try:
        _, payload, _ = signed.split(".")
        return _refusal.decode(urlsafe_b64decode(payload + "=="))
    except (ValueError, msgspec.MsgspecError) as error:
        raise NotProved(str(error)) from None
