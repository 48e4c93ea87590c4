"""Where in the log a record stands, and what shows that it does."""

import msgspec

from lgsp.core.log.frontier import Frontier


class Place(msgspec.Struct, frozen=True):
    """Leaf number `index` (the first is 0), in the tree of `size` leaves that its transaction left behind. `salt`: of the digests
    in it."""

    index: int
    size: int
    salt: bytes


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A record just committed, with its proof of inclusion in the tree `after`. `before`: the tree that the transaction found;
    who signs heads sees by both that the log only grew."""

    place: Place
    leaf: bytes
    hashes: tuple[bytes, ...]
    before: Frontier
    after: Frontier
