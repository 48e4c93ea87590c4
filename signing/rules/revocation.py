"""Of CRL (RFC 5280, section 5) and OCSP (RFC 6960)."""

from signing.rules.rule import Rows

ROWS: Rows = ()
