"""One rule: what is required, in both languages, under a code that is stable for ever."""

from dataclasses import dataclass

Rows = tuple[tuple[str, str, str, str, str], ...]  # code; title in Vietnamese, in English; remedy in Vietnamese, in English


@dataclass(frozen=True, slots=True)
class Rule:
    """What is required, broken: what is wrong and what the signer (or who checks) does about it."""

    code: str
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str
