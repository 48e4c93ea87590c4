"""Recall, update and replacement of official documents, as QCVN 102:2016/BTTTT packets ask for them and answer.

Clauses 2.2.1 to 2.2.8 (Bussiness) for packets; codes 13, 15 and 16 for status packets. `ResponseFor` of a packet is no target: it
names the documents that this one answers, which stay in force.
"""

from collections.abc import Mapping
from types import MappingProxyType

from lxml import etree

from contracts.intents import MAX_REASON_CHARS, Action, Intent
from contracts.kinds.document import DocumentPacket, DocumentStatus
from contracts.kinds.edxml import child, children, files_inside, open_packet, references, text

_OF_PACKET: Mapping[int, Action] = MappingProxyType({1: "recall", 2: "update", 3: "replace"})
_OF_STATUS: Mapping[str, Action] = MappingProxyType({"13": "recall", "15": "recall_agreed", "16": "recall_refused"})


def packet_intent(body: DocumentPacket, octets: bytes) -> Intent | None:
    """None for a new document, and for one that replaces others at some of its addressees only: it is delivered beside them.

    A packet that names no earlier document means the one with its own DocumentId: so the common library recalls, and a document
    sent again is an update.
    """
    action = _OF_PACKET.get(body.business_type)
    if action is None:
        return None
    packet = open_packet(octets)
    replaced = _replacements(packet.business) if action == "replace" else ()
    documents = _everywhere(replaced, body) if replaced else (text(packet.business, "DocumentId") or body.document_id,)
    if not documents:
        return None
    return Intent(
        action=action,
        documents=documents,
        reason=(text(packet.business, "BussinessDocReason") or "")[:MAX_REASON_CHARS],
        complete=action != "recall" and files_inside(packet) >= max(1, references(packet)),
    )


def status_intent(body: DocumentStatus, _octets: bytes) -> Intent | None:
    """None for the codes by which a recipient reports how far it is, and for those that nobody has seen."""
    action = _OF_STATUS.get(body.status_code)
    if action is None:
        return None
    return Intent(action=action, documents=(body.document_id,), reason=(body.description or "")[:MAX_REASON_CHARS])


def _replacements(business: etree._Element | None) -> tuple[tuple[str, frozenset[str]], ...]:
    """Documents replaced, each with the bodies at which it is; no bodies: at all."""
    infos = children(child(business, "ReplacementInfoList"), "ReplacementInfo")
    return tuple((document, _bodies(info)) for info in infos if (document := text(info, "DocumentId")))


def _bodies(info: etree._Element) -> frozenset[str]:
    organs = children(child(info, "OrganIdList"), "OrganId")
    return frozenset(code for organ in organs if (code := (organ.text or "").strip()))


def _everywhere(replaced: tuple[tuple[str, frozenset[str]], ...], body: DocumentPacket) -> tuple[str, ...]:
    """Those replaced at every body that the packet is addressed to."""
    return tuple(dict.fromkeys(document for document, bodies in replaced if not bodies or bodies.issuperset(body.to_organs)))
