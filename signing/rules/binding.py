"""Of whose a certificate is, and who had to sign."""

from signing.rules.rule import Rows

ROWS: Rows = ()
