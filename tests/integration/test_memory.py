"""A large attachment costs the hub disk, not memory."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.bench import memory
from tests.bench.processes import Child
from tests.bench.targets import World

SIZE_MIB = 250


@pytest.mark.slow
def test_a_large_attachment_passes_through_without_being_held_in_memory(tmp_path: Path) -> None:
    """Uploaded, named in an envelope that is delivered, and fetched by its recipient: the process grows by less than 64 MiB."""
    unused: Any = None  # the embedded set-up needs no servers
    with ExitStack() as stack:
        sink = stack.enter_context(Child(["-m", "tests.bench.load"], tmp_path, "load", talks=True))
        world = World(folder=tmp_path, rabbit=unused, postgres=unused, sink_port=int(sink.hear()), stack=stack)
        rows = memory.measure(world, ["embedded"], SIZE_MIB)
    assert {one.metric for one in rows} == {f"growth_{step}_{SIZE_MIB}_mib" for step in ("upload", "delivery", "fetch")}
    memory.check(rows)
