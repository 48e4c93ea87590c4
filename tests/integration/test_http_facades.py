"""What every facade gets from the hub, shown with one that speaks a tiny protocol of its own."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from yarl import URL

from contracts.agency import AgencyCode
from contracts.desk import Desk
from contracts.envelope import Attachment, Envelope, checked
from contracts.errors import ContractError
from contracts.facade import Answer, Bearer, Call, Credentials, Keyed, Operation, Secret
from contracts.receipt import Refusal
from lgsp.bootstrap.keys import token_key
from lgsp.core.directory import Agency, Alias, Grant
from lgsp.errors import SettingsError
from lgsp.http.client_secret import new_secret
from lgsp.ports import Credential
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, STRANGER, HttpHub, http_hub, progress

_JSON = {"Content-Type": "application/json"}
_KINDS = ("case.progress/1",)
ANCIENT = AgencyCode("VXP.01")


class Tiny:
    """`Who: bearer TOKEN | secret ID SECRET | mac ID HEX`; the body of POST /put is a body of case.progress/1."""

    name, prefix = "tiny", "/tiny"
    operations = (
        Operation(
            method="POST",
            path="/put/{number}",
            name="put",
            summary="Send",
            body={"application/json": None},
            answers={200: {"application/json": dict[str, Any]}},
            may_be_large=True,
        ),
        Operation(
            method="POST",
            path="/ask",
            name="ask",
            summary="Who calls stands in the body, as it were",
            may_be_large=True,
            credentials_in_body=True,
        ),
        Operation(method="POST", path="/do/{what}", name="do", summary="Everything else a desk can do"),
    )

    def credentials(self, call: Call) -> Credentials:
        match call.headers.get("Who", "").split():
            case ["bearer", token]:
                return Bearer(token)
            case ["secret", client_id, secret]:
                return Secret(client_id, secret)
            case ["mac", client_id, mac]:
                return Keyed(client_id, call.path.get("number", "").encode(), bytes.fromhex(mac))
            case _:
                raise ContractError("auth.missing", "Who")

    async def answer(self, call: Call, desk: Desk) -> Answer:
        if call.operation == "ask":
            return Answer(status=200, headers=_JSON, body=str(len(call.body)).encode())
        done = await (self._put(call, desk) if call.operation == "put" else self._do(call, desk))
        return Answer(status=200, headers=_JSON, body=json.dumps(done).encode())

    async def _put(self, call: Call, desk: Desk) -> Any:
        if call.body == b"a bug":
            raise RuntimeError("nobody foresaw this")
        digest = await desk.keep(b"the file " + call.body)
        submitted = await desk.submit(
            checked(
                Envelope(
                    message_id=f"tiny-{call.path['number']}",
                    sender=desk.caller,
                    recipients=(AgencyCode(call.query.get("to", LAND_OFFICE)),),
                    kind=_KINDS[0],
                    created_at=datetime(2026, 11, int(call.query.get("day", "18")), tzinfo=UTC),
                    body=call.body,
                    attachments=(Attachment(digest=digest, size_bytes=len(call.body) + 9),),
                )
            )
        )
        return {"sequence": submitted.receipt.sequence, "fresh": submitted.fresh}

    async def _do(self, call: Call, desk: Desk) -> Any:
        argument = call.query.get("with", "")
        match call.path["what"]:
            case "list":
                return [one.delivery_id for one in await desk.waiting(_KINDS, 0, 10)]
            case "fetch":
                parcel = await desk.fetch(int(argument))
                pieces = [piece async for piece in desk.file(parcel.envelope.attachments[0].digest)]
                return {"from": parcel.envelope.sender, "file": b"".join(pieces).decode()}
            case "file":
                return b"".join([piece async for piece in desk.file(argument)]).decode()
            case "acknowledge":
                return await desk.acknowledge(int(argument), call.query.get("refusal", ""))
            case "sent":
                one = await desk.sent_one(argument)
                return None if one is None else [one.envelope.body.decode(), *(each.state for each in one.deliveries)]
            case "agencies":
                return {one.code: one.name_vi for one in await desk.agencies()}
            case "register":
                await desk.register(AgencyCode(argument), call.query.get("name", "Đơn vị trực thuộc"))
                return sorted(desk.caller_codes)
            case "unregister":
                await desk.unregister(AgencyCode(argument))
                return sorted(desk.caller_codes)
            case _:
                await desk.set_mark("place", argument)
                return await desk.mark("place")

    def refuse(self, call: Call, refusal: Refusal, signed: str | None) -> Answer:
        said = {"FAIL": refusal.code, "vi": refusal.title_vi, "field": refusal.field, "signed": bool(signed)}
        return Answer(status=200, headers=_JSON, body=json.dumps(said).encode())


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpHub]:
    monkeypatch.setattr("lgsp.serving.FACADES", {"tiny": Tiny})
    agencies = [
        msgspec.structs.replace(one, may_register=True, grants=(Grant(kinds=("*",)),)) if one.code == LAND_OFFICE else one
        for one in AGENCIES
    ]
    bus = Agency(code=ANCIENT, name_vi="Trục văn bản quốc gia", level="national", carries=("G*", "H02.1"))
    async with http_hub(tmp_path, agencies=[*agencies, bus]) as running:
        yield running


async def put(hub: HttpHub, number: int, who: Mapping[str, str], body: bytes = b"", to: str = LAND_OFFICE, day: int = 18) -> Any:
    octets = body or json.dumps(progress(number)).encode()
    return (await hub.call("POST", f"/tiny/put/{number}?to={to}&day={day}", agency=None, data=octets, headers=dict(who))).json


async def do(hub: HttpHub, what: str, argument: object = "", agency: str = COMMUNE) -> Any:
    who = {"Who": f"bearer {hub.tokens.issue(AgencyCode(agency), 'test')}"}
    return (await hub.call("POST", f"/tiny/do/{what}?with={argument}", agency=None, headers=who)).json


def bearer(hub: HttpHub, agency: str = COMMUNE) -> dict[str, str]:
    return {"Who": f"bearer {hub.tokens.issue(AgencyCode(agency), 'test')}"}


async def secret_of(hub: HttpHub, client_id: str) -> str:
    secret, hashed = new_secret(token_key(hub.hub.settings), client_id)
    await hub.hub.store.save_credentials([Credential(client_id=client_id, agency=COMMUNE, secret_hash=hashed)])
    return secret


async def test_what_comes_in_by_a_facade_goes_the_way_of_every_envelope(hub: HttpHub) -> None:
    """Sent by one, listed, fetched with its file and acknowledged by the other, and seen as delivered by the first."""
    assert await put(hub, 1, bearer(hub)) == {"sequence": 1, "fresh": True}
    assert await put(hub, 1, bearer(hub)) == {"sequence": 1, "fresh": False}
    assert await do(hub, "list", agency=LAND_OFFICE) == [1]
    fetched = await do(hub, "fetch", 1, LAND_OFFICE)
    assert fetched["from"] == COMMUNE
    assert fetched["file"].startswith("the file {")
    assert await do(hub, "acknowledge", 1, LAND_OFFICE) is True
    assert await do(hub, "acknowledge", 1, LAND_OFFICE) is False
    body, state = await do(hub, "sent", "tiny-1")
    assert (json.loads(body)["case_number"], state) == (progress(1)["case_number"], "delivered")


async def test_what_has_no_date_of_its_own_is_the_same_on_another_day(hub: HttpHub) -> None:
    """A client that got no answer sends again after midnight; other contents are another message all the same."""
    assert await put(hub, 1, bearer(hub)) == {"sequence": 1, "fresh": True}
    assert await put(hub, 1, bearer(hub), day=19) == {"sequence": 1, "fresh": False}
    assert (await put(hub, 1, bearer(hub), json.dumps(progress(2)).encode(), day=19))["FAIL"] == "envelope.id_reused"
    assert (await put(hub, 1, bearer(hub), json.dumps(progress(2)).encode()))["FAIL"] == "envelope.id_reused"
    assert await hub.stored() == 1


async def test_nobody_gets_what_is_for_another(hub: HttpHub) -> None:
    """Neither the envelope by its number nor the file by its digest."""
    body = json.dumps(progress(1)).encode()
    assert (await put(hub, 1, bearer(hub), body))["fresh"]
    digest = f"sha256:{hashlib.sha256(b'the file ' + body).hexdigest()}"
    assert await do(hub, "file", digest, LAND_OFFICE) == "the file " + body.decode()
    assert (await do(hub, "file", digest, STRANGER))["FAIL"] == "access.not_a_party"
    assert (await do(hub, "fetch", 1, STRANGER))["FAIL"] == "access.not_a_party"


async def test_the_operator_is_no_agency_on_a_foreign_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lgsp.serving.FACADES", {"tiny": Tiny})
    operator = Agency(code=AgencyCode("HUB"), name_vi="Trục liên thông", level="hub")
    async with http_hub(tmp_path, agencies=(*AGENCIES, operator)) as hub:
        assert (await do(hub, "list", agency="HUB"))["FAIL"] == "auth.invalid"


async def test_control_characters_of_a_protocol_reach_no_journal(hub: HttpHub) -> None:
    """PostgreSQL refuses a NUL, and the call would fail however often it came."""
    await put(hub, 1, bearer(hub))
    assert await do(hub, "acknowledge", "1&refusal=a%00b%0A%1Bc", LAND_OFFICE) is True
    record = await hub.hub.store.envelope(COMMUNE, "tiny-1")
    assert record is not None
    assert (record.deliveries[0].state.label, record.deliveries[0].detail) == ("refused", "a b c")
    assert await do(hub, "sent", "%00") is None


async def test_one_secret_serves_as_password_and_as_key_of_a_mac(hub: HttpHub) -> None:
    """As protocols want it; the hub keeps only a hash."""
    secret = await secret_of(hub, "H01.134")
    assert (await put(hub, 1, {"Who": f"secret H01.134 {secret}"}))["fresh"]
    assert (await put(hub, 2, {"Who": f"secret H01.134 {secret}"}))["fresh"]
    assert (await put(hub, 3, {"Who": f"mac H01.134 {hmac.digest(secret.encode(), b'3', 'sha256').hex()}"}))["fresh"]
    assert (await hub.hub.store.credential("H01.134")).secret_hash.startswith("scrypt$")  # type: ignore[union-attr]


async def test_a_wrong_secret_or_mac_is_refused_and_so_is_one_that_was_replaced(hub: HttpHub) -> None:
    """Also right after it was right: nothing outlives the credential."""
    secret = await secret_of(hub, "one")
    assert (await put(hub, 1, {"Who": f"secret one {secret}"}))["fresh"]
    await secret_of(hub, "one")
    for who in (f"secret one {secret}", f"mac one {'00' * 32}", f"mac nobody {'00' * 32}", "secret nobody x", "bearer x"):
        assert (await put(hub, 2, {"Who": who}))["FAIL"] == "auth.invalid"
    assert (await put(hub, 2, {}))["FAIL"] == "auth.missing"


async def test_who_guesses_has_to_wait(hub: HttpHub) -> None:
    """Ten failures of one client from one address within a minute."""
    for _ in range(10):
        await put(hub, 1, {"Who": f"mac guesser {'00' * 32}"})
    assert (await put(hub, 1, {"Who": f"mac guesser {'00' * 32}"}))["FAIL"] == "auth.throttled"


async def test_a_refusal_is_said_in_the_protocol_and_signed_and_nothing_of_it_is_stored(hub: HttpHub, tmp_path: Path) -> None:
    """The file that came along neither; strangers get no signature."""
    refused = await put(hub, 1, bearer(hub), b'{"case_number": 7}')
    assert refused == {"FAIL": "body.invalid", "vi": refused["vi"], "field": "/body/case_number", "signed": True}
    assert (await put(hub, 1, bearer(hub), to="H01.nowhere"))["FAIL"] == "route.unknown_recipient"
    assert not (await put(hub, 1, {}))["signed"]
    assert await hub.stored() == 0
    assert not any(path.is_file() for path in (tmp_path / "blobs").rglob("*") if path.parent.name != "uploads")


async def test_what_is_refused_for_its_signature_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is demanded that a foreign protocol cannot bring."""
    monkeypatch.setattr("lgsp.serving.FACADES", {"tiny": Tiny})
    policy = tmp_path / "policy.json"
    policy.write_text('{"case.progress/1": [{"parts": ["envelope"], "need": "required"}]}')
    async with http_hub(tmp_path, signature_policy_file=policy) as hub:
        assert (await put(hub, 1, bearer(hub)))["FAIL"] == "signature.missing"
    assert not any(path.is_file() for path in (tmp_path / "blobs").rglob("*") if path.parent.name != "uploads")


