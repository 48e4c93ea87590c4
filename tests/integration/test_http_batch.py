"""Batches over HTTP: one line for one line, in order, as a stream; a broken line is refused alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lgsp.errors import JournalUnavailable
from tests.integration.http_hub import HttpHub, http_hub
from tests.integration.test_http_attachments import FILE, upload
from tests.integration.test_http_envelopes import assert_problem
from tests.integration.test_http_open import Recorder

PATH = "/v1/envelopes:batch"
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path, max_batch_envelopes=300, max_batch_bytes=1024 * 1024) as running:
        yield running


def lines(octets: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in octets.splitlines()]


async def test_every_line_is_answered_in_its_place(hub: HttpHub) -> None:
    """Receipts and refusals stand in the order of what was sent; one broken line harms no other."""
    good = [hub.envelope() for _ in range(120)]
    sent = [json.dumps(envelope).encode() for envelope in good]
    sent.insert(50, b"{broken")
    sent.insert(70, json.dumps(hub.envelope(recipients=["H01.404"])).encode())
    reply = await hub.call("POST", PATH, data=b"\n".join(sent), headers=NDJSON)
    assert reply.status == 200
    answers = lines(reply.octets)
    assert answers[50]["refusal"]["code"] == "envelope.malformed"
    assert answers[70]["refusal"]["code"] == "route.unknown_recipient"
    assert answers[70]["refusal"]["title_vi"] and answers[70]["refusal"]["field"] == "/recipients/0"
    receipts = [answer["receipt"]["message_id"] for answer in answers if "receipt" in answer]
    assert receipts == [envelope["message_id"] for envelope in good]
    assert await hub.stored() == 120


async def test_the_log_says_which_envelopes_were_accepted(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for all that was committed together, with their ids in order; the request's own line has their number."""
    log = Recorder()
    monkeypatch.setattr("lgsp.http.app.log", log)
    monkeypatch.setattr("lgsp.http.batch.log", log)
    good = [hub.envelope() for _ in range(3)]
    sent = [json.dumps(envelope).encode() for envelope in (*good, hub.envelope(recipients=["H01.404"]))]
    answers = lines((await hub.call("POST", PATH, data=b"\n".join(sent), headers=NDJSON)).octets)
    committed = [line for line in log.lines if line["event"] == "batch.committed"]
    assert [each for line in committed for each in line["message_ids"]] == [envelope["message_id"] for envelope in good]
    assert committed[0]["sequence"] == answers[0]["receipt"]["sequence"]
    assert sum(line["refused"] for line in committed) <= 1 and sum(line["envelopes"] for line in committed) == 3
    assert log.lines[-1]["envelopes"] == 4


async def test_lines_of_one_case_are_accepted_in_their_order_with_or_without_files(hub: HttpHub) -> None:
    """A line with an attachment takes longer to decide; those behind it do not overtake it."""
    attached = [{"digest": await upload(hub), "size_bytes": len(FILE)}]
    sent = [hub.envelope(order_key="one case", **({"attachments": attached} if n % 3 == 1 else {})) for n in range(60)]
    octets = b"\n".join(json.dumps(envelope).encode() for envelope in sent)
    answers = lines((await hub.call("POST", PATH, data=octets, headers=NDJSON)).octets)
    assert [answer["receipt"]["sequence"] for answer in answers] == list(range(1, 61))


