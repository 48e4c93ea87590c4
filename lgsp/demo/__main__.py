"""`python -m lgsp.demo`: the demo as a process of its own, beside the hub that `lgsp run --demo` starts.

With --stay the systems go on answering until standard input is closed, so that they end with the process that holds its other
end, however that one ends.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import uvloop

from lgsp.demo.result import DemoResult
from lgsp.demo.runner import DemoFailed, run_demo
from lgsp.demo.sandbox import Sandbox
from lgsp.demo.show import Screen, make_console


def main() -> int:
    options = _options()
    try:
        sandbox = msgspec.json.decode(options.sandbox.read_bytes(), type=Sandbox)
    except (OSError, msgspec.DecodeError) as error:
        print(f"{options.sandbox}: {error}; `lgsp run --demo` makes it", file=sys.stderr)
        return 2
    try:
        return uvloop.run(_stay(sandbox, options) if options.stay else _demo(sandbox, options, None))
    except DemoFailed as failed:
        print(f"{failed.vi}\n{failed.en}", file=sys.stderr)
        return 2


async def _demo(sandbox: Sandbox, options: argparse.Namespace, stay: Callable[[DemoResult], None] | None) -> int:
    result = await run_demo(
        sandbox,
        Screen(make_console(), quiet=options.json, program=options.program),
        cases=options.cases,
        duration_s=options.seconds,
        seed=options.seed,
        patience_s=options.patience,
        stay=stay,
    )
    if stay is None and options.json:
        _print(result)
    return result.exit_code


async def _stay(sandbox: Sandbox, options: argparse.Namespace) -> int:
    """Ctrl-C goes to everybody at the terminal, and the hub then ends this process by closing the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    demo = asyncio.create_task(_demo(sandbox, options, _print if options.json else lambda result: None))
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _cancel_at_end, demo)
    with suppress(asyncio.CancelledError):
        return await demo
    return 0


def _cancel_at_end(demo: "asyncio.Task[int]") -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        demo.cancel()


def _print(result: DemoResult) -> None:
    print(json.dumps(result.plain(), ensure_ascii=False, indent=2), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lgsp.demo", description="A working day of the province against a running hub."
    )
    parser.add_argument("--sandbox", type=Path, required=True, help="file with the hub's address and the agencies' credentials")
    parser.add_argument("--cases", type=int, default=2700)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long 08:00 to 17:00 takes")
    parser.add_argument(
        "--seed", type=int, help="the same people, parcels and message ids as another run; a fresh one by default"
    )
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for which the hub may be away")
    parser.add_argument("--program", default="lgsp", help="what one types to call lgsp")
    parser.add_argument("--json", action="store_true", help="nothing but the result, as JSON")
    parser.add_argument("--stay", action="store_true", help="go on answering until standard input is closed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
