"""Publishing the log: every second or so its head, signed by the hub and cosigned by witnesses, for everybody to compare.

All gateways look; who made the last checkpoint makes the next one, or another when that one has been silent for a while. A round
asks every witness about one and the same head and ends as soon as there is nothing more to wait for: those that answered the last
time have a moment, those that did not are asked beside the others, less and less often, and keep nobody waiting. What was
published is never changed.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from lgsp import metrics
from lgsp.core.log.merkle import ProofInvalid
from lgsp.core.log.policy import Policy, satisfied
from lgsp.errors import Unavailable
from lgsp.flow.clock import loop_time
from lgsp.flow.log_keeper import LogKeeper
from lgsp.log import get_logger
from lgsp.ports import Checkpoint, Cosigner, LogStore, NotVouched

log = get_logger()

_MOMENT_S = 1.0  # for witnesses beyond the quorum
_OVERTAKEN_TIMES = 3  # a witness that knows more: once or twice another gateway was quicker
_ALL_KEPT = timedelta(hours=1)
_AGAIN_S = (1.0, 60.0)  # between two questions to a witness that does not answer: at first, at most


class _Standing:
    """How it goes with one witness."""

    def __init__(self, witness: Cosigner) -> None:
        self.witness = witness
        self.failures = 0
        self.ask_at_s = 0.0
        self.busy = False

    @property
    def may_be_asked(self) -> bool:
        return not self.busy and loop_time() >= self.ask_at_s

    async def ask(self, note: str) -> str | None:
        """Its lines, or None; said once when it begins to fail, and once when it answers again."""
        self.busy = True
        try:
            lines = await self.witness.cosign(note)
        except NotVouched as error:
            self._failed(error.code, error.detail)
            return None
        except (Unavailable, ProofInvalid) as error:
            self._failed("witness.no_proof", str(error))
            return None
        finally:
            self.busy = False
        if self.failures:
            log.info("witness.recovered", witness=self.witness.name, attempt=self.failures)
        self.failures = 0
        return lines

    def _failed(self, code: str, detail: str) -> None:
        first, most = _AGAIN_S
        self.ask_at_s = loop_time() + min(most, first * (1 << min(self.failures, 10)))
        self.failures += 1
        if self.failures == (_OVERTAKEN_TIMES if code == "witness.ahead" else 1):
            log.warning("witness.failed", witness=self.witness.name, code=code, detail=detail)


class Publisher:
    """One in each gateway. `policy` None: nobody is asked. `published`: the last checkpoint that this process knows of."""

    def __init__(
        self,
        store: LogStore,
        keeper: LogKeeper,
        clock: Callable[[], datetime],
        *,
        every_s: float,
        policy: Policy | None = None,
        witnesses: Sequence[Cosigner] = (),
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._every_s = every_s
        self._policy = policy
        self._standings = [_Standing(one) for one in witnesses]
        self._asking: set[asyncio.Task[str | None]] = set()
        self.published: Checkpoint | None = None
        self._own_size = 0
        self._enough = True
        self._thin_at: datetime | None = None
        self.missing: tuple[str, ...] = ()  # witnesses that the last round did without

    async def run(self) -> None:
        """Until cancelled; trouble is said and tried again."""
        try:
            while True:
                try:
                    await self.step()
                except Unavailable as error:
                    log.error("checkpoint.failed", detail=str(error))
                await asyncio.sleep(self._every_s)
        finally:
            for task in self._asking:
                task.cancel()

    async def step(self) -> None:
        """One look, and a round where the log has grown. Raises Unavailable."""
        self.published = await self._store.latest_checkpoint()
        await self._thin_out()
        tree = await self._store.log_head()
        size = 0 if self.published is None else self.published.size
        metrics.log_published(tree.size, size, None if self.published is None else self.published.published_at)
        due = tree.size != size and not self._is_recent()
        if not due and tree.size <= self._keeper.signed.size:
            return
        note = await self._keeper.sign(tree, tree)  # also remembered here when another gateway publishes: it may be elsewhere
        await self._keeper.sync()
        if not due:
            return
        cosigned = await self._round(note)
        if cosigned is None:
            return
        checkpoint = Checkpoint(tree.size, cosigned.encode(), self._clock())
        await self._store.save_checkpoint(checkpoint)
        self._own_size = checkpoint.size
        self.published = checkpoint
        metrics.log_published(tree.size, tree.size, checkpoint.published_at)

    async def _thin_out(self) -> None:
        """A checkpoint a second is for those who compare now; who comes later needs a few."""
        now = self._clock()
        if self._thin_at is None or now >= self._thin_at:
            self._thin_at = now + _ALL_KEPT
            await self._store.thin_checkpoints(now - _ALL_KEPT)

    def _is_recent(self) -> bool:
        """It is not time yet; or another gateway publishes, and has not been silent for so long that it may be gone."""
        if self.published is None:
            return False
        own = self.published.size == self._own_size
        patience_s = self._every_s if own else 2 * self._every_s + _MOMENT_S
        return timedelta() <= self._clock() - self.published.published_at < timedelta(seconds=patience_s)

    async def _round(self, note: str) -> str | None:
        """With the cosignatures that came in time; None without a quorum."""
        if self._policy is None:
            return note
        asked = {self._begin(one, note): one for one in self._standings if one.may_be_asked}
        waited_for = {task for task, one in asked.items() if one.failures == 0}
        until_s = loop_time() + _MOMENT_S
        came: dict[str, str] = {}
        open_tasks = set(asked)
        while open_tasks:
            enough = satisfied(self._policy, came)
            if enough and (not waited_for & open_tasks or loop_time() >= until_s):
                break
            left_s = until_s - loop_time() if enough else None
            done, open_tasks = await asyncio.wait(open_tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            came |= {asked[task].witness.name: lines for task in done if (lines := task.result()) is not None}
        self._told(came)
        return note + "".join(came.values()) if satisfied(self._policy, came) else None

    def _begin(self, one: _Standing, note: str) -> asyncio.Task[str | None]:
        """It may outlast the round: what comes too late is for nothing, and the witness has what to go on from."""
        task = asyncio.create_task(one.ask(note))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    def _told(self, came: dict[str, str]) -> None:
        assert self._policy is not None
        self.missing = tuple(one.name for one in self._policy.witnesses if one.name not in came)
        metrics.LOG_WITNESSES_MISSING.set(len(self.missing))
        enough = satisfied(self._policy, came)
        if self._enough and not enough:
            log.error("checkpoint.unwitnessed", witnesses=list(self.missing))
        self._enough = enough
