"""Of CMS (RFC 5652) and CAdES (EN 319 122-1)."""

from signing.rules.rule import Rows

ROWS: Rows = ()
