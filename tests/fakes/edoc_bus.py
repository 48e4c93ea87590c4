"""A SOAP bus of the e-doc generation, with its habits: dispatch on SOAPAction, numeric ids, each trace handed out once,
attachments as base64 text whatever their headers say, duplicates of new documents refused. It misbehaves on demand.

Written over the standard library's MIME reader and lxml alone, so that it shares no mistakes with the adapter.

    python -m tests.fakes.edoc_bus --port 8095
    curl -s localhost:8095/misbehave -d '{"mood": "half answer", "times": 2}'

Or by the names that all fakes share, such as {"fail_next": 2}.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Literal, Self, get_args

from aiohttp import web
from lxml import etree

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SCHEMA = "http://www.e-doc.vn/Schema/"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_MAX_BYTES = 200 * 2**20
_ACTION = re.compile(r'action="?([^";]+)')

Mood = Literal[
    "well", "hang", "half answer", "garbage", "text", "fault", "server error", "hang up", "answer lost", "permission denied",
    "slow", "report without a flag", "duplicate",
]  # fmt: skip
_SHARED_NAMES: dict[str, Mood] = {
    "fail_next": "server error", "hang": "hang", "half_answer": "half answer", "garbage": "garbage", "text_reply": "text",
    "slow_s": "slow", "duplicate": "duplicate",
}  # fmt: skip
_ALWAYS = 10**9


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it came: header blocks, manifest, and the octets of each part by Content-ID."""

    header: etree._Element
    trace: etree._Element
    manifest: etree._Element
    parts: dict[str, tuple[str, bytes]]

    def text(self, *path: str) -> str:
        return _text(self.header, *path)

    @property
    def business_type(self) -> str:
        kinds = [
            one.text for one in self.trace.iter("*") if etree.QName(one).localname in ("BusinessDocType", "BussinessDocType")
        ]
        return (kinds[0] if kinds else None) or "0"

    @property
    def files(self) -> dict[str, bytes]:
        """By AttachmentName."""
        return {
            _text(one, "AttachmentName"): self.parts[(one.get(XLINK_HREF) or one.get("href") or "").removeprefix("cid:")][1]
            for one in self.manifest
        }


