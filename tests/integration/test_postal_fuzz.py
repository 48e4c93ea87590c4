"""The postal facades against their own OpenAPI documents: whatever is sent, the answer is one that the document describes."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from schemathesis import GenerationMode

from adapters.vnpost.facade import NGSP, WRAPPER
from tests.integration.http_hub import http_hub
from tests.integration.test_http_fuzz import Target, fuzz

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[NGSP, WRAPPER], ids=lambda form: form.name)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A hub on a thread of its own: the fuzzer's client blocks."""
    ready: Future[tuple[Target, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve(folder: Path) -> None:
        async with http_hub(folder, signatures="record") as hub:
            stop = asyncio.Event()
            found = Target(hub.url + request.param.prefix, hub.headers(), {}, b"")
            ready.set_result((found, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve(tmp_path_factory.mktemp("hub"))))
    thread.start()
    found, loop, stop = ready.result(30)
    yield found
    loop.call_soon_threadsafe(stop.set)
    thread.join(30)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_the_answer_is_as_described(target: Target, mode: GenerationMode) -> None:
    """No server error; described statuses, media types and forms only."""
    statuses = fuzz(target, mode, known=False)
    assert len(statuses) >= 5
    assert all(found <= {200, 400, 413, 429} for found in statuses.values()), statuses
