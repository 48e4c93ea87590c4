"""`python -m lgsp.demo`: the demo as a process of its own, beside the hub that `lgsp run --demo` starts.

With --stay the systems go on answering until standard input is closed, so that they end with the process that holds its other
end, however that one ends.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from lgsp.demo.result import DemoResult
from lgsp.demo.runner import DemoFailed, run_demo
from lgsp.demo.sandbox import Sandbox
from lgsp.demo.show import Screen


def main() -> int:
    options = _options()
    sandbox = msgspec.json.decode(options.sandbox.read_bytes(), type=Sandbox)
    if options.stay:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the hub too, and the hub ends this process
    try:
        return uvloop.run(_demo(sandbox, options))
    except DemoFailed as failed:
        print(f"{failed.vi}\n{failed.en}", file=sys.stderr)
        return 2


async def _demo(sandbox: Sandbox, options: argparse.Namespace) -> int:
    screen = Screen(Console(), quiet=options.json)

    async def done(result: DemoResult) -> None:
        if options.json:
            print(json.dumps(result.plain(), ensure_ascii=False, indent=2), flush=True)
        if options.stay:
            await asyncio.to_thread(sys.stdin.buffer.read)

    result = await run_demo(
        sandbox,
        screen,
        cases=options.cases,
        duration_s=options.seconds,
        seed=options.seed,
        patience_s=options.patience,
        when_done=done,
    )
    return result.exit_code


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
    parser.add_argument("--json", action="store_true", help="nothing but the result, as JSON")
    parser.add_argument("--stay", action="store_true", help="go on answering until standard input is closed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
