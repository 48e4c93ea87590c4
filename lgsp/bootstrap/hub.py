"""Settings in, a hub out, opened and not yet moving."""

import random
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from adapters.registry import COLLECTORS, REGISTRY
from lgsp.assembly import Hub, Role, assemble, utc_now
from lgsp.bootstrap.keeping import retention
from lgsp.bootstrap.keys import hub_keys
from lgsp.bootstrap.log import open_log, open_publisher
from lgsp.bootstrap.stores import BOTH, alone, open_blobs, open_broker, open_store
from lgsp.bootstrap.trust import live_trust, open_keeper, open_stamper, signing_policy
from lgsp.flow.examination import Examiner
from lgsp.flow.log_stamping import LogStamping
from lgsp.flow.signed_files import FileChecks
from lgsp.settings import Settings
from lgsp.trust.isolated import PdfChecker


@asynccontextmanager
async def open_hub(
    settings: Settings, roles: Collection[Role] = BOTH, *, clock: Callable[[], datetime] = utc_now
) -> AsyncIterator[Hub]:
    """Everything opened, in the order in which it depends on each other, and closed in reverse."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(settings))
        broker = await open_broker(settings, roles)
        stack.push_async_callback(broker.close)
        blobs = open_blobs(settings)
        adapters = {name: make(blobs) for name, make in REGISTRY.items()}
        collectors = {name: make() for name, make in COLLECTORS.items()}
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        for collector in collectors.values():
            stack.push_async_callback(collector.close)
        if not broker.survives_restart:
            stack.enter_context(alone(settings))
        trust = live_trust(settings)
        pdfs = PdfChecker()
        stack.push_async_callback(pdfs.close)
        files = FileChecks(blobs, pdfs.check_pdf)
        examiner = Examiner(signing_policy(settings), lambda: trust.current, files, trust.urge, clock)
        further = [trust.run]
        if "worker" in roles:
            further.append(retention(settings, store, blobs, clock).run)
        keys = keeper = None
        if "gateway" in roles:
            keys = hub_keys(settings, clock)
            stack.callback(keys.close)
            keeper = await open_log(settings, store, keys)
            stack.callback(keeper.close)
            further.append((await stack.enter_async_context(open_publisher(settings, store, keeper, clock))).run)
            stamper = await stack.enter_async_context(open_stamper(settings, trust, clock))
            further.append(LogStamping(store, stamper.authorities, clock, every_s=settings.log_stamp_s).run)
            further.append((await stack.enter_async_context(open_keeper(settings, clock))).run)
        yield await assemble(
            settings,
            frozenset(roles),
            store,
            broker,
            blobs,
            adapters,
            examiner,
            clock,
            random.random,
            further=tuple(further),
            keys=keys,
            keeper=keeper,
            collectors=collectors,
        )
