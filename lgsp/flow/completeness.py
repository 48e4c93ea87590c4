"""Making a statement that names all messages of a pair in a period: reads the whole log, once, in bounded memory."""

from collections.abc import Callable, Sequence
from datetime import datetime

from lgsp.core.log.checkpoint import Checkpoint
from lgsp.core.log.completeness import PairReader, Shown, Statement
from lgsp.core.log.frontier import Frontier, append
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.tiles import inclusion_from, wanted_for_inclusion
from lgsp.errors import LgspError
from lgsp.ports import LogStore

LEAVES_AT_ONCE = 4096
_PROOFS_AT_ONCE = 256


class LogUnlike(LgspError):
    """The log as the journal has it is not the one that was signed."""


async def state(
    store: LogStore,
    pair: tuple[str, str],
    period: tuple[datetime, datetime],
    checkpoint: Checkpoint,
    note: str,
    tell: Callable[[int], None] = lambda _: None,
) -> Statement:
    """`pair`: sender and recipient; `period`: from, and until (excluded). `note`: the signed checkpoint. `tell` hears how many
    leaves were read. Raises LogUnlike when they do not make up the tree that was signed, JournalUnavailable."""
    reader = PairReader(*pair, *period)
    tree = Frontier()
    while tree.size < checkpoint.size:
        leaves = await store.log_leaves(tree.size, min(LEAVES_AT_ONCE, checkpoint.size - tree.size))
        if not leaves:
            break
        for index, leaf in enumerate(leaves, tree.size):
            reader.feed(index, leaf)
        tree = append(tree, [leaf_hash(leaf) for leaf in leaves]).after
        tell(tree.size)
    if (tree.size, tree.root) != (checkpoint.size, checkpoint.root):
        raise LogUnlike(f"the first {checkpoint.size} entries of the log are not those of the checkpoint")
    edges = [one for one in (reader.before, reader.after, checkpoint.size - 1) if one is not None and one >= 0]
    shown = await _shown(store, [*reader.inside, *edges], checkpoint.size)
    return Statement(
        sender=pair[0],
        recipient=pair[1],
        since=period[0],
        until=period[1],
        checkpoint=note,
        records=tuple(shown[index] for index in reader.inside),
        before=None if reader.before is None else shown[reader.before],
        after=None if reader.after is None else shown[reader.after],
        last=shown.get(checkpoint.size - 1),
    )


async def _shown(store: LogStore, indices: Sequence[int], size: int) -> dict[int, Shown]:
    """Leaves with their proofs; neighbours share what is read."""
    shown: dict[int, Shown] = {}
    asked = sorted(set(indices))
    for begin in range(0, len(asked), _PROOFS_AT_ONCE):
        some = asked[begin : begin + _PROOFS_AT_ONCE]
        hashes = await store.log_hashes(tuple({span for index in some for span in wanted_for_inclusion(index, size)}))
        for index in some:
            (leaf,) = await store.log_leaves(index, 1)
            shown[index] = Shown(index=index, leaf=leaf.decode(), hashes=inclusion_from(index, size, hashes))
    return shown
