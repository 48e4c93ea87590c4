"""What an endpoint's options say, held against its WSDL: a plan for one kind of message, or words for what is wrong. Pure.

An option may be for one kind only: `case.file:operation=...` counts for case.file, `operation=...` for all others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from adapters.soap.fields import Leaf, Node, check_places, meant, missing_in, parsed, places_of, tree_of
from adapters.soap.templates import Template
from adapters.soap.wsdl import Description, Operation, WsdlError, read_wsdl
from contracts.adapter import Endpoint
from contracts.errors import ContractError
from contracts.kinds import Kind, find
from contracts.kinds import named as named_kind

MAX_FILES_BYTES = 32 * 2**20  # of one delivery, together
ATTACHED, INLINE = "mtom", "inline"
_PACKET = "packet"
_FILES = frozenset({"file.content", _PACKET})  # places for which attachments are read

_NAMES = frozenset({"operation", "service", "port", "binary", "organid", "security", "security.username", "security.certificate"})
_ANSWER = frozenset({"answer.field", "answer.delivered", "answer.retry", "answer.reference"})
_HTTP_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110, 5.6.2
_OUR_HEADERS = frozenset({"connection", "content-length", "content-type", "host", "soapaction", "transfer-encoding"})
_PREFIXES = ("field.", "header.", "http.")
_SECURITY = ("none", "username", "username-digest", "x509")


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """`field`: the name of the element that says how it went, "" where being answered at all says it."""

    field: str = ""
    delivered: frozenset[str] = frozenset()
    retry: frozenset[str] = frozenset()
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Security:
    way: str = "none"
    username: str = ""
    certificate: str = ""  # base64 of DER


@dataclass(frozen=True, slots=True)
class Plan:
    """How messages of one kind are made for one endpoint, and how its answers are read."""

    kind: Kind
    operation: Operation
    fields: Node | Leaf
    headers: Node
    http: Mapping[str, Template]
    binary: str
    security: Security
    answer: AnswerRules
    wants_files: bool
    hop: str  # of the hub in the trace of packets; "" where none are wanted


def plan_of(description: Description, options: Mapping[str, str], kind_key: str) -> Plan:
    """Raises WsdlError saying what of the registration cannot be right, ContractError "kind.unknown" for no kind of ours."""
    kind = find(kind_key)
    own = options_of(kind, options)
    _check_names(own)
    operation = description.operation(own.get("operation", ""), own.get("service", ""), own.get("port", ""))
    fields = tree_of("field", own, operation, kind)
    headers = tree_of("header", own, operation, kind)
    http = {name.removeprefix("http."): parsed(name, text) for name, text in own.items() if name.startswith("http.")}
    for name, one in http.items():
        if not _HTTP_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS:
            raise WsdlError(f"http.{name}: no header that may be set")
        check_places(f"http.{name}", one, kind, "")
    assert isinstance(headers, Node)
    missing = missing_in(fields, operation.fields)
    if missing:
        raise WsdlError(f"{operation.name} demands {', '.join(missing)}, which no option field... fills")
    return Plan(
        kind=kind,
        operation=operation,
        fields=fields,
        headers=headers,
        http=http,
        binary=_one_of("binary", own.get("binary", INLINE), (INLINE, ATTACHED)),
        security=_security(own),
        answer=_answer(own),
        wants_files=not _FILES.isdisjoint(place.path for place in places_of(fields)),
        hop=_hop(own, fields),
    )


def check_endpoint(endpoint: Endpoint) -> None:
    """Raises WsdlError for what cannot be right. What stands for all kinds is held against each kind that is named; where none
    is, against the WSDL alone, for nobody said which kinds are meant."""
    if not endpoint.wsdl:
        raise WsdlError("it has no WSDL: --wsdl FILE")
    description = read_wsdl(endpoint.wsdl)
    named = sorted({name.partition(":")[0] for name in endpoint.options if ":" in name})
    for name in named:
        try:
            kind = named_kind(name)
        except ContractError as error:
            raise WsdlError(f"{name}: {error.detail or error.problem.title_en}") from None
        plan_of(description, endpoint.options, kind.key)
    if not named:
        _check_names(endpoint.options)
        description.operation(*(endpoint.options.get(one, "") for one in ("operation", "service", "port")))


def _hop(own: Mapping[str, str], fields: Node | Leaf) -> str:
    if all(place.path != _PACKET for place in places_of(fields)):
        return ""
    if not own.get("organid"):
        raise WsdlError("organid: a packet bears who handed it on, so the code that the hub goes by there is needed")
    return own["organid"]


def options_of(kind: Kind, options: Mapping[str, str]) -> dict[str, str]:
    """Those for all kinds, replaced by those for this one; where one field is given for this kind, all fields are its own."""
    general, own = {}, {}
    for name, value in options.items():
        before, colon, rest = name.partition(":")
        if not colon:
            general[name] = value
        elif before in (kind.key, kind.name):
            own[rest] = value
    for prefix in ("field", "header"):
        if any(name.split(".")[0] == prefix for name in own):
            general = {name: value for name, value in general.items() if name.split(".")[0] != prefix}
    return general | own


def _check_names(own: Mapping[str, str]) -> None:
    for name in own:
        if name not in _NAMES | _ANSWER | {"field"} and not name.startswith(_PREFIXES):
            known = sorted(_NAMES | _ANSWER | {f"{prefix}..." for prefix in _PREFIXES})
            raise WsdlError(f"there is no option {name}{meant(name, known)}; there are: {', '.join(known)}")


def _security(own: Mapping[str, str]) -> Security:
    way = _one_of("security", own.get("security", "none"), _SECURITY)
    found = Security(way, own.get("security.username", ""), own.get("security.certificate", ""))
    if way.startswith("username") and not found.username:
        raise WsdlError(f"security={way} needs security.username")
    if way == "x509" and not found.certificate:
        raise WsdlError("security=x509 needs security.certificate, base64 of DER")
    return found


def _answer(own: Mapping[str, str]) -> AnswerRules:
    delivered, retry = (frozenset(_words(own.get(f"answer.{name}", ""))) for name in ("delivered", "retry"))
    found = AnswerRules(own.get("answer.field", ""), delivered, retry, own.get("answer.reference", ""))
    if bool(found.field) != bool(delivered):
        raise WsdlError("answer.field and answer.delivered go together: where it stands, and which values mean yes")
    return found


def _words(text: str) -> Iterator[str]:
    return (word.strip().casefold() for word in text.split(",") if word.strip())


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise WsdlError(f"{name} is one of {', '.join(allowed)}, not {value}")
    return value
