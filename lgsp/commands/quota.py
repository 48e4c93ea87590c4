"""`lgsp agency quota`: how much an agency may hand over, where the hub's default does not fit."""

from typing import TYPE_CHECKING

import click
import msgspec

from lgsp.commands.agency import agency, change, code_argument
from lgsp.commands.common import json_option, with_settings
from lgsp.core.quota import NO_LIMIT, Quota

if TYPE_CHECKING:
    from lgsp.settings import Settings

_BURST_S = 10  # without --burst: what is granted in so many seconds comes at once


@agency.command()
@json_option
@code_argument
@click.option("--per-second", "per_s", type=click.FloatRange(0, 1_000_000, min_open=True), help="Envelopes in the long run.")
@click.option(
    "--burst",
    type=click.IntRange(1, 1_000_000),
    help=f"Envelopes at once after a pause; default: those of {_BURST_S} seconds.",
)
@click.option("--no-limit", "act", flag_value="no_limit", help="It may send as much as it can.")
@click.option("--default", "act", flag_value="default", help="Back to quota_per_s and quota_burst of the settings.")
@with_settings
def quota(settings: "Settings", code: str, per_s: float | None, burst: int | None, act: str | None, as_json: bool) -> None:
    """Hạn mức gửi · Set how many envelopes an agency may hand over.

    Beyond its quota it is answered 429 with Retry-After and sends the same bytes again; nothing is lost.
    """
    if (per_s is None) == (act is None) or (burst is not None and per_s is None):
        raise click.UsageError("Give --per-second, with --burst if you like, or one of --no-limit, --default.")
    new = _quota(per_s, burst, act)
    change(settings, code, lambda one: msgspec.structs.replace(one, quota=new), as_json)


def _quota(per_s: float | None, burst: int | None, act: str | None) -> Quota | None:
    if per_s is None:
        return NO_LIMIT if act == "no_limit" else None
    return Quota(per_s=per_s, burst=burst or min(max(1, round(per_s * _BURST_S)), 1_000_000))