@dataclass(slots=True)
class EdocBus:
    """`organizations`: OrganId -> token. `mood` holds for the next `times` calls of `only` (None: of any action)."""

    organizations: dict[str, str] = field(
        default_factory=lambda: {"000.00.15.H01": "bcnLuU6YT8eaRCc8/9KAp3ebeq0=", "000.00.00.W29": "hub+token/of=W29"}
    )
    port: int = 0
    base64_text: bool = True
    qualified: bool = True  # whether what stands in a reply is of the schema too, and not its root alone
    documents: dict[int, Stored] = field(default_factory=dict)
    pending: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    traces: list[tuple[str, str]] = field(default_factory=list)  # OrganId it is for, record; removed when handed out
    got: list[tuple[str, etree._Element]] = field(default_factory=list)  # action, SOAP envelope
    updates: list[etree._Element] = field(default_factory=list)  # Status records it was sent
    encodings: list[set[str]] = field(default_factory=list)  # Content-Transfer-Encoding of the files of each call
    mood: Mood = "well"
    times: int = 0
    only: str | None = None
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/DynamicService"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BYTES)
        app.router.add_post("/services/DynamicService", self._serve)
        app.router.add_post("/misbehave", self._told_to)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._released.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def misbehave(self, mood: Mood, times: int = 1, only: str | None = None) -> None:
        self.mood, self.times, self.only = mood, times, only

    def put(self, stored: Stored, *organs: str) -> int:
        """A document that waits for these: its numeric id."""
        number = 1000 + len(self.documents) + 1
        self.documents[number] = stored
        for organ in organs:
            self.pending[organ].append(number)
        return number

    def calls(self, action: str) -> int:
        return sum(one == action for one, _ in self.got)

    async def _told_to(self, request: web.Request) -> web.Response:
        """{"mood": ..., "times": 2, "only": "GetTraces"}, or a name that all fakes share, with a number or true."""
        wish = json.loads(await request.text())
        for name in _SHARED_NAMES.keys() & wish.keys():
            wish |= {"mood": _SHARED_NAMES[name], "times": _ALWAYS if wish[name] is True else int(wish[name])}
        if wish.get("mood") not in get_args(Mood):
            return web.json_response({"moods": get_args(Mood), "or": list(_SHARED_NAMES)}, status=422)
        self.misbehave(wish["mood"], int(wish.get("times", 1)), wish.get("only"))
        return web.json_response(wish)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        root, parts, encodings = _read(request.headers["Content-Type"], await request.read())
        self.encodings.append(encodings)
        named = _ACTION.search(request.headers["Content-Type"])
        action = request.headers.get("SOAPAction", named[1] if named else "").strip('"')
        self.got.append((action, root))
        mood = self._mood_for(action)
        match mood:
            case "hang":
                await self._released.wait()
            case "slow":
                await asyncio.sleep(0.3)
            case "garbage":
                return web.Response(body=b"\x00\xff<html>Dang bao tri")
            case "text":
                return web.Response(text="Hệ thống đang bận, vui lòng thử lại sau", status=200)
            case "server error":
                return web.Response(text="java.lang.NullPointerException", status=500)
            case "fault":
                return _answer(
                    root,
                    f'<f:Fault xmlns:f="{SOAP_11}"><faultcode>f:Server</faultcode><faultstring>axis</faultstring></f:Fault>',
                    500,
                )
            case "hang up":
                assert request.transport is not None
                request.transport.abort()
            case "permission denied":
                return _answer(root, _wrapped(action, self._report(None)))
            case "report without a flag":
                return _answer(root, _wrapped(action, self._in_schema("Report", "")))
            case _:
                pass
        if mood == "duplicate":
            self.pending[_asked_by(root)] *= 2
        answer = self._act(action, root, parts)
        if mood == "half answer":
            return await _half(request, answer)
        if mood == "answer lost":
            assert request.transport is not None
            request.transport.abort()
        return answer

    def _mood_for(self, action: str) -> Mood:
        if self.times <= 0 or self.only not in (None, action):
            return "well"
        self.times -= 1
        return self.mood

    def _act(self, action: str, root: etree._Element, parts: dict[str, tuple[str, bytes]]) -> web.Response:
        header, body = root[0], root[-1]
        match action:
            case "SendDocument" | "SendMessage":
                return _answer(root, _wrapped(action, *self._send(header, body, parts)))
            case "UpdateTraces":
                return _answer(root, _wrapped(action, self._update(header, body)))
            case "CheckPermission":
                return _answer(root, _wrapped(action, self._report(*self._denied(header.find("CheckPermission")))))
        asked = body[0] if len(body) else None
        denied = self._denied(asked)
        if denied:
            return _answer(root, _wrapped(action, self._report(*denied)) if action != "GetDocument" else self._report(*denied))
        assert asked is not None
        organ, number = _text(asked, "OrganId"), int(_text(asked, "DocumentId") or 0)
        match action:
            case "GetPendingDocumentIds":
                ids = "".join(f"<DocumentId>{one}</DocumentId>" for one in self.pending[organ])
                return _answer(root, _wrapped(action, self._in_schema("DocumentIds", ids)))
            case "GetDocument":
                return self._document(root, organ, number)
            case "ConfirmReceived":
                self.pending[organ] = [one for one in self.pending[organ] if one != number]
                return _answer(root, _wrapped(action, self._report()))
            case "GetTraces":
                mine = [record for owner, record in self.traces if owner == organ]
                self.traces = [(owner, record) for owner, record in self.traces if owner != organ]
                return _answer(root, _wrapped(action, self._in_schema("Traces", "".join(mine))))
            case "GetOrganizations":
                found = "".join(f"<Organization><OrganId>{one}</OrganId></Organization>" for one in self.organizations)
                return _answer(root, _wrapped(action, self._in_schema("Organizations", found)))
            case _:
                return web.Response(status=500, text="Soap action not define !!!!!!!")

    def _send(self, header: etree._Element, body: etree._Element, parts: dict[str, tuple[str, bytes]]) -> tuple[str, ...]:
        """In the order of the vendor's bus: tags, signature, message header, trace list, attachments, duplicate, store."""
        message, trace, signature = (
            header.find(f"{{{SCHEMA}}}{name}") for name in ("MessageHeader", "TraceHeaderList", "Signature")
        )
        manifest = body.find(f"{{{SCHEMA}}}Manifest")
        if message is None or trace is None or manifest is None:
            return (self._report("N.MessageHeader"),)
        if denied := self._denied(None if signature is None else signature.find(f"{{{SCHEMA}}}KeyInfo")):
            return (self._report(*(one and one.replace("CheckPermission", "CheckSignature") for one in denied)),)
        stored = Stored(message, trace, manifest, parts)
        if not stored.text("Subject"):
            return (self._report("N.MessageHeader.Subject"),)
        if stored.business_type == "0" and any(
            one.text("DocumentId") == stored.text("DocumentId") for one in self.documents.values()
        ):
            return (self._report("M.Exist"),)
        receivers = [_text(to, "OrganId") for to in message.findall(f"{{{SCHEMA}}}To")]
        return self._report(), f'<e:DocumentId xmlns:e="{SCHEMA}">{self.put(stored, *receivers)}</e:DocumentId>'

    def _update(self, header: etree._Element, body: etree._Element) -> str:
        signature, status = header.find(f"{{{SCHEMA}}}Signature"), body.find("Status")
        if denied := self._denied(None if signature is None else signature.find(f"{{{SCHEMA}}}KeyInfo")):
            return self._report(*(one and one.replace("CheckPermission", "CheckSignature") for one in denied))
        if status is None:
            return self._report("M.UpdateTraces")
        self.updates.append(status)
        return self._report()

    def _document(self, root: etree._Element, organ: str, number: int) -> web.Response:
        stored = self.documents.get(number)
        allowed = stored is not None and organ in [
            _text(to, "OrganId") for to in stored.header if etree.QName(to).localname == "To"
        ]
        if stored is None or not allowed:
            return _answer(root, self._report("M.DOCUMENT"))
        blocks = "".join(etree.tostring(one, encoding="unicode") for one in (stored.header, stored.trace))
        envelope = _envelope(root, blocks, etree.tostring(stored.manifest, encoding="unicode"))
        return _multipart(envelope, stored.parts, text=self.base64_text)

    def _report(self, *codes: str | None) -> str:
        """Without a code: success. With None: refused without saying why, as this bus answers a wrong token."""
        errors = "".join(f"<Error><Code>{one}</Code><Description>refused</Description></Error>" for one in codes if one)
        flag = "false" if codes else "true"
        return self._in_schema("Report", f"<IsSuccess>{flag}</IsSuccess><ErrorList>{errors}</ErrorList>")

    def _in_schema(self, name: str, inside: str) -> str:
        if self.qualified:
            return f'<{name} xmlns="{SCHEMA}">{inside}</{name}>'
        return f'<e:{name} xmlns:e="{SCHEMA}">{inside}</e:{name}>'

    def _denied(self, asked: etree._Element | None) -> tuple[str | None, ...]:
        """The errors of a report, (None,) for the report without any; empty where it may."""
        if asked is None or not _text(asked, "OrganId") or not _text(asked, "Token"):
            return ("M.CheckPermission",)
        return () if self.organizations.get(_text(asked, "OrganId")) == _text(asked, "Token") else (None,)


