"""The kinds of message the hub knows. A kind has a version; a published version never changes and is never removed."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from contracts.envelope import Identifier
from contracts.errors import ContractError
from contracts.intents import Intent
from contracts.kinds import case, delivery, document, document_intents, examples, index, postal
from contracts.kinds.examples import Example
from contracts.receipt import Receipt, Refusal
from contracts.signed import DOCUMENT, ORDINARY, OWN, RESULT, SETTLEMENT, Rules

Role = Literal["desk", "agency", "post", "hub"]  # desk: receives cases from citizens; agency: decides or is told; hub: we

JSON = "application/json"
XML = "application/xml"
TWINS = frozenset({JSON, XML, "text/xml"})
EDXML = frozenset({XML, "application/edxml+xml", "text/xml"})


@dataclass(frozen=True, kw_only=True, eq=False)  # compared and cached as what it is: one entry of the catalogue
class Kind:
    """One version of one kind of message.

    `sender_roles` is the default for grants, `senders` says the same for people. `model` is the typed body; `media_types` are
    the forms it may take. `examples` are bodies as they occur, used by the published examples, the tests and people who start.
    """

    name: str
    version: int = 1
    model: type[msgspec.Struct]
    title_vi: str
    title_en: str
    source: str
    senders: str
    sender_roles: frozenset[Role]
    media_types: frozenset[str] = TWINS
    read_xml: Callable[[bytes], msgspec.Struct] | None = None  # for XML that is not the twin of the model
    identify: Callable[[Any], tuple[Identifier, ...]]
    order_key_of: Callable[[Any], str | None]
    signed: Rules = ORDINARY
    intent_of: Callable[[Any, bytes], Intent | None] | None = None  # of the model, and of the octets where it leaves things out
    examples: tuple[Example, ...] = field(repr=False)

    @property
    def key(self) -> str:
        """What an envelope's `kind` says, e.g. "case.file/1"."""
        return f"{self.name}/{self.version}"

    def identifiers(self, body: msgspec.Struct) -> tuple[Identifier, ...]:
        """The names that the case, document or parcel has in this body."""
        return self.identify(body)

    def default_order_key(self, body: msgspec.Struct) -> str | None:
        """The lane for senders that name none; None: no order to keep."""
        return self.order_key_of(body)

    def intent(self, body: msgspec.Struct, octets: bytes) -> Intent | None:
        """What this body asks of earlier messages. Most kinds ask nothing."""
        return None if self.intent_of is None else self.intent_of(body, octets)


