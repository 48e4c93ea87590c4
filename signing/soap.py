"""Messages signed by WS-Security (OASIS: SOAP Message Security 1.1, X.509 Certificate Token Profile 1.1), SOAP 1.1 and 1.2.

The Body is the Body of the Envelope, the only Security block of the Header holds one certificate, one signature and perhaps one
Timestamp, and nothing else. A signature refers to these by wsu:Id, and to blocks of WS-Addressing in the same Header; whatever it
does not cover is not handed on. Signatures inside the Body belong to the documents that the message carries.
"""

from datetime import datetime, timedelta

from lxml import etree

from signing.places import Located, Target, only_signature
from signing.profiles import DSIG, EXCLUSIVE_C14N, Presence, Profile, Soap
from signing.rules import Refused
from signing.times import date_time
from signing.xml import local_name, namespace

BODY, TIMESTAMP, TOKEN, ADDRESSING = "soap_body", "soap_timestamp", "soap_token", "soap_addressing"

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE, WSU = f"{_OASIS}wssecurity-secext-1.0.xsd", f"{_OASIS}wssecurity-utility-1.0.xsd"
X509_V3 = f"{_OASIS}x509-token-profile-1.0#X509v3"
BASE64_BINARY = f"{_OASIS}soap-message-security-1.0#Base64Binary"
_WSA = frozenset({"http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"})

ID = f"{{{WSU}}}Id"
_SECURITY, _BINARY_TOKEN = f"{{{WSSE}}}Security", f"{{{WSSE}}}BinarySecurityToken"
_TIMESTAMP, _CREATED, _EXPIRES = f"{{{WSU}}}Timestamp", f"{{{WSU}}}Created", f"{{{WSU}}}Expires"
_SIGNATURE, _KEY_INFO = f"{{{DSIG}}}Signature", f"{{{DSIG}}}KeyInfo"
_POINTER, _REFERENCE = f"{{{WSSE}}}SecurityTokenReference", f"{{{WSSE}}}Reference"
_TRANSFORMS = frozenset({(EXCLUSIVE_C14N,)})
_TOKEN_ATTRIBUTES = frozenset({ID, "ValueType", "EncodingType"})


def locate(root: etree._Element, soap: Soap, profile: Profile) -> Located:
    """Raises Refused `soap.*`, `key.info`, or what `only_signature` raises."""
    header, body = _header_and_body(root, soap)
    signature = only_signature(root, profile, content=body)
    token, timestamp = _security(header, signature, soap)
    _check_key_info(signature, token)
    parts = [(BODY, body), (TOKEN, token), *([] if timestamp is None else [(TIMESTAMP, timestamp)])]
    parts += [(ADDRESSING, one) for one in header if namespace(one) in _WSA]
    named = [(one.get(ID, ""), Target(what, one, _TRANSFORMS)) for what, one in parts]
    targets = {f"#{name}": target for name, target in named if name}
    if len(targets) < len([name for name, _ in named if name]):
        raise Refused("signature.duplicate_id", "Envelope", "two signed parts have one wsu:Id")
    required = tuple(target for _, target in named if target.what in (BODY, TIMESTAMP))
    return Located(signature, targets, required, (token.text or "").encode(), timestamp)


def _header_and_body(root: etree._Element, soap: Soap) -> tuple[etree._Element, etree._Element]:
    version = namespace(root) or ""
    if version not in soap.versions or [one.tag for one in (root, *root)] != [
        f"{{{version}}}{name}" for name in ("Envelope", "Header", "Body")
    ]:
        raise Refused("soap.envelope", local_name(root)[:40], "not an Envelope of one Header and one Body")
    return root[0], root[1]


def _security(header: etree._Element, signature: etree._Element, soap: Soap) -> tuple[etree._Element, etree._Element | None]:
    """The token and the Timestamp of the only Security block, which holds `signature`."""
    blocks = [one for one in header if local_name(one) == "Security"]
    if len(blocks) != 1 or blocks[0].tag != _SECURITY or signature.getparent() is not blocks[0]:
        raise Refused("signature.misplaced", "Security", "not one Security block that holds the signature")
    by_tag = {one.tag: one for one in blocks[0]}
    if len(by_tag) < len(blocks[0]) or not by_tag.keys() <= {_BINARY_TOKEN, _TIMESTAMP, _SIGNATURE}:
        raise Refused("soap.security", "Security", ", ".join(local_name(one)[:40] for one in blocks[0]))
    if not {f"{{{one}}}mustUnderstand" for one in soap.versions}.issuperset(map(str, blocks[0].keys())):
        raise Refused("soap.security", "Security", "is for another node")
    timestamp = by_tag.get(_TIMESTAMP)
    if timestamp is None and soap.timestamp is Presence.REQUIRED:
        raise Refused("soap.timestamp", "Security", "no Timestamp")
    if _BINARY_TOKEN not in by_tag:
        raise Refused("key.info", "Security", "no BinarySecurityToken")
    return by_tag[_BINARY_TOKEN], timestamp


def _check_key_info(signature: etree._Element, token: etree._Element) -> None:
    """That KeyInfo points to the token, which is an X.509 certificate (X.509 Token Profile 1.1, 3.1 and 3.2.1)."""
    if (
        len(token)
        or not _TOKEN_ATTRIBUTES.issuperset(token.keys())
        or not token.get(ID)
        or token.get("ValueType") != X509_V3
        or token.get("EncodingType", BASE64_BINARY) != BASE64_BINARY
    ):
        raise Refused("key.info", "BinarySecurityToken", "not an X.509 certificate in base64")
    reference = _only(_only(_only(signature, _KEY_INFO, 2), _POINTER), _REFERENCE)
    if reference.get("URI") != f"#{token.get(ID)}" or reference.get("ValueType", X509_V3) != X509_V3 or len(reference.keys()) > 2:
        raise Refused("key.info", "SecurityTokenReference", "does not point to the token")


def _only(element: etree._Element, tag: str, behind: int = 0) -> etree._Element:
    """The last child, which has this name and `behind` others before it."""
    if len(element) != behind + 1 or element[behind].tag != tag:
        raise Refused("key.info", "KeyInfo", "not one SecurityTokenReference with one Reference")
    return element[behind]


def check_time(located: Located, soap: Soap, skew_s: int, at: datetime) -> None:
    """SOAP Message Security 1.1, 10: in UTC, made not long ago, not expired. Raises Refused `soap.timestamp`."""
    if located.timestamp is None:
        return
    if [one.tag for one in located.timestamp] not in ([_CREATED], [_CREATED, _EXPIRES]):
        raise Refused("soap.timestamp", "Timestamp", "not Created and perhaps Expires")
    created, *expires = [date_time(one, "soap.timestamp") for one in located.timestamp]
    if any(one.tzinfo is None for one in (created, *expires)):
        raise Refused("soap.timestamp", "Timestamp", "without a zone")
    skew = timedelta(seconds=skew_s)
    if created > at + skew or created < at - timedelta(seconds=soap.max_age_s) - skew:
        raise Refused("soap.timestamp", "Created", f"{created.isoformat()}, checked at {at.isoformat()}")
    if expires and not created <= expires[0] >= at - skew:
        raise Refused("soap.timestamp", "Expires", f"{expires[0].isoformat()}, checked at {at.isoformat()}")
