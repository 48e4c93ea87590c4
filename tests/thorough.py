"""How much a run tries of what could be tried: `make test` a part, `make soak` (LGSP_THOROUGH=1) all of it."""

import os
from typing import TypeVar

T = TypeVar("T")


def much(thorough: T, quick: T) -> T:
    """By the environment."""
    return thorough if os.environ.get("LGSP_THOROUGH") == "1" else quick
