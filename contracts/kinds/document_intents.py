"""Recall, update and replacement of official documents, as QCVN 102:2016/BTTTT packets ask for them and answer.

Clauses 2.2.1 to 2.2.8 (Bussiness) for packets; codes 13, 15 and 16 for status packets. `ResponseFor` of a packet is no target: it
names the documents that this one answers, which stay in force.
"""

from collections.abc import Mapping
from types import MappingProxyType

from contracts.edxml.model import Bussiness, ReplacementInfo
from contracts.edxml.read import read_packet
from contracts.intents import MAX_REASON_CHARS, Action, Intent
from contracts.kinds.document import DocumentPacket, DocumentStatus

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
    packet = read_packet(octets)
    bussiness = packet.trace.bussiness
    replaced = _replacements(bussiness) if action == "replace" else ()
    documents = _everywhere(replaced, body) if replaced else (bussiness.document_id or body.document_id,)
    if not documents:
        return None
    return Intent(
        action=action,
        documents=documents,
        reason=(bussiness.bussiness_doc_reason or "")[:MAX_REASON_CHARS],
        complete=action != "recall" and packet.complete,
    )


def status_intent(body: DocumentStatus, _octets: bytes) -> Intent | None:
    """None for the codes by which a recipient reports how far it is, and for those that nobody has seen."""
    action = _OF_STATUS.get(body.status_code)
    if action is None:
        return None
    return Intent(action=action, documents=(body.document_id,), reason=(body.description or "")[:MAX_REASON_CHARS])


def _replacements(bussiness: Bussiness) -> tuple[tuple[str, frozenset[str]], ...]:
    """Documents replaced, each with the bodies at which it is; no bodies: at all."""
    infos = bussiness.replacement_info_list.replacement_info if bussiness.replacement_info_list else ()
    return tuple((info.document_id, _bodies(info)) for info in infos if info.document_id)


def _bodies(info: ReplacementInfo) -> frozenset[str]:
    return frozenset(info.organ_id_list.organ_id if info.organ_id_list else ())


def _everywhere(replaced: tuple[tuple[str, frozenset[str]], ...], body: DocumentPacket) -> tuple[str, ...]:
    """Those replaced at every body that the packet is addressed to."""
    return tuple(dict.fromkeys(document for document, bodies in replaced if not bodies or bodies.issuperset(body.to_organs)))