def document_of(header: str, trace: str, manifest: str, files: dict[str, tuple[str, bytes]]) -> Stored:
    """From texts with the prefix edXML."""
    root = etree.fromstring(f'<r xmlns:edXML="{SCHEMA}">{header}{trace}{manifest}</r>')
    return Stored(root[0], root[1], root[2], files)


def _asked_by(root: etree._Element) -> str:
    return _text(root[-1][0], "OrganId") if len(root[-1]) else ""


def _text(parent: etree._Element, *path: str) -> str:
    for name in path:
        parent = next((one for one in parent if etree.QName(one).localname == name), etree.Element("none"))
    return (parent.text or "").strip()


def _read(content_type: str, body: bytes) -> tuple[etree._Element, dict[str, tuple[str, bytes]], set[str]]:
    if not content_type.startswith("multipart/"):
        return etree.fromstring(body), {}, set()
    whole = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP)
    found: list[tuple[str, str, bytes]] = []
    for part in whole.iter_parts():
        assert isinstance(part, EmailMessage)
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        found.append((str(part["Content-ID"] or "").strip().strip("<>"), part.get_content_type(), payload))
    _, *files = whole.iter_parts()
    encodings = {str(one["Content-Transfer-Encoding"]) for one in files}
    return etree.fromstring(found[0][2]), {name: (kind, octets) for name, kind, octets in found[1:]}, encodings


