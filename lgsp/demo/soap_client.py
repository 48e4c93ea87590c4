"""A commune's system that speaks SOAP 1.2 with the hub: messages as its WSDL describes them, document/literal."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from lxml import etree

from contracts import wire
from contracts.envelope import Envelope
from contracts.receipt import Receipt
from lgsp.demo.hub_client import Entry, HubClient, HubUnreachable, Problem, Reply

_LGSP, _SOAP = "urn:lgsp:soap:1", "http://www.w3.org/2003/05/soap-envelope"
_MEDIA_TYPE = "application/soap+xml; charset=utf-8"
_ANSWER_S = 30.0
_LISTS = frozenset({"recipients", "identifiers", "attachments", "deliveries"})
_MESSAGE = '<env:Envelope xmlns:env="{soap}"><env:Body><{name} xmlns="{lgsp}">{asked}</{name}></env:Body></env:Envelope>'

_encode = msgspec.json.Encoder().encode

Fields = Mapping[str, Any]  # text, fields, or a list of these


class SoapClient(HubClient):
    """Sends, lists, fetches and acknowledges over SOAP; files go by tus as ever."""

    road = "SOAP"

    async def send(self, octets: bytes) -> Reply:
        return await self.submit(wire.parse(octets))

    async def submit(self, envelope: Envelope) -> Reply:
        """The body travels in base64, whatever it is."""
        fields = msgspec.json.decode(wire.render(envelope)) | {"body_base64": base64.b64encode(envelope.body).decode()}
        fields.pop("body", None)
        try:
            answer = await self._ask("sendEnvelope", {"envelope": fields})
        except _Fault as fault:
            return fault.problem
        return msgspec.convert(_fields(answer)["result"], Receipt, strict=False)

    async def mailbox(self, limit: int, wait_s: float) -> list[Entry]:
        answer = await self._asked("listMailbox", {"limit": str(limit), "wait_s": f"{wait_s:g}"}, wait_s)
        return [Entry(delivery_id=int(_text(one, "delivery_id"))) for one in answer.iterfind("{*}result/{*}entries")]

    async def fetch(self, delivery_id: int) -> bytes:
        """In the JSON form, which the rest of this system works with."""
        (result,) = (await self._asked("fetchDelivery", {"delivery_id": str(delivery_id)})).iterfind("{*}result")
        fields = _fields(result)
        envelope = msgspec.convert(fields["envelope"], wire.WireEnvelope, strict=False)
        delivery = {"delivery_id": int(fields["delivery"]["delivery_id"]), "recipient": fields["delivery"]["recipient"]}
        return _encode({"delivery": delivery, "envelope": envelope})

    async def acknowledge(self, delivery_ids: Sequence[int]) -> None:
        await self._asked("acknowledge", {"items": [{"delivery_id": str(one)} for one in delivery_ids]})

    async def _asked(self, operation: str, fields: Fields, wait_s: float = 0.0) -> etree._Element:
        """What may not be refused. Raises HubUnreachable."""
        try:
            return await self._ask(operation, fields, wait_s)
        except _Fault as fault:
            raise HubUnreachable(f"{operation}: {fault.problem.code}") from None

    async def _ask(self, operation: str, fields: Fields, wait_s: float = 0.0) -> etree._Element:
        """The element that answers. Raises HubUnreachable or _Fault."""
        message = _MESSAGE.format(soap=_SOAP, lgsp=_LGSP, name=operation, asked=_written(fields)).encode()
        root = await self._exchanged(message, wait_s)
        if _problem(root, "auth.invalid"):  # a token that ran out: a fault comes as 400, where REST says 401
            self._authorization = ""
            root = await self._exchanged(message, wait_s)
        if problem := _problem(root):
            raise _Fault(problem)
        (found,) = root.iter(f"{{{_LGSP}}}{operation}Response")
        return found

    async def _exchanged(self, message: bytes, wait_s: float) -> etree._Element:
        answer = await self._signed_in("POST", "/soap", message, _MEDIA_TYPE, answer_s=wait_s + _ANSWER_S)
        return etree.fromstring(answer.octets)


class _Fault(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.code)


def _problem(root: etree._Element, code: str = "") -> Problem | None:
    """What a fault says; of this code only, where one is given."""
    found = next(root.iter(f"{{{_LGSP}}}problem"), None)
    problem = None if found is None else msgspec.convert(_fields(found), Problem, strict=False)
    return problem if problem is not None and code in ("", problem.code) else None


def _written(fields: Fields) -> str:
    return "".join(
        f"<{name}>{_written(one) if isinstance(one, Mapping) else escape(str(one))}</{name}>"
        for name, value in fields.items()
        for one in (value if isinstance(value, list | tuple) else (value,))
    )


def _fields(element: etree._Element) -> dict[str, Any]:
    """Children as they are named in JSON."""
    found: dict[str, Any] = {}
    for child in element:
        name = etree.QName(child).localname
        value = _fields(child) if len(child) else child.text or ""
        if name in _LISTS:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def _text(element: etree._Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
