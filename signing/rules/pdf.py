"""Of signatures in PDF (ISO 32000-2) and PAdES (EN 319 142-1)."""

from signing.rules.rule import Rows

ROWS: Rows = ()
