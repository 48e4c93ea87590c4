"""Refusals in the grammar of this bus: a letter for what is wrong, then where.

`N.` missing, `R.` out of range, `M.` invalid or not matching, `T.` of a wrong type. The stable code of the hub goes along in the
description, so that whoever reads the report finds the same refusal in the hub's own catalogue.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from adapters.answers import short
from adapters.edoc_soap.names import Action
from adapters.edoc_soap.report import Error
from contracts.errors import ContractError
from contracts.receipt import Refusal

MISSING, TOO_LONG, WRONG_TYPE = "missing", "longer than", "not a"  # how details begin that decide the letter

# Refusals that are about no element of the message: what the bus of the vendor says there.
_FIXED: Mapping[str, str] = MappingProxyType(
    {
        "envelope.id_reused": "M.Exist",
        "access.not_a_party": "M.DOCUMENT",
        "envelope.erased": "M.DOCUMENT",
        "delivery.recalled": "M.DOCUMENT",
        "attachment.too_large": "R.Attachment",
        "request.too_large": "R.Attachment",
        "body.too_large": "R.Attachment",
        "agency.code_malformed": "M.MessageHeader.To.OrganId",
        "soap.attachment_missing": "N.Manifest.Reference",
    }
)
_BY_FAMILY: Mapping[str, str] = MappingProxyType({"route": "M.MessageHeader.To.OrganId", "signature": "M.Signature"})
_PERMISSION = frozenset({"auth", "grant"})
_CONTAINERS = frozenset({"edXML", "EdXML", "edXMLEnvelope", "edXMLHeader", "edXMLBody", "Envelope", "Header", "Body"})
_MAX_PATH_CHARS = 200
_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")


def missing(path: str) -> ContractError:
    """`path` as "MessageHeader/Subject"."""
    return ContractError("body.invalid", f"/{path}", MISSING)


def too_long(path: str, limit: int) -> ContractError:
    return ContractError("body.invalid", f"/{path}", f"{TOO_LONG} {limit} characters")


def mismatch(path: str, detail: str) -> ContractError:
    return ContractError("body.invalid", f"/{path}", detail)


def wrong_type(path: str, what: str) -> ContractError:
    """`what`: "number", "date"."""
    return ContractError("body.invalid", f"/{path}", f"{WRONG_TYPE} {what}")


def error_of(refusal: Refusal, action: Action | None) -> Error:
    """The one error that a report of this refusal bears, in both languages."""
    detail = f": {short(refusal.detail)}" if refusal.detail else ""
    return Error(
        _code_of(refusal, action),
        f"[{refusal.code}] {refusal.title_vi}. {refusal.remedy_vi} | {refusal.title_en}{detail}. {refusal.remedy_en}",
    )


def _code_of(refusal: Refusal, action: Action | None) -> str:
    if refusal.code in _FIXED:
        return _FIXED[refusal.code]
    family = refusal.code.partition(".")[0]
    path = element_path(refusal.field)
    if refusal.code == "auth.sender_mismatch" and path:
        return f"M.{path}"
    if family in _PERMISSION:
        return "M.CheckSignature" if action in ("SendDocument", "UpdateTraces") else "M.CheckPermission"
    if family in ("body", "edxml", "envelope", "attachment") and path:
        return f"{_letter(refusal.detail)}.{path}"
    return _BY_FAMILY.get(family, f"M.{action or 'SoapAction'}")


def element_path(place: str) -> str:
    """ "/edXML/edXMLEnvelope/edXMLHeader/MessageHeader/To[2]/OrganId" as "MessageHeader.To.OrganId"."""
    steps = [found[0] for step in place.split("/") if (found := _STEP.match(step.rpartition(":")[2]))]
    return ".".join(step for step in steps if step not in _CONTAINERS)[:_MAX_PATH_CHARS]


def _letter(detail: str) -> str:
    if detail.startswith((MISSING, "required", "empty")):
        return "N"
    if detail.startswith((TOO_LONG, "more than")):
        return "R"
    return "T" if detail.startswith((WRONG_TYPE, "Expected")) else "M"
