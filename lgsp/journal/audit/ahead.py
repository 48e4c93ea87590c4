"""Streams that are read side by side, each as far as the others have come."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """An iterator in the order of a number of its values, read as far as that goes."""

    def __init__(self, values: Iterator[T], key: Callable[[T], int]) -> None:
        self._values, self._key = values, key
        self._next = next(values, None)

    def below(self, number: int) -> Iterator[T]:
        while self._next is not None and self._key(self._next) < number:
            yield self._taken()

    def at(self, number: int) -> Iterator[T]:
        while self._next is not None and self._key(self._next) == number:
            yield self._taken()

    def rest(self) -> Iterator[T]:
        while self._next is not None:
            yield self._taken()

    def _taken(self) -> T:
        assert self._next is not None
        taken, self._next = self._next, next(self._values, None)
        return taken
