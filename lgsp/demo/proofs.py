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
    of_receipts = [_problem(one.message_id, partial(check_receipt, one, keys)) for one in receipts]
    logged = [one for one in refusals if _is_logged(one[1])]
    of_refusals = [_problem(one, partial(_check_signed, signed, keys)) for one, signed in logged]
    return Proofs(
        receipts=len(of_receipts),
        proved_receipts=of_receipts.count(""),
        refusals=len(of_refusals),
        proved_refusals=of_refusals.count(""),
        unlogged_refusals=len(refusals) - len(logged),
        wrong_receipts=tuple(filter(None, of_receipts)),
        wrong_refusals=tuple(filter(None, of_refusals)),
    )


def _is_logged(signed: str) -> bool:
    """A refusal is given whether or not it could be written down in a moment."""
    try:
        return _stated(signed).log is not None
    except NotProved:
        return True  # whatever it is, it has to be proved


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
