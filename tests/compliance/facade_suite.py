"""What every facade promises (`contracts.facade.Facade`), whatever bus it is taken for.

An adapter plugs in with a kit and one line: `class TestPost(FacadeSuite): kit = PostKit()`.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import pytest

from contracts.envelope import Envelope
from contracts.errors import ContractError
from contracts.facade import Answer, Bearer, Call, Certificate, Facade, Keyed, Secret
from contracts.problems import CATALOGUE
from contracts.receipt import Refusal
from tests.compliance.hostile import HOSTILE
from tests.fakes.desk import Away, MemoryHub

MAX_REFUSAL_S = 0.05  # of CPU, on average
_FLIPS = 200
_METHODS = {"GET", "POST", "PUT", "DELETE", "PATCH"}
_NASTY = "a <b> & \"c\" 'd' ]]> \x00 \ud800 \r\n Set-Cookie: x=1 \u202e é " + "đ" * 5000


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says in its own grammar. `code`: the hub's code of the refusal; "" where it says yes."""

    code: str = ""
    text: str = ""  # of the refusal, for people, both languages


class FacadeKit(Protocol):
    """All that the suite knows of a facade. Calls are as the hub hands them over."""

    caller: str  # its key in the directory

    def facade(self) -> Facade: ...

    def hub(self) -> MemoryHub:
        """With the caller and whom its messages are for."""
        ...

    def call(self, number: int) -> Call:
        """Hands over message 1, 2, 3 ..., in full, and is to be answered with yes."""
        ...

    def huge(self, payload_bytes: int) -> Call:
        """The same, with so much in it."""
        ...

    def anonymous(self) -> Call:
        """The same without a word of who is calling; or, where certificates say that, just the same."""
        ...

    def malformed(self) -> Mapping[str, Call]:
        """What is wrong -> a call that has to be refused for it."""
        ...

    def message(self, envelope: Envelope) -> int:
        """Which message this is, read out of what the hub took."""
        ...

    def said(self, answer: Answer) -> Said:
        """Read strictly, as a client of that bus does: what it could not read is an error of the test."""
        ...


