"""A call of this bus: which action, by whose token, about which document. Pure.

Clients in service frame it as `multipart/related` even where there are no files, put the token twice (a SOAP header of its own
and a child of the request, or the KeyInfo of the header block Signature), and quote SOAPAction or do not.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
from lxml import etree

from adapters.edoc_soap.lenient import read_leniently
from adapters.edoc_soap.names import ACTIONS, TOKEN_SCHEMA, Action
from contracts.edxml.names import SPACES
from contracts.edxml.tree import child, children, name_of, text
from contracts.errors import ContractError
from contracts.facade import Bearer, Credentials, Secret
from contracts.safe_xml import local_name
from contracts.soap.message import Message, Version, not_understood
from contracts.soap.mime import is_related, media_type_of, parameters_of

_BLOCKS = ("MessageHeader", "TraceHeaderList", "Signature", "CheckPermission", "Token")
_UNDERSTOOD = (
    *(f"{{{space}}}{name}" if space else name for space in SPACES for name in _BLOCKS),
    f"{{{TOKEN_SCHEMA}}}Token",
)
_MAX_TOKEN_CHARS = 2048
_JWT_BEGINS = "eyJ"  # what base64url makes of the beginning of any JSON object


class Request(msgspec.Struct, frozen=True):
    """`asked_as`: the action by the name that the caller used, which the reply repeats."""

    action: Action
    asked_as: str
    message: Message
    organ_id: str  # "" where nothing names it
    token: str = ""

    def __repr__(self) -> str:
        return f"Request({self.asked_as!r}, {self.organ_id!r})"

    def content(self, name: str) -> etree._Element | None:
        """The child of the SOAP body, if that is its name, whatever the namespace."""
        return next((one for one in self.message.body if local_name(one) == name), None)

    @property
    def document_id(self) -> int:
        """The number in a request for a document; 0 for none. Raises ContractError "body.invalid"."""
        written = next((_text(one, "DocumentId") for one in self.message.body), "")
        if written and not (written.isascii() and written.isdigit() and len(written) <= 18):
            raise ContractError("body.invalid", "/DocumentId", "not a number, as GetPendingDocumentIds lists them")
        return int(written or 0)


def named_action(headers: Mapping[str, str]) -> str:
    """SOAP 1.1: SOAPAction, quoted or not, at times a URI that ends in the name; SOAP 1.2: `action` of the content type.
    "" for none."""
    content_type = headers.get("Content-Type", "")
    named = headers.get("SOAPAction", "").strip().strip('"') or parameters_of(content_type).get("action", "")
    return named.rstrip("/").replace("#", "/").replace(":", "/").rpartition("/")[2]


def action_of(headers: Mapping[str, str]) -> tuple[Action, str]:
    """The action, and the name it was asked by. Raises ContractError "soap.operation_unknown"."""
    name = named_action(headers)
    if name not in ACTIONS:
        raise ContractError("soap.operation_unknown", "SOAPAction", f"{name[:60]!r} is none of {', '.join(ACTIONS)}")
    return ACTIONS[name], name


def version_in(headers: Mapping[str, str]) -> Version:
    """As the content type says it, for calls of which nothing else is at hand; SOAP 1.1 where it says nothing."""
    try:
        content_type = headers.get("Content-Type", "")
        inner = parameters_of(content_type).get("type", "") if is_related(content_type) else media_type_of(content_type)
    except ContractError:
        inner = ""
    return Version.SOAP_12 if inner.strip().lower() == Version.SOAP_12.media_type else Version.SOAP_11


def read_request(headers: Mapping[str, str], octets: bytes) -> Request:
    """Raises ContractError "soap.*", "request.media_type_unsupported" or "auth.invalid" (two tokens that differ)."""
    action, name = action_of(headers)
    message = read_leniently(headers.get("Content-Type", ""), octets)
    strange = not_understood(message, _UNDERSTOOD)
    if strange:
        raise ContractError("soap.must_understand", f"/Envelope/Header/{local_name(strange[0])}")
    claim = _claim(message)
    return Request(action, name, message, claim.organ_id, claim.token)


def read_without_files(headers: Mapping[str, str], octets: bytes) -> Request:
    """The same, of the message alone, so that who calls is known before anything is made of its files. It stands first, as all
    clients in service write it."""
    content_type = headers.get("Content-Type", "")
    return read_request(headers, _first_part(content_type, octets) if is_related(content_type) else octets)


def credentials_of(request: Request) -> Credentials:
    """A token of the hub (a JWT), "client id:secret", or the pair that such systems are configured with: their OrganId is the
    client id, their token the secret. Raises ContractError "auth.missing"."""
    token = request.token
    if not token:
        raise ContractError("auth.missing", "Token", "no Token in the request, in KeyInfo or in a SOAP header of its own")
    if token.startswith(_JWT_BEGINS) and token.count(".") == 2:
        return Bearer(token)
    client_id, colon, secret = token.partition(":")
    if colon and client_id and secret:
        return Secret(client_id, secret)
    if not request.organ_id:
        raise ContractError("auth.missing", "OrganId", "a token without the OrganId it belongs to")
    return Secret(request.organ_id, token)


class _Claim(NamedTuple):
    organ_id: str
    token: str


def _claim(message: Message) -> _Claim:
    holders = tuple(_holders(message))
    alone = (one for one in message.headers if one.tag == f"{{{TOKEN_SCHEMA}}}Token" or name_of(one) == "Token")
    tokens = {token for token in ((one.text or "").strip() for one in alone) if token}
    tokens |= {token for one in holders if (token := _text(one, "Token"))}
    if len(tokens) > 1:
        raise ContractError("auth.invalid", "Token", "two tokens that differ")
    token = next(iter(tokens), "")
    if len(token) > _MAX_TOKEN_CHARS:
        raise ContractError("auth.invalid", "Token", f"longer than {_MAX_TOKEN_CHARS} characters")
    organs = (_text(one, "OrganId") for one in (*holders, *_authors(message)))
    return _Claim(next((organ for organ in organs if organ), ""), token)


def _holders(message: Message) -> Iterator[etree._Element]:
    """What bears OrganId and Token: the request, the block CheckPermission, the KeyInfo of the block Signature."""
    yield from (one for one in message.body if local_name(one) not in ("Manifest", "Status"))
    yield from (one for one in message.headers if name_of(one) == "CheckPermission")
    for block in message.headers:
        if name_of(block) == "Signature":
            yield from children(block, "KeyInfo")


def _authors(message: Message) -> Iterator[etree._Element]:
    """Who wrote it, where nothing else names an OrganId."""
    for one in (*message.headers, *message.body):
        if name_of(one) in ("MessageHeader", "Status"):
            yield from children(one, "From")


def _text(parent: etree._Element, name: str) -> str:
    """Unqualified or of a schema of edXML: clients write all of them."""
    return text(child(parent, name)) or ""


def _first_part(content_type: str, octets: bytes) -> bytes:
    """With its frame."""
    boundary = b"--" + parameters_of(content_type).get("boundary", "").encode("utf-8", "replace")
    begin = octets.find(boundary)
    end = octets.find(b"\n" + boundary, begin + 1) if begin >= 0 else -1
    if end < 0:
        raise ContractError("soap.malformed", "", "no part, or no boundary behind the first one")
    return octets[begin:end] + b"\n" + boundary + b"--\r\n"
