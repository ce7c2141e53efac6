"""Writes that arrive at the same moment share one transaction, so that twenty writers wait for few commits."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Writing = Callable[[], AbstractContextManager[Connection]]


@dataclass(eq=False)
class _Wish:
    work: Callable[[Connection], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None


class Together:
    """Those who wait while one writes are written by the next in one go, in the order they came."""

    _known: ClassVar[weakref.WeakValueDictionary[str, Together]] = weakref.WeakValueDictionary()
    _naming = threading.Lock()

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._turn = threading.Lock()
        self._waiting: list[_Wish] = []
        self._list = threading.Lock()

    @classmethod
    def of(cls, address: str, writing: Writing) -> Together:
        """The queue of a database: the same for every Store of this process that has this address."""
        with cls._naming:
            found = cls._known.get(address)
            if found is None:
                found = cls._known[address] = cls(writing)
            return found

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, once what it wrote is committed; what it raised, where it failed."""
        wish = _Wish(work)
        with self._list:
            self._waiting.append(wish)
        with self._turn:
            if not wish.done.is_set():
                with self._list:
                    wishes, self._waiting = self._waiting, []
                self._commit(wishes)
        if wish.error is not None:
            raise wish.error
        return wish.result

    def _commit(self, wishes: list[_Wish]) -> None:
        try:
            with self._writing() as connection:
                results = [wish.work(connection) for wish in wishes]
            for wish, result in zip(wishes, results, strict=True):
                wish.result = result
        except Exception as error:
            if len(wishes) == 1:
                wishes[0].error = error
            else:
                for wish in wishes:
                    self._alone(wish)
        except BaseException as error:
            # the process is being stopped: nobody who waits may take silence for a receipt
            for wish in wishes:
                wish.error = wish.error or error
            raise
        finally:
            for wish in wishes:
                wish.done.set()

    def _alone(self, wish: _Wish) -> None:
        try:
            with self._writing() as connection:
                wish.result = wish.work(connection)
        except Exception as error:
            wish.error = error
