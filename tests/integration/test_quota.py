"""A sender's quota over HTTP: 429 means "come again", nothing is stored or overtaken, and in the end everything is in."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.receipt import Receipt
from lgsp.core.directory import Agency
from lgsp.core.quota import NO_LIMIT, Quota
from lgsp.demo.hub_client import HubClient
from lgsp.demo.sandbox import Member
from lgsp.errors import JournalUnavailable
from lgsp.ports import Credential
from tests.integration.http_hub import AGENCIES, COMMUNE, LAND_OFFICE, SECRET, HttpHub, http_hub
from tests.integration.test_http_batch import NDJSON, PATH, lines
from tests.integration.test_http_envelopes import assert_problem

BURST = 30


class Clock:
    """Of the quotas; stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[HttpHub]:
    async with http_hub(tmp_path, quota_per_s=2.0, quota_burst=BURST) as running:
        yield running


@pytest.fixture
def clock(hub: HttpHub, monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(hub.hub.intake._entrance, "_clock", own)
    return own


async def send_batch(hub: HttpHub, envelopes: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    octets = b"".join(json.dumps(envelope).encode() + b"\n" for envelope in envelopes)
    return lines((await hub.call("POST", PATH, data=octets, headers=NDJSON, **options)).octets)


async def give(hub: HttpHub, agency: Agency, quota: Quota | None) -> None:
    await hub.hub.store.save_agencies([msgspec.structs.replace(agency, quota=quota)])
    await hub.hub.directory.refresh()


async def test_one_too_many_is_told_when_to_come_again(hub: HttpHub, clock: Clock) -> None:
    """429 as a problem with both languages and Retry-After, nothing stored; after that time the same bytes get their receipt."""
    for _ in range(BURST):
        assert (await hub.send(hub.envelope())).status == 202
    late = hub.envelope()
    reply = await hub.send(late)
    problem = assert_problem(reply, 429, "quota.exceeded")
    assert problem["retryable"] is True and problem["message_id"] == late["message_id"]
    assert "2 envelopes a second" in problem["detail"]
    assert await hub.stored() == BURST
    clock.now_s += int(reply.headers["Retry-After"])
    assert (await hub.send(late)).status == 202


async def test_nothing_behind_the_first_429_of_a_batch_is_accepted(hub: HttpHub, clock: Clock) -> None:
    """Every line from there on says so and when to come again; sent again as often as needed, the case keeps its order."""
    case = [hub.envelope(order_key="one case") for _ in range(4 * BURST)]
    left, sequences, tries = case, [], 0
    while left:
        answers = await send_batch(hub, left)
        taken = [answer["receipt"]["sequence"] for answer in answers if "receipt" in answer]
        late = answers[len(taken) :]
        assert taken, "no try is in vain"
        assert all(answer["refusal"]["code"] == "quota.exceeded" and answer["retry_after_s"] >= 1 for answer in late)
        assert [answer["refusal"]["message_id"] for answer in late] == [one["message_id"] for one in left[len(taken) :]]
        sequences += taken
        left = left[len(taken) :]
        clock.now_s += late[0]["retry_after_s"] if late else 0
        tries += 1
    assert sequences == list(range(1, 4 * BURST + 1))
    assert tries == 4


async def test_a_line_that_is_wrong_in_itself_stops_nobody_but_a_429_does(hub: HttpHub, clock: Clock) -> None:
    """Refusals stay refusals, in front of the first 429 and behind it, where they were not even looked at."""
    sent = [hub.envelope() for _ in range(BURST + 2)]
    sent[3]["kind"] = sent[BURST + 1]["kind"] = "case.unheard_of/1"
    answers = await send_batch(hub, sent)
    codes = [answer.get("refusal", {}).get("code", "") for answer in answers]
    assert codes == ["", "", "", "kind.unknown", *[""] * (BURST - 4), "quota.exceeded", "quota.exceeded"]
    assert "retry_after_s" not in answers[3]


async def test_parallel_requests_and_other_codes_lead_to_the_same_bucket(hub: HttpHub, clock: Clock) -> None:
    """Aliases, a second set of credentials and many connections at once are one agency still."""
    secret = (await hub.hub.store.credential("commune")).secret_hash  # type: ignore[union-attr]
    await hub.hub.store.save_credentials([Credential(client_id="second", agency=COMMUNE, secret_hash=secret)])
    batches = [[hub.envelope(sender=code) for _ in range(BURST // 2)] for code in (COMMUNE, "000.00.15.H01") * 4]
    tokens = [f"Bearer {hub.tokens.issue(COMMUNE, client)}" for client in ("commune", "second") * 4]

    async def one(batch: list[dict[str, Any]], token: str) -> list[dict[str, Any]]:
        octets = b"".join(json.dumps(envelope).encode() + b"\n" for envelope in batch)
        headers = NDJSON | {"Authorization": token}
        return lines((await hub.call("POST", PATH, data=octets, headers=headers)).octets)

    answers = await asyncio.gather(*(one(batch, token) for batch, token in zip(batches, tokens, strict=True)))
    assert sum("receipt" in answer for each in answers for answer in each) == BURST == await hub.stored()
    for each in answers:
        receipts = [place for place, answer in enumerate(each) if "receipt" in answer]
        assert receipts == list(range(len(receipts)))


async def test_a_resend_costs_a_token_and_its_receipt_is_only_put_off(hub: HttpHub, clock: Clock) -> None:
    """429 for something accepted before is no answer about it: later the receipt of then is there."""
    first = hub.envelope()
    receipt = (await hub.send(first)).json
    await send_batch(hub, [hub.envelope() for _ in range(BURST - 1)])
    turned_away = await hub.send(first)
    assert_problem(turned_away, 429, "quota.exceeded")
    clock.now_s += int(turned_away.headers["Retry-After"])
    again = await hub.send(first)
    assert (again.status, again.json) == (200, receipt)


async def test_another_sender_is_not_concerned(hub: HttpHub, clock: Clock) -> None:
    """Every agency has a bucket of its own."""
    await send_batch(hub, [hub.envelope() for _ in range(2 * BURST)])
    own = hub.envelope(sender=LAND_OFFICE, recipients=[COMMUNE])
    assert (await hub.send(own, agency=LAND_OFFICE)).status == 202


async def test_an_agency_s_own_quota_holds_as_soon_as_it_is_set(hub: HttpHub, clock: Clock) -> None:
    """Less than the default, more, none at all, and back."""
    commune = AGENCIES[0]
    for quota, accepted in ((Quota(per_s=1, burst=5), 5), (NO_LIMIT, 100), (Quota(per_s=1, burst=50), 50), (None, BURST)):
        await give(hub, commune, quota)
        answers = await send_batch(hub, [hub.envelope() for _ in range(100)])
        assert sum("receipt" in answer for answer in answers) == accepted, quota
        clock.now_s += 1000


async def test_what_the_hub_could_not_store_costs_nothing(hub: HttpHub, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the journal is away senders try again and again; when it is back they have their quota."""
    accept = hub.hub.store.accept

    async def away(*args: Any) -> Any:
        raise JournalUnavailable("the test says so")

    monkeypatch.setattr(hub.hub.store, "accept", away)
    batch = [hub.envelope() for _ in range(BURST)]
    for _ in range(5):
        answers = await send_batch(hub, batch)
        assert {answer["refusal"]["code"] for answer in answers} == {"hub.storage_unavailable"}
        assert all(answer["retry_after_s"] > 0 for answer in answers)
    monkeypatch.setattr(hub.hub.store, "accept", accept)
    assert all("receipt" in answer for answer in await send_batch(hub, batch))


async def test_a_refused_envelope_costs_a_token(hub: HttpHub, clock: Clock) -> None:
    """Looking at it was work; a system that sends the same mistake for ever is slowed down too."""
    wrong = [hub.envelope(kind="case.unheard_of/1") for _ in range(BURST)]
    await send_batch(hub, wrong)
    assert_problem(await hub.send(hub.envelope()), 429, "quota.exceeded")


async def test_the_operator_sees_that_quotas_are_used_up(hub: HttpHub, clock: Clock) -> None:
    """A counter without labels: whose it was stands in the log, with the request."""
    before = await _counted(hub)
    await send_batch(hub, [hub.envelope() for _ in range(BURST + 7)])
    assert await _counted(hub) - before == 7


async def _counted(hub: HttpHub) -> float:
    text = (await hub.call("GET", "/metrics", agency=None)).octets.decode()
    (line,) = [line for line in text.splitlines() if line.startswith("lgsp_quota_refused_total")]
    return float(line.split()[1])


async def test_the_demo_s_systems_wait_and_send_again(tmp_path: Path) -> None:
    """One by one and in a batch: with a quota of one at a time everything comes in, in its order, and nothing twice."""
    async with http_hub(tmp_path, quota_per_s=4.0, quota_burst=2) as hub:
        system = HubClient(hub.client, hub.url, Member(client_id="commune", client_secret=SECRET), 60.0)
        singles = [json.dumps(hub.envelope()).encode() for _ in range(3)]
        batch = [json.dumps(hub.envelope(order_key="one case")).encode() for _ in range(4)]
        replies = [await system.send(one) for one in singles] + await system.send_batch(batch)
        assert [reply.sequence for reply in replies if isinstance(reply, Receipt)] == list(range(1, 8))


async def test_the_openapi_document_says_where_429_may_come(hub: HttpHub) -> None:
    """Of posting one envelope, with Retry-After; a batch says it line by line."""
    paths = (await hub.call("GET", "/openapi.json", agency=None)).json["paths"]
    answer = paths["/v1/envelopes"]["post"]["responses"]["429"]
    assert "quota.exceeded" in answer["description"] and "Retry-After" in answer["headers"]
    batch = paths[PATH]["post"]
    assert "quota.exceeded" in batch["description"] and "429" not in batch["responses"]
