"""Mistakes in the settings, named by the setting."""

from collections.abc import Iterator
from contextlib import contextmanager

from lgsp.errors import SettingsError


@contextmanager
def named_by(setting: str) -> Iterator[None]:
    """A file or folder that cannot be used is a mistake in the setting that names it. Raises SettingsError."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise SettingsError([f"{setting}: {what}"]) from error