@pytest.mark.parametrize("place", ["commit", "attachment"])
async def test_what_the_hub_could_not_take_over_is_not_overtaken_by_later_lines(
    hub: HttpHub, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is away for one moment: from the first 503 on every line is answered 503, and a resend keeps the order."""
    file = {"digest": await upload(hub), "size_bytes": len(FILE)}
    case = [hub.envelope(order_key="one case", **({"attachments": [file]} if n == 20 else {})) for n in range(120)]
    store, first_stored, failed = hub.hub.store, asyncio.Event(), asyncio.Event()
    accept, name = store.accept, "accept" if place == "commit" else "uploads"
    other = getattr(store, name)

    async def accepting(*args: Any) -> Any:
        results = await accept(*args)
        first_stored.set()
        return results

    async def away_once(*args: Any) -> Any:
        if first_stored.is_set() and not failed.is_set():
            failed.set()
            raise JournalUnavailable("the test says so")
        return await (accepting if name == "accept" else other)(*args)

    monkeypatch.setattr(store, "accept", accepting)
    monkeypatch.setattr(store, name, away_once)

    async def body() -> AsyncIterator[bytes]:
        for number, envelope in enumerate(case):
            yield json.dumps(envelope).encode() + b"\n"
            if number in (0, 80):
                await asyncio.wait_for((failed if number else first_stored).wait(), 5)

    first = lines((await hub.call("POST", PATH, data=body(), headers=NDJSON)).octets)
    refused = [n for n, answer in enumerate(first) if "refusal" in answer]
    assert refused and refused == list(range(refused[0], 120))
    assert {first[n]["refusal"]["code"] for n in refused} == {"hub.storage_unavailable"}
    assert [first[n]["refusal"]["message_id"] for n in refused] == [case[n]["message_id"] for n in refused]
    again = b"".join(json.dumps(case[n]).encode() + b"\n" for n in refused)
    second = lines((await hub.call("POST", PATH, data=again, headers=NDJSON)).octets)
    sequences = [answer["receipt"]["sequence"] for answer in (*first[: refused[0]], *second)]
    assert sequences == list(range(1, 121))


async def test_a_batch_again_gets_the_same_receipts(hub: HttpHub) -> None:
    """Every line of a resent batch is marked as a duplicate, with the receipt of the first time."""
    octets = b"\n".join(json.dumps(hub.envelope()).encode() for _ in range(10)) + b"\n"
    first, second = [lines((await hub.call("POST", PATH, data=octets, headers=NDJSON)).octets) for _ in range(2)]
    assert [line["receipt"] for line in second] == [line["receipt"] for line in first]
    assert all(line["duplicate"] for line in second) and not any("duplicate" in line for line in first)
    assert await hub.stored() == 10


async def test_answers_come_while_the_caller_is_still_sending(hub: HttpHub) -> None:
    """The receipt of the first line arrives before the second line is sent."""
    first_answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(hub.envelope()).encode() + b"\n"
        await asyncio.wait_for(first_answered.wait(), 10)
        yield json.dumps(hub.envelope()).encode() + b"\n"

    async with hub.client.post(hub.url + PATH, data=body(), headers=hub.headers() | NDJSON) as response:
        first = json.loads(await asyncio.wait_for(response.content.readline(), 10))
        assert "receipt" in first
        first_answered.set()
        assert "receipt" in json.loads(await asyncio.wait_for(response.content.readline(), 10))


async def test_a_caller_that_reads_nothing_before_it_has_sent_all_is_served(hub: HttpHub) -> None:
    """Reading does not wait for writing: a simple client cannot block itself."""
    octets = b"".join(json.dumps(hub.envelope()).encode() + b"\n" for _ in range(300))
    host, port = hub.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {hub.headers()['Authorization']}\r\nConnection: close\r\n"
    head += f"Content-Type: application/x-ndjson\r\nContent-Length: {len(octets)}\r\n\r\n"
    writer.write(head.encode() + octets)
    await asyncio.wait_for(writer.drain(), 20)
    answer = await asyncio.wait_for(reader.read(-1), 20)
    writer.close()
    assert answer.count(b'{"receipt":') == 300
    assert await hub.stored() == 300


async def test_too_many_lines_end_the_batch_with_a_refusal(hub: HttpHub) -> None:
    """What is within the limit is accepted; one last line says why the rest was not read."""
    octets = b"\n".join(json.dumps(hub.envelope()).encode() for _ in range(301))
    answers = lines((await hub.call("POST", PATH, data=octets, headers=NDJSON)).octets)
    assert len(answers) == 301
    assert answers[-1]["refusal"]["code"] == "request.too_large"
    assert await hub.stored() == 300


async def test_a_batch_that_announces_too_many_bytes_is_refused_as_a_whole(hub: HttpHub) -> None:
    """413 before anything is read."""
    reply = await hub.call("POST", PATH, data=b" " * (1024 * 1024 + 1), headers=NDJSON)
    assert_problem(reply, 413, "request.too_large")


async def test_a_line_longer_than_an_envelope_may_be_ends_the_batch(hub: HttpHub) -> None:
    """A line without end is given up at the limit of one envelope."""
    octets = json.dumps(hub.envelope()).encode() + b"\n" + b"x" * 900_000
    answers = lines((await hub.call("POST", PATH, data=octets, headers=NDJSON)).octets)
    assert ["receipt" in answers[0], answers[1]["refusal"]["code"]] == [True, "request.too_large"]


async def test_a_batch_is_ndjson(hub: HttpHub) -> None:
    """415 for another media type; empty lines are nothing."""
    reply = await hub.call("POST", PATH, data=b"{}", headers={"Content-Type": "application/json"})
    assert_problem(reply, 415, "request.media_type_unsupported", "Content-Type")
    empty = await hub.call("POST", PATH, data=b"\n \r\n\n", headers=NDJSON)
    assert (empty.status, empty.octets) == (200, b"")


async def test_whole_lines_of_a_broken_connection_are_accepted(hub: HttpHub) -> None:
    """The connection ends in the middle of the third line: two envelopes are stored, and a resend gets their receipts."""
    whole = [json.dumps(hub.envelope()).encode() + b"\n" for _ in range(3)]
    host, port = hub.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {hub.headers()['Authorization']}\r\n"
    head += f"Content-Type: application/x-ndjson\r\nContent-Length: {len(b''.join(whole))}\r\n\r\n"
    writer.write(head.encode() + whole[0] + whole[1] + whole[2][:20])
    await writer.drain()
    async with asyncio.timeout(10):
        while await hub.stored() < 2:  # noqa: ASYNC110 - the journal has no event to wait for
            await asyncio.sleep(0.02)
    writer.close()
    again = lines((await hub.call("POST", PATH, data=b"".join(whole), headers=NDJSON)).octets)
    assert [line.get("duplicate", False) for line in again] == [True, True, False]
    assert await hub.stored() == 3