def _wrapped(action: str, *inner: str) -> str:
    return f'<edXML:{action}Response xmlns:edXML="{SCHEMA}">{"".join(inner)}</edXML:{action}Response>'


def _envelope(asked: etree._Element, header: str, body: str) -> bytes:
    version = etree.QName(asked).namespace
    return f'<s:Envelope xmlns:s="{version}"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'.encode()


def _answer(asked: etree._Element, body: str, status: int = 200) -> web.Response:
    kind = "text/xml" if etree.QName(asked).namespace == SOAP_11 else "application/soap+xml"
    return web.Response(body=_envelope(asked, "", body), status=status, headers={"Content-Type": f"{kind}; charset=UTF-8"})


def _multipart(envelope: bytes, parts: dict[str, tuple[str, bytes]], *, text: bool) -> web.Response:
    boundary = "MIMEBoundary_7f3b"
    lines = [f"--{boundary}\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n"
             "Content-ID: <0.7f3b@apache.org>\r\n\r\n".encode() + envelope]  # fmt: skip
    for name, (kind, octets) in parts.items():
        lines.append(
            f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{name}>\r\n\r\n".encode()
            + (base64.encodebytes(octets).replace(b"\n", b"\r\n") if text else octets)
        )
    content_type = f'multipart/related; boundary={boundary}; type="text/xml"; start="<0.7f3b@apache.org>"'
    return web.Response(body=b"\r\n".join(lines) + f"\r\n--{boundary}--\r\n".encode(), headers={"Content-Type": content_type})


async def _half(request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Promises all of it, sends half, hangs up."""
    assert isinstance(answer.body, bytes)
    half = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]})
    half.content_length = len(answer.body)
    await half.prepare(request)
    await half.write(answer.body[: len(answer.body) // 2])
    assert request.transport is not None
    request.transport.abort()
    return half


async def _run(port: int) -> None:
    async with EdocBus(port=port) as bus:
        print(f"A SOAP bus of the e-doc generation listens at {bus.url}")
        print("  OrganId and Token: " + ", ".join(f"{organ} {token}" for organ, token in bus.organizations.items()))
        print(f"  lgsp agency endpoint CODE {bus.url} --adapter edoc_soap --option organ_id=000.00.00.W29 --secret-file FILE")
        print(f"  lgsp agency feed CODE {bus.url} --adapter edoc_soap --option organ_id=000.00.15.H01 --secret-file FILE")
        print(
            f'  misbehaves on demand: curl {bus.url.rpartition("/services")[0]}/misbehave -d \'{{"mood": "hang", "times": 1}}\''
        )
        print(f"    moods: {', '.join(get_args(Mood))}; or {', '.join(_SHARED_NAMES)}")
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A SOAP bus of the e-doc generation that misbehaves on demand")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_run(parser.parse_args().port))


if __name__ == "__main__":
    main()
