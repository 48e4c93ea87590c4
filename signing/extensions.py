"""One extension of a certificate (RFC 5280, 4.2), by its type."""

from typing import TypeVar

from cryptography import x509

Value = TypeVar("Value", bound=x509.ExtensionType)


def extension(certificate: x509.Certificate, kind: type[Value]) -> Value | None:
    """None: not there. Raises what `certificate.extensions` raises for one that cannot be read."""
    for one in certificate.extensions:
        if isinstance(one.value, kind):
            return one.value
    return None
