"""Outgoing SOAP keeps what every delivery adapter promises: over SOAP 1.1 with files inside, over SOAP 1.2 with files beside."""

import base64
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.soap.delivery import SoapDelivery
from adapters.soap.registration import MAX_FILES_BYTES
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from contracts.kinds.case import CaseFile
from contracts.kinds.examples import CASE_FILE
from tests.compliance.adapter_suite import CarryingSuite, Held
from tests.fakes.soap_system import OPTIONS, PASSWORD, WSDL, SoapSystem

CASE = next(example.body for example in CASE_FILE if isinstance(example.body, CaseFile))
RECIPIENT = AgencyCode("H01.20")


class SoapKit:
    status_decides = False
    may_read_bytes = MAX_FILES_BYTES
    options: Mapping[str, str] = OPTIONS

    def adapter(self, files: Files) -> DeliveryAdapter:
        return SoapDelivery(files)

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return SoapSystem()

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="soap", url=url, secret=PASSWORD, wsdl=WSDL, options=dict(self.options))

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        case = msgspec.structs.replace(CASE, abstract=f"Thửa số {number} <&> bản đồ ]]> 'trích' \"lục\"")
        envelope = Envelope(
            message_id=f"m-{number}",
            sender=AgencyCode("H01.15"),
            recipients=(RECIPIENT,),
            kind="case.file/1",
            created_at=datetime(2026, 11, 22, tzinfo=UTC),
            body=msgspec.json.encode(case),
            attachments=attachments,
        )
        return Parcel(
            delivery_id=number, attempt=1, recipient=RECIPIENT, addressed_as=RECIPIENT, sequence=number, envelope=envelope
        )

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        papers = tuple((one.name, files[one.digest]) for one in parcel.envelope.attachments)
        abstract = msgspec.json.decode(parcel.envelope.body, type=CaseFile).abstract
        return Held(f"LGSP-{parcel.delivery_id}", (CASE.case_number, CASE.applicant.name, abstract, papers))

    def holds(self, far: SoapSystem) -> Sequence[Held]:
        return [Held(name, _content(call.values["HoSo"])) for name, call in far.kept.items()]


def _content(case: Mapping[str, Any]) -> tuple[object, ...]:
    found = case.get("DanhSachTep", {}).get("Tep", [])
    papers = tuple((one["TenTep"], base64.b64decode(one["NoiDung"])) for one in (found if isinstance(found, list) else [found]))
    return (case["Ma_ho_so"], case["ChuHoSo"], case["TrichYeu"], papers)


class Soap12Kit(SoapKit):
    options: Mapping[str, str] = {**OPTIONS, "port": "CongThongTinMotCuaSoap12", "binary": "mtom"}


class TestSoap11(CarryingSuite):
    kit = SoapKit()


class TestSoap12WithMtom(CarryingSuite):
    kit = Soap12Kit()
