"""Who is this employee, which devices are theirs, and which ids does the next API call need?

>>> index = identidex.open("identity.db")                       # doctest: +SKIP
>>> answer = index.find("jdoe@EMEA")                            # doctest: +SKIP
>>> answer.one()["account"]["uid"]                              # doctest: +SKIP

An answer is a dict, the same as the JSON of `identidex resolve --json`. Only `Answer.one` turns it into a single match,
and raises when there is not exactly one: a chatbot never acts on a guess.
"""

from __future__ import annotations

import builtins
import os
from typing import Any, Iterable, Mapping

from . import _identidex
from ._identidex import Damaged, Foreign, IndexFault, Missing, Newer, NotPermitted, Older

# `open` is left out: a star import must not shadow the builtin.
__all__ = [
    "Answer",
    "Damaged",
    "Foreign",
    "Index",
    "IndexFault",
    "Missing",
    "Newer",
    "NotOne",
    "NotPermitted",
    "Older",
    "is_enough_to_act",
]


class NotOne(LookupError):
    """An answer is not a single match. `outcome` says why: `several`, `none` or `unparseable`."""

    def __init__(self, outcome: str, count: int) -> None:
        reason = {
            "several": f"{count} subjects fit" if count > 1 else "one subject fits, and the text also points to others",
            "none": "nobody fits",
            "unparseable": "the text is no identifier of the kinds asked for",
        }
        super().__init__(reason[outcome])
        self.outcome = outcome
        self.count = count

    def __reduce__(self):
        return NotOne, (self.outcome, self.count)


class Answer(dict):
    """What the index says to a query; its keys are described in `schemas/answer.schema.json`."""

    @property
    def outcome(self) -> str:
        """`one`, `several`, `none` or `unparseable`."""
        return self["outcome"]

    def one(self) -> dict[str, Any]:
        """Returns the match when there is exactly one; raises `NotOne` otherwise, and never picks one of several."""
        matches = self["matches"]
        if self["outcome"] != "one" or len(matches) != 1:
            raise NotOne(self["outcome"], len(matches))
        return matches[0]


def is_enough_to_act(match: Mapping[str, Any]) -> bool:
    """Tells whether enough agreed to act on a device, and not only to show something: a stable key, or two identifiers."""
    return match.get("stable_key", False) or match["strength"] >= 2


class Index:
    """A published index, open for lookups. Follows new generations by itself; any number of threads may share it."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        refresh_ms: int | None = None,
        max_holders: int | None = None,
        fresh_for_hours: int | None = None,
        ageing_for_hours: int | None = None,
    ) -> None:
        """Opens an index by its path.

        `refresh_ms` is how often a new generation is looked for (250); a value that more than `max_holders` (8) hold
        identifies none of them; up to an age of `fresh_for_hours` (36) an answer is `fresh`, up to `ageing_for_hours`
        (192) `ageing`, and then `stale`.
        """
        self._index = _identidex.Index(
            os.fspath(path),
            refresh_ms=refresh_ms,
            max_holders=max_holders,
            fresh_for_hours=fresh_for_hours,
            ageing_for_hours=ageing_for_hours,
        )

    def find(self, text: str, *, kind: str | None = None, all_classes: bool = False, ids_only: bool = False) -> Answer:
        """Looks up who or what an identifier belongs to.

        `kind` takes the text for one kind of identifier (`upn`, `email`, `account_name`, `sid`, `uid`, `device_name`,
        `device_uid`, `collector_uid`, `serial_number`); `all_classes` has machine and local accounts answer too;
        `ids_only` leaves devices and evidence out.
        """
        return Answer(self._index.find(text, kind=kind, all_classes=all_classes, ids_only=ids_only))

    def devices_of(self, account: str, *, kind: str | None = None, all_classes: bool = False) -> Answer:
        """Looks up accounts only, with their devices: a text that also names a device is no other match."""
        return Answer(self._index.devices_of(account, kind=kind, all_classes=all_classes))

    def accounts_of(self, device: str, *, kind: str | None = None, all_classes: bool = False) -> Answer:
        """Looks up devices only, with their accounts: a text that also names an account is no other match."""
        return Answer(self._index.accounts_of(device, kind=kind, all_classes=all_classes))

    def find_all(
        self, texts: Iterable[str], *, kind: str | None = None, all_classes: bool = False, ids_only: bool = False
    ) -> list[Answer]:
        """Looks up many texts, all in one state of the index, with the interpreter free meanwhile."""
        if isinstance(texts, str):
            raise TypeError("find_all takes many texts, not one")
        answers = self._index.find_all(
            builtins.list(texts), kind=kind, all_classes=all_classes, ids_only=ids_only
        )
        return [Answer(answer) for answer in answers]

    def find_together(
        self,
        clues: Mapping[str, str | None] | Iterable[tuple[str | None, str | None]],
        *,
        all_classes: bool = False,
        ids_only: bool = False,
    ) -> Answer:
        """Looks up the one account or device that all clues fit: `{"upn": …, "email": …, "full_name": …}`.

        Pairs of a kind and a text may be given instead; the kind None takes a text for whatever it can be. A text that is
        None is not known, and left out.
        """
        pairs = clues.items() if isinstance(clues, Mapping) else clues
        known = [(kind, text) for kind, text in pairs if text is not None]
        return Answer(self._index.find_together(known, all_classes=all_classes, ids_only=ids_only))

    def why(self, text: str, *, kind: str | None = None, all_classes: bool = False) -> dict[str, Any]:
        """Says how an answer comes about: each rule tried, who holds what, who held it before, who is passed over."""
        return self._index.why(text, kind=kind, all_classes=all_classes)

    def suggest(self, text: str) -> list[dict[str, str]]:
        """Returns names that resemble a text which finds nobody, for a person to choose from. They disclose who is there."""
        return self._index.suggest(text)

    def freshness(self) -> dict[str, Any]:
        """Says how old what the index knows is, and whether its file is mapped into memory (`mapped`), which is faster."""
        return self._index.freshness()

    def coverage(self) -> dict[str, str | None]:
        """Says until when the index was told of each dataset."""
        return self._index.coverage()

    def verify(self) -> bool:
        """Compares the file with the hash it was published under; False where its name has none, `Damaged` where they differ."""
        return self._index.verify()

    @property
    def generation(self) -> int:
        """The number of the state of the index that answers now."""
        return self._index.generation


open = Index
"""Opens an index by its path."""
