"""A certificate, for people and for programs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def plain(text: str) -> str:
    """Strangers' text: it must not write lines of its own into the report, nor move the cursor or turn the reading direction."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def certificate_lines(one: "Certificate") -> str:
    from cryptography.hazmat.primitives.hashes import SHA256

    return (
        f"  Chủ thể · Subject: {plain(one.subject.rfc4514_string())}\n"
        f"  Nơi cấp · Issuer: {plain(one.issuer.rfc4514_string())}\n"
        f"  Số · Serial: {one.serial_number:x}\n"
        f"  Hiệu lực · In force: {one.not_valid_before_utc.isoformat()} – {one.not_valid_after_utc.isoformat()}\n"
        f"  SHA-256: {one.fingerprint(SHA256()).hex()}"
    )


def certificate_form(one: "Certificate") -> dict[str, Any]:
    from cryptography.hazmat.primitives.hashes import SHA256

    return {
        "subject": one.subject.rfc4514_string(),
        "issuer": one.issuer.rfc4514_string(),
        "serial": f"{one.serial_number:x}",
        "not_before": one.not_valid_before_utc,
        "not_after": one.not_valid_after_utc,
        "sha256": one.fingerprint(SHA256()).hex(),
    }
