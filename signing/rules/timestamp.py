"""Of time-stamps (RFC 3161)."""

from signing.rules.rule import Rows

ROWS: Rows = ()
