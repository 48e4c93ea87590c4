"""How text is compared.

Vietnamese arrives composed ("ồ" as one code point, NFC) and decomposed (three code points, NFD); both look alike on a screen.
Received octets are never changed: these functions make *keys* beside them (Unicode Standard Annex 15, forms NFC and NFD;
case folding of chapter 3.13).
"""

import re
import unicodedata

_SPACES = re.compile(r"\s+")
_D_WITH_STROKE = str.maketrans({"đ": "d", "ð": "d"})


def nfc(text: str) -> str:
    """Composed form, white space at the ends removed and inside folded to one space."""
    if text.isascii():
        return text if " " not in text and text.isprintable() else _SPACES.sub(" ", text).strip()
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def identifier_key(text: str) -> str:
    """Two identifiers are the same when their keys are: composed, spaces folded, case folded."""
    return nfc(text).casefold()


def search_key(text: str) -> str:
    """For finding names typed without marks: "Hồ Đắc" and "ho dac" have one key. Never used to decide identity."""
    decomposed = unicodedata.normalize("NFD", identifier_key(text).translate(_D_WITH_STROKE))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def is_plain_token(text: str, limit: int) -> bool:
    """Printable ASCII without spaces, 1..limit characters: the shape of message ids and similar machine names."""
    return 0 < len(text) <= limit and text.isascii() and text.isprintable() and " " not in text