class FacadeSuite:
    """Subclass it with a kit."""

    kit: FacadeKit

    @pytest.fixture
    def hub(self) -> MemoryHub:
        return self.kit.hub()

    @pytest.fixture
    def facade(self) -> Facade:
        return self.kit.facade()

    async def ask(self, facade: Facade, hub: MemoryHub, call: Call) -> Answer:
        """As the hub does: every ContractError goes back through `refuse`."""
        try:
            facade.credentials(call)
            return await facade.answer(call, hub.desk(self.kit.caller))
        except ContractError as error:
            return facade.refuse(call, Refusal.of(error.code, error.field, error.detail), None)

    async def say(self, facade: Facade, hub: MemoryHub, call: Call) -> Said:
        return self.kit.said(await self.ask(facade, hub, call))

    def messages(self, hub: MemoryHub) -> list[int]:
        return [self.kit.message(envelope) for envelope in hub.envelopes]

    # --- what it is

    def test_it_can_be_mounted_and_described(self, facade: Facade) -> None:
        assert facade.prefix.startswith("/") and not facade.prefix.endswith("/")
        names = [operation.name for operation in facade.operations]
        routes = [(operation.method, operation.path) for operation in facade.operations]
        assert names and len(set(names)) == len(names) and len(set(routes)) == len(routes)
        for operation in facade.operations:
            assert operation.method in _METHODS and operation.path[:1] in ("", "/") and operation.summary
            assert operation.answers, operation.name
        assert self.kit.call(1).operation in names

    def test_it_says_who_calls_and_refuses_strangers(self, facade: Facade) -> None:
        """What cannot be credentials is refused before anything else is looked at."""
        found = facade.credentials(self.kit.call(1))
        assert isinstance(found, Bearer | Secret | Keyed | Certificate)
        if isinstance(found, Certificate):
            return
        with pytest.raises(ContractError) as refused:
            facade.credentials(self.kit.anonymous())
        assert refused.value.code in ("auth.missing", "auth.invalid")

    # --- what goes well

    async def test_what_is_handed_over_is_taken(self, facade: Facade, hub: MemoryHub) -> None:
        assert await self.say(facade, hub, self.kit.call(1)) == Said()
        [envelope] = hub.envelopes
        assert envelope.sender == self.kit.caller and self.messages(hub) == [1]

    async def test_one_after_the_other_keep_their_order(self, facade: Facade, hub: MemoryHub) -> None:
        for number in (1, 2, 3):
            assert await self.say(facade, hub, self.kit.call(number)) == Said()
        assert self.messages(hub) == [1, 2, 3]

    async def test_the_same_call_again_gets_the_same_answer(self, facade: Facade, hub: MemoryHub) -> None:
        """However often, by whichever process, and no second envelope."""
        answers = [await self.ask(one, hub, self.kit.call(1)) for one in (facade, facade, self.kit.facade())]
        assert answers[0] == answers[1] == answers[2] and self.kit.said(answers[0]) == Said()
        assert self.messages(hub) == [1]

    async def test_days_later_it_is_still_the_same(self, facade: Facade, hub: MemoryHub) -> None:
        """No clock goes into what is handed over."""
        first = await self.ask(facade, hub, self.kit.call(1))
        hub.moment = hub.moment.replace(year=hub.moment.year + 1)
        assert await self.ask(facade, hub, self.kit.call(1)) == first
        assert self.messages(hub) == [1]

    async def test_callers_at_once_are_not_mixed_up(self, facade: Facade, hub: MemoryHub) -> None:
        answers = await asyncio.gather(*(self.say(facade, hub, self.kit.call(number)) for number in range(1, 9)))
        assert answers == [Said()] * 8
        assert sorted(self.messages(hub)) == list(range(1, 9))

    # --- the hub is killed, or has trouble

    async def test_killed_before_the_answer_the_same_call_ends_well(self, facade: Facade, hub: MemoryHub) -> None:
        hub.answer_lost = True
        with pytest.raises(Away):
            await self.ask(facade, hub, self.kit.call(1))
        assert await self.say(facade, hub, self.kit.call(1)) == Said()
        assert self.messages(hub) == [1]

    async def test_the_hubs_own_trouble_passes(self, facade: Facade, hub: MemoryHub) -> None:
        """It is the hub that answers for it; nothing was taken, and the same call ends well later."""
        hub.fail_next = Away()
        with pytest.raises(Away):
            await self.ask(facade, hub, self.kit.call(1))
        assert not hub.envelopes
        assert await self.say(facade, hub, self.kit.call(1)) == Said()

    @pytest.mark.parametrize("code", ["quota.exceeded", "grant.kind_not_allowed", "hub.stopping"])
    async def test_what_the_hub_refuses_is_told_in_the_grammar_of_the_bus(
        self, facade: Facade, hub: MemoryHub, code: str
    ) -> None:
        hub.fail_next = ContractError(code)
        assert (await self.say(facade, hub, self.kit.call(1))).code == code
        assert not hub.envelopes
        assert await self.say(facade, hub, self.kit.call(1)) == Said()

    # --- what cannot be taken

    async def test_what_is_malformed_is_refused_and_leaves_nothing(self, facade: Facade, hub: MemoryHub) -> None:
        """Coded, explained in both languages, and neither an envelope nor a file is left."""
        for wrong, call in self.kit.malformed().items():
            said = await self.say(facade, hub, call)
            assert said.code in CATALOGUE, wrong
            problem = CATALOGUE[said.code]
            assert problem.title_vi in said.text and problem.title_en in said.text, wrong
            assert not hub.envelopes and not hub.files, wrong

    @pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE)
    async def test_what_strangers_send_is_refused_at_once(self, facade: Facade, hub: MemoryHub, octets: bytes) -> None:
        started = time.process_time()
        assert (await self.say(facade, hub, replace(self.kit.call(1), body=octets))).code in CATALOGUE
        assert time.process_time() - started < 20 * MAX_REFUSAL_S
        assert not hub.envelopes and not hub.files

    async def test_every_operation_refuses_what_strangers_send(self, facade: Facade, hub: MemoryHub) -> None:
        """Headers, variables and queries of nonsense too: an answer or a refusal, never an error of ours."""
        good = self.kit.call(1)
        nonsense = ("", "0", "-1", "đ", "'; --", "9" * 400, "\x00", "../..", "null", "[]", "{}", "2026-99-99")
        for operation in facade.operations:
            for text in nonsense:
                call = Call(
                    operation=operation.name,
                    path=dict.fromkeys(_variables(operation.path), text or "x"),
                    query={one.name: text for one in operation.query},
                    headers={**good.headers, **{one.name: text for one in operation.headers}},
                    body=text.encode(),
                )
                self.kit.said(await self.ask(facade, hub, call))
                self.kit.said(await self.ask(facade, hub, replace(call, headers=good.headers, query={})))

    async def test_no_octet_can_be_changed_to_an_error_of_ours(self, facade: Facade, hub: MemoryHub) -> None:
        """Cut off anywhere, flipped anywhere: it is taken or refused, and refusing is quick."""
        chance, good = random.Random(6), self.kit.call(1)
        mutants = [good.body[: len(good.body) * part // 40] for part in range(40)]
        for _ in range(_FLIPS):
            mutant = bytearray(good.body or b"{}")
            for _ in range(chance.randint(1, 4)):
                mutant[chance.randrange(len(mutant))] = chance.randrange(256)
            mutants.append(bytes(mutant))
        started = time.process_time()
        for mutant in mutants:
            taken = len(hub.envelopes)
            said = await self.say(facade, hub, replace(good, body=mutant))
            assert not said.code or len(hub.envelopes) == taken
        assert time.process_time() - started < MAX_REFUSAL_S * len(mutants)

    async def test_a_huge_call_is_taken_or_refused_without_holding_up_others(self, facade: Facade, hub: MemoryHub) -> None:
        """While twelve megabytes are read, the hub goes on answering."""
        asked = asyncio.ensure_future(self.say(facade, hub, self.kit.huge(12_000_000)))
        longest = 0.0
        while not asked.done():
            before = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            longest = max(longest, min(time.perf_counter() - before[0], time.process_time() - before[1]))
        said = asked.result()
        assert bool(said.code) == (not hub.envelopes)
        assert longest < 0.5

    async def test_every_refusal_can_be_read(self, facade: Facade) -> None:
        """Whatever refused it, whatever the detail says, for calls that nothing could be made of too."""
        good = self.kit.call(1)
        calls = (good, self.kit.anonymous(), replace(good, body=b"\xff\x00"), replace(good, headers={}, query={}, path={}))
        for call, code in itertools.product(calls, CATALOGUE):
            for field, detail in (("", ""), ("/recipients/0", "H01.99"), (_NASTY, _NASTY)):
                answer = facade.refuse(call, Refusal.of(code, field, detail), "a.b.c")
                assert 200 <= answer.status < 600 and len(answer.body) < 64_000
                assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
                assert self.kit.said(answer).code == code


def _variables(path: str) -> Sequence[str]:
    return [part.partition("}")[0].partition(":")[0] for part in path.split("{")[1:]]
