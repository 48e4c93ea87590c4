"""Order is kept per lane: (recipient, order key). Only the head of a lane is ever published, so order needs no cooperation
from the broker and survives any number of workers, crashes, rebalances and replays."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

from contracts.text import identifier_key
from lgsp.core.lifecycle import State

Mode = Literal["push", "mailbox"]


def lane_of(recipient: str, order_key: str | None) -> int | None:
    """The lane as a signed 64-bit number; None for a delivery without order. A collision only orders two that need no order."""
    if order_key is None:
        return None
    octets = f"{recipient}\0{identifier_key(order_key)}".encode()
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "big", signed=True)


def shard_of(recipient: str, shards: int) -> int:
    """The shard queue of a recipient, 0..shards-1; the same in every process and release."""
    return int.from_bytes(blake2b(recipient.encode(), digest_size=4, person=b"shard").digest(), "big") % shards


def entry_state(mode: Mode, ahead: Sequence[State]) -> State:
    """Where a new delivery starts, given the open ones ahead in its lane.

    A push waits for all of them. A mailbox delivery joins others already in the mailbox, since the recipient lists them in order.
    """
    if mode == "push":
        return State.WAITING if ahead else State.READY
    return State.AVAILABLE if all(state is State.AVAILABLE for state in ahead) else State.WAITING
