"""Of JWS (RFC 7515)."""

from signing.rules.rule import Rows

ROWS: Rows = ()