_ALL = (
    Kind(
        name="case.file",
        model=case.CaseFile,
        title_vi="Hồ sơ chuyển đến cơ quan giải quyết",
        title_en="A case handed over to the deciding agency",
        source="DongBoHoSoMC; Decree 118/2025/NĐ-CP",
        senders="the receiving desk, or an agency that hands a case on",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.case_identifiers,
        order_key_of=index.case_order_key,
        examples=examples.CASE_FILE,
    ),
    Kind(
        name="case.transfer",
        model=case.CaseTransfer,
        title_vi="Chuyển hồ sơ sang cơ quan khác",
        title_en="A case passed on to another agency",
        source="Linked procedures; CapNhatTienDoHoSoMC for the fields of the step",
        senders="the agency that has the case",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.transfer_identifiers,
        order_key_of=index.case_order_key,
        examples=examples.CASE_TRANSFER,
    ),
    Kind(
        name="case.progress",
        model=case.CaseProgress,
        title_vi="Tiến độ xử lý hồ sơ",
        title_en="One progress line of a case",
        source="CapNhatTienDoHoSoMC",
        senders="the agency that did the step",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.case_identifiers,
        order_key_of=index.case_order_key,
        examples=examples.CASE_PROGRESS,
    ),
    Kind(
        name="case.supplement",
        model=case.CaseSupplement,
        title_vi="Yêu cầu và tiếp nhận bổ sung hồ sơ",
        title_en="Missing papers of a case: the request and the delivery",
        source="DanhSachHoSoBoSung of DongBoHoSoMC",
        senders="request: the deciding agency; delivery: the receiving desk",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.case_identifiers,
        order_key_of=index.case_order_key,
        examples=examples.CASE_SUPPLEMENT,
    ),
    Kind(
        name="case.result",
        model=case.CaseResult,
        title_vi="Kết quả giải quyết hồ sơ",
        title_en="The decision and result of a case",
        source="DanhSachGiayToKetQua and end dates of DongBoHoSoMC",
        senders="the deciding agency; the desk for the hand-over",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.case_identifiers,
        order_key_of=index.case_order_key,
        signed=RESULT,
        examples=examples.CASE_RESULT,
    ),
    Kind(
        name="postal.registration",
        model=postal.PostalRegistration,
        title_vi="Đăng ký sử dụng dịch vụ bưu chính công ích",
        title_en="Which public postal services the applicant chose",
        source="postDocument of the NGSP interface of Vietnam Post; Decision 45/2016/QĐ-TTg",
        senders="a desk or an agency with a postal contract",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.registration_identifiers,
        order_key_of=index.postal_order_key,
        examples=examples.POSTAL_REGISTRATION,
    ),
    Kind(
        name="postal.order",
        model=postal.PostalOrder,
        title_vi="Đơn thu gom hoặc chuyển phát",
        title_en="An order to collect or deliver a parcel",
        source="postOrder of the NGSP interface of Vietnam Post; Decision 45/2016/QĐ-TTg",
        senders="a desk or an agency with a postal contract",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.postal_identifiers,
        order_key_of=index.postal_order_key,
        examples=examples.POSTAL_ORDER,
    ),
    Kind(
        name="postal.event",
        model=postal.PostalEvent,
        title_vi="Hành trình bưu gửi",
        title_en="A tracking event of a parcel",
        source="getOrderTracking of the NGSP interface of Vietnam Post; UPU EMSEVT",
        senders="the postal service",
        sender_roles=frozenset({"post"}),
        identify=index.postal_identifiers,
        order_key_of=index.postal_order_key,
        examples=examples.POSTAL_EVENT,
    ),
    Kind(
        name="postal.cancel",
        model=postal.PostalCancel,
        title_vi="Hủy đơn bưu chính",
        title_en="A postal order withdrawn",
        source="cancelOrder of the NGSP interface of Vietnam Post",
        senders="who placed the order",
        sender_roles=frozenset({"desk", "agency"}),
        identify=index.postal_identifiers,
        order_key_of=index.postal_order_key,
        examples=examples.POSTAL_CANCEL,
    ),
    Kind(
        name="postal.settlement",
        model=postal.PostalSettlement,
        title_vi="Đối soát bưu chính trong ngày",
        title_en="The postal account of one day",
        source="Decision 45/2016/QĐ-TTg, article 11 (fees); COD of postOrder",
        senders="the postal service",
        sender_roles=frozenset({"post"}),
        identify=index.settlement_identifiers,
        order_key_of=index.settlement_order_key,
        signed=SETTLEMENT,
        examples=examples.POSTAL_SETTLEMENT,
    ),
    Kind(
        name="document.packet",
        model=document.DocumentPacket,
        title_vi="Gói tin văn bản điện tử",
        title_en="An official document as an edXML packet",
        source="QCVN 102:2016/BTTTT, amendment 1:2022",
        senders="an agency with a connected document system",
        sender_roles=frozenset({"agency"}),
        media_types=EDXML,
        read_xml=document.read_packet,
        identify=index.packet_identifiers,
        order_key_of=index.document_order_key,
        intent_of=document_intents.packet_intent,
        signed=DOCUMENT,
        examples=examples.DOCUMENT_PACKET,
    ),
    Kind(
        name="document.status",
        model=document.DocumentStatus,
        title_vi="Gói tin trạng thái văn bản",
        title_en="The status of an official document as an edXML packet",
        source="QCVN 102:2016/BTTTT, amendment 1:2022",
        senders="an agency with a connected document system",
        sender_roles=frozenset({"agency"}),
        media_types=EDXML,
        read_xml=document.read_status,
        identify=index.status_identifiers,
        order_key_of=index.document_order_key,
        intent_of=document_intents.status_intent,
        signed=DOCUMENT,
        examples=examples.DOCUMENT_STATUS,
    ),
    Kind(
        name="receipt",
        model=Receipt,
        title_vi="Biên nhận của trục",
        title_en="The hub has taken an envelope over",
        source="This hub",
        senders="the hub",
        sender_roles=frozenset({"hub"}),
        identify=index.no_identifiers,
        order_key_of=index.message_order_key,
        signed=OWN,
        examples=examples.RECEIPT,
    ),
    Kind(
        name="refusal",
        model=Refusal,
        title_vi="Thông báo từ chối của trục",
        title_en="The hub did not take an envelope over, and why",
        source="This hub; catalogue of refusals",
        senders="the hub",
        sender_roles=frozenset({"hub"}),
        identify=index.no_identifiers,
        order_key_of=index.message_order_key,
        signed=OWN,
        examples=examples.REFUSAL,
    ),
    Kind(
        name="delivery.status",
        model=delivery.DeliveryStatus,
        title_vi="Tình trạng giao thông điệp",
        title_en="What became of the deliveries of an envelope",
        source="This hub; catalogue of refusals",
        senders="the hub",
        sender_roles=frozenset({"hub"}),
        identify=index.delivery_identifiers,
        order_key_of=index.message_order_key,
        signed=OWN,
        examples=examples.DELIVERY_STATUS,
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.key: kind for kind in _ALL})


def find(kind: str) -> Kind:
    """Raises ContractError "kind.unknown" at /kind, naming what was probably meant."""
    known = KINDS.get(kind)
    if known is None:
        near = difflib.get_close_matches(kind[:100], KINDS, n=3)
        raise ContractError("kind.unknown", "/kind", f"near matches: {', '.join(near)}" if near else "")
    return known


def named(text: str) -> Kind:
    """As `find`, and a name without a version means the highest one. For people; an envelope always names its version."""
    versions = [kind for kind in KINDS.values() if kind.name == text]
    return max(versions, key=lambda kind: kind.version) if versions else find(text)
