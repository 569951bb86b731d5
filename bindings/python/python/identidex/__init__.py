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
from typing import Any, Iterable, Literal, Mapping, Optional, Union, overload

from . import _identidex
from ._identidex import Damaged, Foreign, IndexFault, Missing, Newer, NotPermitted, Older
from .answers import AccountMatch, Clue, Coverage, DeviceMatch, Freshness, Kind, Outcome, Skipped, Suggestion, Why

# `open` is left out: a star import must not shadow the builtin.
__all__ = [
    "AccountMatch",
    "Answer",
    "Damaged",
    "DeviceMatch",
    "Foreign",
    "Index",
    "IndexFault",
    "Missing",
    "Newer",
    "NoTarget",
    "NotOne",
    "NotPermitted",
    "Older",
    "is_enough_to_act",
]


class NotOne(LookupError):
    """An answer is not a single match. `outcome` says why: `several`, `none` or `unparseable`; `too_many` that nobody is
    shown because more hold the text than it identifies."""

    def __init__(self, outcome: str, count: int, too_many: bool = False) -> None:
        reason = {
            "several": f"{count} subjects fit" if count > 1 else "one subject fits, and the text also points to others",
            "none": "more hold it than it identifies anybody" if too_many else "nobody fits",
            "unparseable": "the text is no identifier of the kinds asked for",
        }
        super().__init__(reason[outcome])
        self.outcome = outcome
        self.count = count
        self.too_many = too_many

    def __reduce__(self) -> tuple[type[NotOne], tuple[str, int, bool]]:
        return NotOne, (self.outcome, self.count, self.too_many)


class Answer(dict[str, Any]):
    """What the index says to a query; its keys are described in `schemas/answer.schema.json`."""

    # So that a checker finds a key that is misspelt.
    @overload
    def __getitem__(self, key: Literal["outcome"]) -> Outcome: ...
    @overload
    def __getitem__(self, key: Literal["query"]) -> str: ...
    @overload
    def __getitem__(self, key: Literal["matches"]) -> list[AccountMatch | DeviceMatch]: ...
    @overload
    def __getitem__(self, key: Literal["skipped"]) -> Skipped: ...
    @overload
    def __getitem__(self, key: Literal["coverage"]) -> Coverage: ...
    @overload
    def __getitem__(self, key: Literal["freshness"]) -> Freshness: ...
    @overload
    def __getitem__(self, key: Literal["generation"]) -> int: ...
    @overload
    def __getitem__(self, key: Literal["clues"]) -> list[Clue]: ...
    @overload
    def __getitem__(self, key: Literal["flags", "non_identifying"]) -> list[str]: ...
    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key)

    @property
    def outcome(self) -> Outcome:
        """`one`, `several`, `none` or `unparseable`."""
        return self["outcome"]

    def one(self) -> AccountMatch | DeviceMatch:
        """Returns the match when there is exactly one; raises `NotOne` otherwise, and never picks one of several."""
        matches = self["matches"]
        if self["outcome"] != "one" or len(matches) != 1:
            raise NotOne(self["outcome"], len(matches), not matches and "non_identifying" in self)
        return matches[0]

    def account(self) -> AccountMatch:
        """As `one`, where only an account will do; raises `NotOne` for a device too."""
        match = self.one()
        if match["type"] != "account":
            raise NotOne("none", 0)
        return match

    def device(self) -> DeviceMatch:
        """As `one`, where only a device will do; raises `NotOne` for an account too."""
        match = self.one()
        if match["type"] != "device":
            raise NotOne("none", 0)
        return match


class NoTarget(LookupError):
    """No device may be acted on. `outcome` says how many fitted, `doubts` what speaks against it and could be allowed."""

    def __init__(self, outcome: str, doubts: list[str], text: str) -> None:
        super().__init__(text)
        self.outcome = outcome
        self.doubts = doubts

    def __reduce__(self) -> tuple[type[NoTarget], tuple[str, list[str], str]]:
        return NoTarget, (self.outcome, self.doubts, str(self))


Clues = Union[Mapping[str, Optional[str]], Iterable[tuple[Optional[str], Optional[str]]]]
"""What is known of one account or device: kinds and texts, or pairs of them."""


def _known(clues: Clues, verified: Iterable[str]) -> list[tuple[str | None, str, bool]]:
    pairs = builtins.list(clues.items() if isinstance(clues, Mapping) else clues)
    vouched = set(verified)
    if vouched - {kind for kind, _ in pairs}:
        raise ValueError("verified lists kinds of the same clues")
    return [(kind, text, kind in vouched) for kind, text in pairs if text is not None]


