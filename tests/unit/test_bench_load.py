"""The bench's measuring instrument measures right: valid messages, exact counts, true cuts of the stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import wire
from contracts.kinds import find, read_body
from tests.bench.envelopes import ENVELOPE_BYTES, RECIPIENTS, number_in, templates
from tests.bench.http1 import BadFraming, Messages, request_head, status_of
from tests.bench.load import Result, Round, Run, Sink, quantiles

Answer = Callable[[int], bytes]  # number of the message -> the octets that the target answers
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"


@given(number=st.integers(0, 999_999_999), place=st.integers(0, len(RECIPIENTS) - 1))
def test_every_message_is_a_valid_case_file_of_8_kb_of_its_own(number: int, place: int) -> None:
    """Message id and case number carry the number; the body obeys its schema; the size never changes."""
    octets = templates(datetime(2026, 11, 22, tzinfo=UTC))[place].message(number)
    envelope = wire.parse(octets)
    reading = read_body(find(envelope.kind), envelope.body, envelope.media_type)
    assert len(octets) == ENVELOPE_BYTES
    assert envelope.recipients == (RECIPIENTS[place],)
    assert envelope.message_id.endswith(f"{number:09}")
    assert {one.value for one in (*envelope.identifiers, *reading.identifiers)} == {f"H01.134-20261118-{number:09}"}
    assert number_in(octets) == number


def test_what_is_no_message_of_the_bench_has_no_number() -> None:
    """A foreign body is told apart."""
    assert number_in(b'{"message_id":"other"}') == -1


@given(cut=st.integers(1, 400), data=st.data())
def test_messages_are_cut_the_same_however_the_stream_is_split(cut: int, data: st.DataObject) -> None:
    """With length, without body and chunked, in pieces of any size."""
    stream = b"".join(
        (
            b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length:0\r\n\r\n",
        )
    )
    messages = Messages()
    found = [one for at in range(0, len(stream), cut) for one in messages.feed(stream[at : at + cut])]
    assert [body for _, body in found] == [b"hello", b"", b"abcde", b""]
    assert [status_of(head) for head, _ in found[:3]] == [202, 204, 200]


def test_an_answer_that_is_not_http_is_not_taken_for_one() -> None:
    """Better no number than a wrong one."""
    with pytest.raises(BadFraming):
        status_of(b"SMTP 220 hello")


def test_quantiles_are_values_that_occurred() -> None:
    """Nearest rank, no interpolation."""
    assert quantiles([float(number) for number in range(1, 101)]) == {"p50": 51.0, "p99": 100.0}


async def test_a_round_counts_every_message_once() -> None:
    """What was accepted and arrived is counted, with the times of both."""
    result = await run_against(lambda number: ACCEPTED, deliver=lambda number: [number])
    assert (result.accepted, result.delivered, result.repeated, result.failure) == (200, 200, 0, "")
    assert 0 < result.accept_s < 30 and 0 < result.deliver_s < 30
    assert 0 < result.accept_ms["p50"] <= result.accept_ms["p99"]


async def test_a_round_sees_what_arrives_twice() -> None:
    """A repeated delivery is counted apart, and not as another one."""
    result = await run_against(lambda number: ACCEPTED, deliver=lambda number: [number] * (2 if number < 1_000_100 else 1))
    assert (result.accepted, result.delivered, result.repeated) == (200, 200, 100)


async def test_a_round_says_when_something_is_lost() -> None:
    """One message that never arrives is a failure, not a smaller number."""
    result = await run_against(lambda number: ACCEPTED, deliver=lambda number: [number] if number != 1_000_007 else [])
    assert result.failure.startswith("200 accepted, 199 arrived")


async def test_a_round_says_when_something_is_refused() -> None:
    """The first refusal ends the round and is quoted."""
    refused = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull"
    result = await run_against(lambda number: refused if number > 1_000_050 else ACCEPTED, deliver=lambda number: [number])
    assert result.failure.startswith("HTTP 503") and "full" in result.failure


async def test_a_batch_counts_the_receipts_in_its_answer() -> None:
    """A line that was refused is not counted as accepted."""
    lines = b'{"receipt":{}}\n' * 9 + b'{"refusal":{}}\n'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(lines), lines)
    result = await run_against(lambda number: answer, deliver=lambda number: [], batch=10)
    assert result.failure.startswith("HTTP 200, 9 of 10 accepted")


async def run_against(answer: Answer, deliver: Callable[[int], list[int]], batch: int = 1) -> Result:
    """A round of 200 messages against a target that answers and delivers as told."""
    sink = Sink()
    sink_port = await sink.listen()
    async with _target(answer, deliver, sink_port) as port:
        sink.run = Run(
            Round(port=port, path="/", token="t", first=1_000_000, batch=batch, connections=4, messages=200, drain_s=0.5)
        )
        return await asyncio.wait_for(sink.run.go(), 30)


@asynccontextmanager
async def _target(answer: Answer, deliver: Callable[[int], list[int]], sink_port: int) -> AsyncIterator[int]:
    _, to_sink = await asyncio.open_connection("127.0.0.1", sink_port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = Messages()
        while octets := await reader.read(65536):
            for _, body in messages.feed(octets):
                for copy in deliver(number_in(body)):
                    to_sink.write(_delivery(copy))
                writer.write(answer(number_in(body)))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    to_sink.close()
    server.close()


def _delivery(number: int) -> bytes:
    body = templates()[0].message(number)
    return request_head("sink", "/", "application/json", len(body)) + body


@pytest.fixture(autouse=True)
def _templates_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = templates()
    monkeypatch.setattr("tests.bench.envelopes.templates", lambda: made)
    yield
