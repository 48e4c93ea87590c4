"""The kinds of message that the hub carries: models, code lists, catalogue, reading.

`find("case.file/1")` gives a `Kind`, `read_body(kind, octets, media_type)` a `Reading`, `KINDS` lists them all.
"""

from contracts.kinds.catalogue import KINDS, Kind, find, named
from contracts.kinds.reading import Reading, read_body

__all__ = ["KINDS", "Kind", "Reading", "find", "named", "read_body"]
