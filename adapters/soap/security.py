"""WS-Security of outgoing messages: a user name, or a signature with an X.509 token.

Sources: OASIS SOAP Message Security 1.1 (sections 5, 8, 10), UsernameToken Profile 1.1, X.509 Certificate Token Profile 1.1
(3.1); XML Signature (W3C 2008), exclusive C14N 1.0.
"""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from adapters.soap.registration import Security
from adapters.soap.wsdl import WsdlError

LIFETIME_S = 300  # of a signed message: between two clocks and a queue

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_WSSE, _WSU = f"{_OASIS}wssecurity-secext-1.0.xsd", f"{_OASIS}wssecurity-utility-1.0.xsd"
_BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"
_USERNAME_TOKEN = f"{_OASIS}username-token-profile-1.0"
_X509_V3 = f"{_OASIS}x509-token-profile-1.0#X509v3"
_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_ID = f"{{{_WSU}}}Id"
_NAMES = {"wsse": _WSSE, "wsu": _WSU, "ds": _DSIG}


def secured(envelope: etree._Element, security: Security, secret: str, now: float, nonce: bytes) -> None:
    """Adds the Security block to the message. Raises WsdlError for a key or certificate that cannot be right."""
    match security.way:
        case "username" | "username-digest":
            _append_username(_block(envelope), security, secret, now, nonce)
        case "x509":
            _sign(envelope, _block(envelope), _key(secret), _certificate(security.certificate, secret), now)
        case _:
            pass


def _append_username(block: etree._Element, security: Security, secret: str, now: float, nonce: bytes) -> None:
    token = etree.SubElement(block, f"{{{_WSSE}}}UsernameToken")
    etree.SubElement(token, f"{{{_WSSE}}}Username").text = security.username
    password = etree.SubElement(token, f"{{{_WSSE}}}Password")
    if security.way == "username":
        password.text = secret
        password.set("Type", f"{_USERNAME_TOKEN}#PasswordText")
        return
    created = _moment(now)
    digest = hashlib.sha1(nonce + created.encode() + secret.encode()).digest()  # noqa: S324 - the profile, 3.1, has no other
    password.text = base64.b64encode(digest).decode()
    password.set("Type", f"{_USERNAME_TOKEN}#PasswordDigest")
    etree.SubElement(token, f"{{{_WSSE}}}Nonce", EncodingType=_BASE64).text = base64.b64encode(nonce).decode()
    etree.SubElement(token, f"{{{_WSU}}}Created").text = created


def _sign(envelope: etree._Element, block: etree._Element, key: rsa.RSAPrivateKey, certificate: bytes, now: float) -> None:
    """Body and Timestamp."""
    timestamp = etree.SubElement(block, f"{{{_WSU}}}Timestamp", {_ID: "timestamp"})
    etree.SubElement(timestamp, f"{{{_WSU}}}Created").text = _moment(now)
    etree.SubElement(timestamp, f"{{{_WSU}}}Expires").text = _moment(now + LIFETIME_S)
    token = etree.SubElement(
        block, f"{{{_WSSE}}}BinarySecurityToken", {_ID: "token", "ValueType": _X509_V3, "EncodingType": _BASE64}
    )
    token.text = base64.b64encode(certificate).decode()
    body = envelope[-1]
    body.set(_ID, "body")
    signature = etree.SubElement(block, f"{{{_DSIG}}}Signature")
    info = etree.SubElement(signature, f"{{{_DSIG}}}SignedInfo")
    etree.SubElement(info, f"{{{_DSIG}}}CanonicalizationMethod", Algorithm=_EXCLUSIVE)
    etree.SubElement(info, f"{{{_DSIG}}}SignatureMethod", Algorithm=_RSA_SHA256)
    for name, element in (("body", body), ("timestamp", timestamp)):
        _append_reference(info, name, element)
    octets = _canonical(info)
    signed = key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    etree.SubElement(signature, f"{{{_DSIG}}}SignatureValue").text = base64.b64encode(signed).decode()
    pointer = etree.SubElement(etree.SubElement(signature, f"{{{_DSIG}}}KeyInfo"), f"{{{_WSSE}}}SecurityTokenReference")
    etree.SubElement(pointer, f"{{{_WSSE}}}Reference", URI="#token", ValueType=_X509_V3)


def _append_reference(info: etree._Element, name: str, element: etree._Element) -> None:
    reference = etree.SubElement(info, f"{{{_DSIG}}}Reference", URI=f"#{name}")
    transforms = etree.SubElement(reference, f"{{{_DSIG}}}Transforms")
    etree.SubElement(transforms, f"{{{_DSIG}}}Transform", Algorithm=_EXCLUSIVE)
    etree.SubElement(reference, f"{{{_DSIG}}}DigestMethod", Algorithm=_SHA256)
    digest = hashlib.sha256(_canonical(element)).digest()
    etree.SubElement(reference, f"{{{_DSIG}}}DigestValue").text = base64.b64encode(digest).decode()


def _block(envelope: etree._Element) -> etree._Element:
    """Of this message only: whoever receives it has to understand it."""
    soap = etree.QName(envelope).namespace
    header = envelope.find(f"{{{soap}}}Header")
    if header is None:
        header = etree.Element(f"{{{soap}}}Header")
        envelope.insert(0, header)
    return etree.SubElement(header, f"{{{_WSSE}}}Security", {f"{{{soap}}}mustUnderstand": "1"}, nsmap=_NAMES)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _moment(now: float) -> str:
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(now * 1000))).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=256)
def _key(secret: str) -> rsa.RSAPrivateKey:
    """base64 of PKCS #8 DER: a line, as every secret."""
    try:
        key = serialization.load_der_private_key(base64.b64decode(secret), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WsdlError("security=x509 needs a secret that is base64 of PKCS #8 DER, not encrypted") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise WsdlError("security=x509 signs with RSA")
    return key


@lru_cache(maxsize=256)
def _certificate(text: str, secret: str) -> bytes:
    """Raises WsdlError also where it is not that of the key: recipients would say only that the signature is wrong."""
    try:
        octets = base64.b64decode(text)
        public = load_der_x509_certificate(octets).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise WsdlError("security.certificate is no base64 of a certificate in DER") from None
    if public != _key(secret).public_key():
        raise WsdlError("security.certificate is not that of the key in the secret")
    return octets