async def test_a_round_that_brings_much_that_is_refused_holds_little_of_it(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest files are let go; what came last can still be attached."""
    monkeypatch.setattr("lgsp.flow.desk._MOST_BROUGHT_BYTES", 1000)
    desk = hub.hub.desks.of(hub.hub.directory.current.agencies[COMMUNE])

    def attaching(number: int, digest: str) -> Envelope:
        made = Envelope(
            message_id=f"much-{number}",
            sender=COMMUNE,
            recipients=(LAND_OFFICE,),
            kind=_KINDS[0],
            created_at=datetime(2026, 11, 18, tzinfo=UTC),
            body=json.dumps(progress(number)).encode(),
            attachments=(Attachment(digest=digest, size_bytes=600),),
        )
        return checked(made)

    first, last = await desk.keep(b"1" * 600), await desk.keep(b"2" * 600)
    assert (await desk.submit(attaching(2, last))).fresh
    with pytest.raises(ContractError, match=r"attachment\.unknown"):
        await desk.submit(attaching(1, first))


async def test_a_bug_is_told_without_details(hub: HttpHub) -> None:
    """In the protocol of the caller, too."""
    assert (await put(hub, 1, bearer(hub), b"a bug"))["FAIL"] == "hub.internal"


async def test_a_body_may_be_as_large_as_its_operation_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packet with files inside more than other calls; more is refused before it is read."""
    monkeypatch.setattr("lgsp.serving.FACADES", {"tiny": Tiny})
    async with http_hub(tmp_path, max_packet_bytes=2 * 2**20, max_body_bytes=2 * 2**20) as hub:
        large = json.dumps(progress(1) | {"note": " " * 1_500_000}).encode()
        assert (await put(hub, 1, bearer(hub), large))["FAIL"] == "body.invalid"
        assert (await put(hub, 1, bearer(hub), large * 2))["FAIL"] == "request.too_large"
        headers = bearer(hub)
        reply = await hub.call("POST", "/tiny/do/list", agency=None, data=large, headers=headers)
        assert reply.json["FAIL"] == "request.too_large"


async def test_who_sends_a_large_packet_slowly_keeps_nobody_else_waiting(hub: HttpHub) -> None:
    """It waits on disk until it is whole; others with large packets go ahead meanwhile, more of its own than four do not."""
    padding, begun = b" " * 2**20, asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield padding
        begun.set()
        await asyncio.Event().wait()

    headers = bearer(hub)
    slow = [
        asyncio.create_task(hub.call("POST", f"/tiny/put/{9 + number}", agency=None, data=slowly(), headers=headers))
        for number in range(6)
    ]
    await begun.wait()
    large = json.dumps(progress(1)).encode() + padding
    assert (await put(hub, 1, bearer(hub, LAND_OFFICE), large, to=COMMUNE))["FAIL"] == "body.too_large"
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_behind_one_address_may_stand_many(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a caller is known by its body only, a few slow ones do not keep their neighbours from sending."""
    monkeypatch.setattr("lgsp.http.room._PATIENCE_S", 0.2)
    padding, begun = b" " * 2**20, asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        yield padding
        begun.release()
        await asyncio.Event().wait()

    slow = [asyncio.create_task(hub.call("POST", "/tiny/ask", agency=None, data=slowly())) for _ in range(6)]
    for _ in slow:
        await begun.acquire()
    assert (await hub.call("POST", "/tiny/ask", agency=None, data=padding * 2, headers=bearer(hub))).json == 2**21
    for one in slow:
        one.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_bodies_of_another_bus_are_reached_through_it(hub: HttpHub) -> None:
    """What nobody here has goes to whoever carries it, under the code that was written; the longest pattern wins."""
    assert (await put(hub, 1, bearer(hub), to="G22.01"))["fresh"]
    (entry,) = await hub.hub.store.mailbox(ANCIENT, 0, 10)
    work = await hub.hub.store.fetch(entry.delivery_id)
    assert work is not None
    assert (work.recipient, work.addressed_as) == (ANCIENT, "G22.01")
    assert (await put(hub, 2, bearer(hub), to="H02.1"))["fresh"]
    assert (await put(hub, 3, bearer(hub), to="H02.11"))["FAIL"] == "route.unknown_recipient"


async def test_a_system_registers_the_bodies_it_works_for(hub: HttpHub) -> None:
    """They are addresses of its own from then on, until it takes them back; nobody gets another's code."""
    assert await do(hub, "register", "H01.10.01.7", LAND_OFFICE) == ["H01.10.01", "H01.10.01.7"]
    assert await do(hub, "register", "H01.10.01.7", LAND_OFFICE) == ["H01.10.01", "H01.10.01.7"]
    assert (await put(hub, 1, bearer(hub), to="H01.10.01.7"))["fresh"]
    assert await do(hub, "list", agency=LAND_OFFICE) == [1]
    assert (await do(hub, "agencies"))["H01.10.01.7"] == "Đơn vị trực thuộc"
    assert (await do(hub, "register", COMMUNE, LAND_OFFICE))["FAIL"] == "agency.code_taken"
    assert (await do(hub, "register", "H01.134.9", COMMUNE))["FAIL"] == "grant.registration_not_allowed"
    assert await do(hub, "unregister", "H01.10.01.7", LAND_OFFICE) == ["H01.10.01"]
    assert (await do(hub, "unregister", "H01.10.01.7", LAND_OFFICE))["FAIL"] == "agency.unknown"


async def test_what_belongs_or_will_belong_to_another_cannot_be_registered(hub: HttpHub) -> None:
    """Neither the codes that are reached through another bus nor one that passes from one agency to the next; and no name that a
    list could not carry."""
    today = datetime.now(UTC).date()
    before, after = (
        Alias(code=AgencyCode("X.1"), valid_to=today - timedelta(days=9)),
        Alias(code=AgencyCode("X.1"), valid_from=today + timedelta(days=9)),
    )
    agencies = hub.hub.directory.current.agencies
    await hub.hub.store.save_agencies(
        [msgspec.structs.replace(agencies[code], aliases=(alias,)) for code, alias in ((COMMUNE, before), (STRANGER, after))]
    )
    await hub.hub.directory.refresh()
    for code in ("G22.01", "H02.1", "X.1"):
        assert (await do(hub, "register", code, LAND_OFFICE))["FAIL"] == "agency.code_taken"
    for name in ("", "a%00b", "a%0Ab", "x" * 256):
        assert (await do(hub, "register", f"H01.10.01.7&name={name}", LAND_OFFICE))["FAIL"] == "request.field_invalid"


async def test_an_agency_that_gave_up_an_alias_of_the_operators_keeps_it(hub: HttpHub) -> None:
    """Only what a system registered itself can it take back."""
    own = hub.hub.directory.current.agencies[LAND_OFFICE]
    code = AgencyCode("000.00.10.H01")
    await hub.hub.store.save_agencies([msgspec.structs.replace(own, aliases=(Alias(code=code),))])
    await hub.hub.directory.refresh()
    assert (await do(hub, "unregister", code, LAND_OFFICE))["FAIL"] == "agency.unknown"
    await do(hub, "register", code, LAND_OFFICE)
    assert (await do(hub, "unregister", code, LAND_OFFICE))["FAIL"] == "agency.unknown"


async def test_octets_that_are_no_text_are_no_secret(hub: HttpHub) -> None:
    """A header may hold any; that is the stranger's mistake and not an error of the hub."""
    await secret_of(hub, "one")
    for who in ("secret one \udcff", "secret \udcff x", f"mac \udcff {'00' * 32}"):
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(hub.url).port)
        writer.write(
            f"POST /tiny/put/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nWho: {who}\r\n\r\n".encode("utf-8", "surrogateescape")
        )
        assert b"auth.invalid" in await reader.read()
        writer.close()


async def test_a_mark_is_kept(hub: HttpHub) -> None:
    """For the caller alone."""
    assert await do(hub, "mark", "000007") == "000007"
    assert await hub.hub.store.mark(COMMUNE, "place") == "000007"


async def test_a_facade_has_an_openapi_document_of_its_own(hub: HttpHub) -> None:
    """And is not in that of the hub, whose refusals are of another form."""
    document = (await hub.call("GET", "/tiny/openapi.json", agency=None)).json
    assert document["paths"]["/put/{number}"]["post"]["operationId"] == "put"
    assert "/tiny/put/{number}" not in (await hub.call("GET", "/openapi.json", agency=None)).json["paths"]


async def test_only_facades_that_the_settings_name_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that none has is a mistake in the settings."""
    monkeypatch.setattr("lgsp.serving.FACADES", {"tiny": Tiny})
    async with http_hub(tmp_path, facades=()) as hub:
        assert (await hub.call("POST", "/tiny/do/list", agency=None)).status == 404
    with pytest.raises(SettingsError, match="there is no small; there are tiny"):
        async with http_hub(tmp_path, facades=("small",)):
            pass