def is_enough_to_act(match: AccountMatch | DeviceMatch) -> bool:
    """Tells whether enough agreed to act on a device, and nothing is to be minded; `match["not_enough"]` says why not."""
    return match["enough_to_act"]


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
        quiet_after_days: int | None = None,
    ) -> None:
        """Opens an index by its path.

        `refresh_ms` is how often a new generation is looked for (250); a value that more than `max_holders` (8) hold
        identifies none of them; up to an age of `fresh_for_hours` (36) an answer is `fresh`, up to `ageing_for_hours`
        (192) `ageing`, and then `stale`; who was last seen more than `quiet_after_days` (60) before the newest export
        is flagged `not_seen_lately`.
        """
        self._index = _identidex.Index(
            os.fspath(path),
            refresh_ms=refresh_ms,
            max_holders=max_holders,
            fresh_for_hours=fresh_for_hours,
            ageing_for_hours=ageing_for_hours,
            quiet_after_days=quiet_after_days,
        )

    def find(
        self,
        text: str,
        *,
        kind: Kind | None = None,
        all_classes: bool = False,
        ids_only: bool = False,
        verified: bool = False,
    ) -> Answer:
        """Looks up who or what an identifier belongs to.

        `kind` takes the text for one kind of identifier (`upn`, `email`, `account_name`, `sid`, `uid`, `device_name`,
        `device_uid`, `collector_uid`, `serial_number`); `all_classes` has machine and local accounts answer too;
        `ids_only` leaves devices and evidence out; `verified` says that the channel vouches for the text: whoever is
        writing was signed in with it.
        """
        found = self._index.find(
            text, kind=kind, all_classes=all_classes, ids_only=ids_only, verified=verified
        )
        return Answer(found)

    def devices_of(self, account: str, *, kind: Kind | None = None, all_classes: bool = False) -> Answer:
        """Looks up accounts only, with their devices: a text that also names a device is no other match."""
        return Answer(self._index.devices_of(account, kind=kind, all_classes=all_classes))

    def accounts_of(self, device: str, *, kind: Kind | None = None, all_classes: bool = False) -> Answer:
        """Looks up devices only, with their accounts: a text that also names an account is no other match."""
        return Answer(self._index.accounts_of(device, kind=kind, all_classes=all_classes))

    def find_all(
        self,
        texts: Iterable[str],
        *,
        kind: Kind | None = None,
        all_classes: bool = False,
        ids_only: bool = False,
        verified: bool = False,
    ) -> list[Answer]:
        """Looks up many texts, all in one state of the index, with the interpreter free meanwhile.

        `verified`: the channel vouches for each of them, as for the one text of `find`.
        """
        if isinstance(texts, str):
            raise TypeError("find_all takes many texts, not one")
        answers = self._index.find_all(
            builtins.list(texts), kind=kind, all_classes=all_classes, ids_only=ids_only, verified=verified
        )
        return [Answer(answer) for answer in answers]

    def find_together(
        self,
        clues: Clues,
        *,
        all_classes: bool = False,
        ids_only: bool = False,
        verified: Iterable[str] = (),
    ) -> Answer:
        """Looks up the one account or device that all clues fit: `{"upn": …, "email": …, "full_name": …}`.

        `verified` are the kinds of those that the channel vouches for: whoever is writing was signed in with them.

        Pairs of a kind and a text may be given instead; the kind None takes a text for whatever it can be. A text that is
        None is not known, and left out.
        """
        known = _known(clues, verified)
        return Answer(self._index.find_together(known, all_classes=all_classes, ids_only=ids_only))

    def target(
        self,
        clues: str | Clues,
        *,
        device: str | None = None,
        allow: Iterable[str] = (),
        verified: Iterable[str] = (),
    ) -> dict[str, Any]:
        """Returns the device that may be acted on: `device`, `collector_uid`, `account`, and what was `allowed`.

        `device` is one of the person's, by the name they said; else it is the one that is plainly theirs. Raises `NoTarget`
        where something speaks against it that is not named in `allow`, or where it is not plain who or which is meant.
        """
        known = [(None, clues, False)] if isinstance(clues, str) else _known(clues, verified)
        said = self._index.target(known, device=device, allow=builtins.list(allow))
        if said["target"] is None:
            raise NoTarget(said["outcome"], said["doubts"], said["refused"])
        return said["target"]

    def impacted(self, *, devices: Iterable[str] = (), users: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Says whom to tell that something is up with devices and users, each in turn: `to_tell`, or why `nobody`, and who is
        `left_out`, and why."""
        if isinstance(devices, str) or isinstance(users, str):
            raise TypeError("impacted takes many texts, not one")
        return self._index.impacted(builtins.list(devices), builtins.list(users))

    def why(self, text: str, *, kind: Kind | None = None, all_classes: bool = False) -> Why:
        """Says how an answer comes about: each rule tried, who holds what, who held it before, who is passed over."""
        return self._index.why(text, kind=kind, all_classes=all_classes)

    def suggest(self, text: str) -> list[Suggestion]:
        """Returns names that resemble a text which finds nobody, for a person to choose from. They disclose who is there."""
        return self._index.suggest(text)

    def freshness(self) -> Freshness:
        """Says how old what the index knows is."""
        return self._index.freshness()

    def coverage(self) -> Coverage:
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
