"""The entries between two signed checkpoints, from the journal: what was signed last is what comes out of them."""

from collections.abc import Iterator

from lgsp.core.audit.finding import Finding, finding
from lgsp.core.audit.tree import Check, Recomputed, hashed, numbered
from lgsp.core.log.checkpoint import Checkpoint
from lgsp.core.log.frontier import Frontier
from lgsp.core.log.merkle import leaf_hash
from lgsp.core.log.record import RecordInvalid, decode
from lgsp.core.log.tiles import hash_of, subtrees, wanted
from lgsp.journal.audit.rows import Source
from lgsp.journal.audit.run import Progress

_TABLE = "log_leaves"


def between(
    source: Source, begin: Checkpoint | None, end: Checkpoint | None, progress: Progress
) -> tuple[Frontier, list[Finding]]:
    """`begin` None: from the first entry on; `end` None: up to the last."""
    found: list[Finding] = []
    start = Frontier() if begin is None else _tree_at(source, begin, found)
    if found:
        return start, found
    limit = None if end is None else end.size - start.size
    checks = [] if end is None else [Check(end.size, end.root, "--to", f"size {end.size}")]
    recomputed = Recomputed(checks, start)

    def leaves() -> Iterator[bytes]:
        for number, octets in enumerate(numbered(source.leaves(start.size), start.size, found)):
            if limit is not None and number >= limit:
                return
            progress(_TABLE, 1)
            try:
                decode(octets)
            except RecordInvalid as error:
                found.append(finding("record.invalid", _TABLE, f"leaf_index {start.size + number}", found=error))
            yield octets

    for _ in recomputed.grow(hashed(leaves()), found):
        pass
    found += recomputed.ended()
    return recomputed.tree, found


def _tree_at(source: Source, begin: Checkpoint, found: list[Finding]) -> Frontier:
    """From the hashes that are kept; it is the one that was signed, or the findings say so."""
    parts = subtrees(0, begin.size)
    spans = wanted([parts])
    kept = {(level, index): octets for level, index, octets in source.hashes()}
    for span in spans:
        if span.level == 0:
            leaves = source.leaves(span.first)
            kept |= {(0, index): leaf_hash(octets) for (index, octets), _ in zip(leaves, range(span.length), strict=False)}
    try:
        tree = Frontier(begin.size, tuple(hash_of(part, kept) for part in parts))
    except KeyError as error:
        found.append(finding("checkpoint.ahead", "--from", f"size {begin.size}", found=f"no hash {error}"))
        return Frontier()
    if tree.root != begin.root:
        found.append(finding("checkpoint.differs", "--from", f"size {begin.size}", "", begin.root, tree.root))
    return tree
