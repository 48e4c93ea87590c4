"""A little public key infrastructure for laptops, the demo and tests. Nothing in it has legal value, and every name says so."""

from lgsp.trust.demo_pki.authority import Holder
from lgsp.trust.demo_pki.pki import DEFAULT_BASE_URL, DemoPki, Revoked

__all__ = ["DEFAULT_BASE_URL", "DemoPki", "Holder", "Revoked"]
