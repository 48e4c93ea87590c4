"""The bench of neighbours measures right: from the timetable, only who was well, and nobody is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.envelopes import RECIPIENTS, number_in, templates
from tests.bench.http1 import Messages, request_head, status_of
from tests.bench.neighbours import rows_of, verdict
from tests.bench.steady import Mood, Result, Round, Run, Sink, timetable

FIRST = 5_000_000
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
HANGS, FAILS = RECIPIENTS[2], RECIPIENTS[3]


@given(rate_per_s=st.floats(1, 500), seconds=st.floats(0.1, 20), seed=st.integers(0, 99))
def test_a_timetable_has_as_many_moments_at_every_draw(rate_per_s: float, seconds: float, seed: int) -> None:
    """In order, inside the round, and the same again for the same seed."""
    moments = timetable(rate_per_s, seconds, seed)
    assert len(moments) == round(rate_per_s * seconds)
    assert moments == sorted(moments) == timetable(rate_per_s, seconds, seed)
    assert all(0 <= moment <= seconds for moment in moments)


async def test_a_journey_counts_from_the_timetable_while_the_hub_stands_still() -> None:
    """A hub that answers nobody for a while cannot hide what would have been sent meanwhile: all of it waited that long."""
    result = await run_against(stands_still_s=0.4)
    assert result.failure == ""
    assert result.late_ms > 100
    assert len([one for one in result.journeys_ms if one > 100]) > len(result.journeys_ms) / 2


async def test_only_journeys_to_those_that_are_well_count_and_all_arrive_in_the_end() -> None:
    """Who hangs or fails is asked again when it is well; what it was sent has arrived by then, and is in no journey."""
    result = await run_against(ill={HANGS: "hangs", FAILS: "fails"})
    assert (result.sent, result.repeated, result.failure) == (100, 0, "")
    assert len(result.journeys_ms) == 50


async def test_what_never_arrives_is_a_failure() -> None:
    """One that is lost is not a shorter list."""
    result = await run_against(lost=FIRST + 7)
    assert result.failure == "100 sent, 99 arrived within 0.5 s"


async def test_what_is_refused_is_a_failure() -> None:
    """It is quoted, and nobody waits for it."""
    result = await run_against(answer=lambda number: b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull")
    assert result.failure == "HTTP 503: b'full'"


def test_the_ratio_is_that_of_rounds_beside_each_other() -> None:
    """Each pair is compared with itself, and the median of the pairs counts."""
    rows = {one.metric: one for one in rows_of("embedded", [(took(10), took(11)), (took(40), took(40)), (took(20), took(30))])}
    assert (rows["quiet_ms_p99"].value, rows["quiet_ms_p99"].ratio) == (20, None)
    assert (rows["with_neighbours_ms_p99"].value, rows["with_neighbours_ms_p99"].ratio) == (30, 1.1)
    assert (rows["quiet_ms_p99_of_all"].value, rows["with_neighbours_ms_p99_of_all"].ratio) == (40, 1.0)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ((10.9, 10.0, 30.0), "p99 x1.09, goal below x1.10 met; by round: 1.00 1.09 3.00"),
        ((11.0, 10.0, 11.1), "p99 x1.10, goal below x1.10 NOT met; by round: 1.00 1.10 1.11"),
    ],
)
def test_the_verdict_says_how_far_to_trust_it(beside: tuple[float, ...], said: str) -> None:
    """Below the goal is met, the goal itself is not."""
    assert verdict((10.0, 10.0, 10.0), beside) == said


def took(ms: float) -> Result:
    return Result(sent=1, repeated=0, journeys_ms=[ms], late_ms=0.0, drained_s=0.0)


async def run_against(
    *,
    ill: dict[str, Mood] | None = None,
    stands_still_s: float = 0.0,
    lost: int = -1,
    answer: Callable[[int], bytes] = lambda number: ACCEPTED,
) -> Result:
    """A round of 100 envelopes to four recipients in 0.2 s, against a hub that passes each on until it was taken."""
    sink = Sink()
    sink_port = await sink.listen()
    async with _hub(sink_port, stands_still_s, lost, answer) as port:
        order = Round(
            port=port,
            token="t",
            first=FIRST,
            seed=1,
            rate_per_s=500,
            seconds=0.2,
            recipients=4,
            ill=ill or {},
            connections=2,
            drain_s=0.5 if lost >= 0 else 30.0,
        )
        sink.run = Run(order, sink)
        return await asyncio.wait_for(sink.run.go(), 60)


@asynccontextmanager
async def _hub(sink_port: int, stands_still_s: float, lost: int, answer: Callable[[int], bytes]) -> AsyncIterator[int]:
    deliveries: set[asyncio.Task[None]] = set()

    async def deliver(number: int) -> None:
        """Over a connection of its own, again and again, as long as its recipient does not take it."""
        body = templates()[0].message(number)
        request = request_head("sink", f"/deliveries/{RECIPIENTS[(number - FIRST) % 4]}", "application/json", len(body)) + body
        taken = False
        while not taken:
            reader, writer = await asyncio.open_connection("127.0.0.1", sink_port)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            taken = status_of(head) == 204
            writer.close()
            await asyncio.sleep(0.01)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = Messages()
        await asyncio.sleep(stands_still_s)
        while octets := await reader.read(65536):
            for _, body in messages.feed(octets):
                number = number_in(body)
                if number != lost:
                    deliveries.add(asyncio.create_task(deliver(number)))
                writer.write(answer(number))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for one in deliveries:
        one.cancel()
    await asyncio.gather(*deliveries, return_exceptions=True)


@pytest.fixture(autouse=True)
def _templates_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = templates()
    monkeypatch.setattr("tests.bench.envelopes.templates", lambda: made)
    yield
