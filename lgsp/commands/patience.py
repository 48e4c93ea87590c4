"""How long an endpoint is tried: `--retry-schedule 5,30,300` and `--max-age-s 7200`; `hub` is what the hub does by default."""

from typing import Literal, TypeVar

import click
import msgspec

from lgsp.settings import Schedule, Seconds

T = TypeVar("T")

HUB: Literal["hub"] = "hub"


class OwnSchedule(click.ParamType["tuple[float, ...] | Literal['hub']"]):
    """Seconds, separated by commas."""

    name = "schedule"

    def convert(
        self, value: str | tuple[float, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...] | Literal["hub"]:
        if value == HUB or isinstance(value, tuple):
            return HUB if value == HUB else value
        try:
            schedule: tuple[float, ...] = msgspec.convert([one.strip() for one in value.split(",")], Schedule, strict=False)
        except msgspec.ValidationError as error:
            self.fail(f"{value!r} is no schedule ({error}); write 5,30,300 or {HUB}", param, ctx)
        return schedule


class OwnAge(click.ParamType["float | Literal['hub']"]):
    """Seconds."""

    name = "age"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float | Literal["hub"]:
        if value == HUB:
            return HUB
        try:
            age_s: float = msgspec.convert(value, Seconds, strict=False)
        except msgspec.ValidationError as error:
            self.fail(f"{value!r} is no age ({error}); write 7200 or {HUB}", param, ctx)
        return age_s
