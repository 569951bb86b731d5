"""The types of answers, written by `make_types.py` from the schemas."""

from __future__ import annotations

from typing import Literal, TypedDict, Union


Outcome = Literal['one', 'several', 'none', 'unparseable']


Kind = Literal['sid', 'uid', 'account_name', 'bare_name', 'upn', 'email', 'device_uid', 'collector_uid', 'device_name', 'short_name', 'serial_number']


_Evidence = TypedDict("_Evidence", {
    'kind': Kind,
    'value': str,
    'observed_at': Union[str, None],
    'object': str,
    'row': int,
})


class Evidence(_Evidence):
    pass


_Account = TypedDict("_Account", {
    'uid': Union[str, None],
    'account_name': Union[str, None],
    'sid': Union[str, None],
    'upn': Union[str, None],
    'email': Union[str, None],
    'full_name': Union[str, None],
    'department': Union[str, None],
    'job_title': Union[str, None],
    'class': Literal['person', 'machine', 'local', 'service', 'admin', 'unknown'],
    'first_seen': Union[str, None],
    'last_seen': Union[str, None],
})


class Account(_Account):
    pass


_DeviceUse = TypedDict("_DeviceUse", {
    'uid': Union[str, None],
    'collector_uid': Union[str, None],
    'name': Union[str, None],
    'serial_number': Union[str, None],
    'type': Union[str, None],
    'manufacturer': Union[str, None],
    'model': Union[str, None],
    'os': Union[str, None],
    'entity': Union[str, None],
    'first_seen': Union[str, None],
    'last_seen': Union[str, None],
    'logins': Union[int, None],
    'logins_observed': Union[str, None],
    'last_used': Union[str, None],
    'current': bool,
    'shared': bool,
})
_DeviceUsePerhaps = TypedDict("_DeviceUsePerhaps", {
    'through': str,
    'primary': Literal[True],
    'not_primary': Literal['not_a_person', 'not_current', 'shared', 'other_device', 'no_device_leads', 'another_came', 'elsewhere_since', 'better_known', 'name_of_several', 'other_account', 'no_account_leads', 'last_login', 'undated', 'newer_waits', 'namesake', 'not_ranked', 'before_account', 'replaced'],
}, total=False)


class DeviceUse(_DeviceUse, _DeviceUsePerhaps):
    pass


_Usage = TypedDict("_Usage", {
    'account': str,
    'device': str,
    'reason': Literal['unknown', 'ambiguous'],
})


class Usage(_Usage):
    pass


_Waiting = TypedDict("_Waiting", {
    'unknown': int,
    'ambiguous': int,
    'usages': list[Usage],
})


class Waiting(_Waiting):
    """Usages that mean this one or may mean it, and cannot be placed: where it stands, a missing device or account is not known to be none. Absent when nothing waits, and when only ids were asked for."""


_AccountMatch = TypedDict("_AccountMatch", {
    'type': Literal['account'],
    'level': Literal['exact', 'folded', 'short_name', 'bare_name'],
    'strength': int,
    'account': Account,
    'flags': list[Literal['weak_sid', 'confusable', 'moved', 'not_seen_lately']],
    'enough_to_act': bool,
})
_AccountMatchPerhaps = TypedDict("_AccountMatchPerhaps", {
    'stable_key': Literal[True],
    'evidence': list[Evidence],
    'devices': list[DeviceUse],
    'devices_left_out': int,
    'waiting': Waiting,
    'moved_at': str,
    'not_enough': Literal['not_one', 'weak_sid', 'confusable', 'moved', 'not_seen_lately', 'too_little', 'namesake_waits'],
}, total=False)


class AccountMatch(_AccountMatch, _AccountMatchPerhaps):
    pass


_Device = TypedDict("_Device", {
    'uid': Union[str, None],
    'collector_uid': Union[str, None],
    'name': Union[str, None],
    'serial_number': Union[str, None],
    'type': Union[str, None],
    'manufacturer': Union[str, None],
    'model': Union[str, None],
    'os': Union[str, None],
    'entity': Union[str, None],
    'first_seen': Union[str, None],
    'last_seen': Union[str, None],
})


class Device(_Device):
    pass


_AccountUse = TypedDict("_AccountUse", {
    'uid': Union[str, None],
    'account_name': Union[str, None],
    'sid': Union[str, None],
    'upn': Union[str, None],
    'email': Union[str, None],
    'full_name': Union[str, None],
    'department': Union[str, None],
    'job_title': Union[str, None],
    'class': Literal['person', 'machine', 'local', 'service', 'admin', 'unknown'],
    'first_seen': Union[str, None],
    'last_seen': Union[str, None],
    'logins': Union[int, None],
    'logins_observed': Union[str, None],
    'last_used': Union[str, None],
    'current': bool,
})
_AccountUsePerhaps = TypedDict("_AccountUsePerhaps", {
    'through': str,
    'primary': Literal[True],
    'not_primary': Literal['not_a_person', 'not_current', 'shared', 'other_device', 'no_device_leads', 'another_came', 'elsewhere_since', 'better_known', 'name_of_several', 'other_account', 'no_account_leads', 'last_login', 'undated', 'newer_waits', 'namesake', 'not_ranked', 'before_account', 'replaced'],
}, total=False)


class AccountUse(_AccountUse, _AccountUsePerhaps):
    pass


_DeviceMatch = TypedDict("_DeviceMatch", {
    'type': Literal['device'],
    'level': Literal['exact', 'folded', 'short_name', 'bare_name'],
    'strength': int,
    'device': Device,
    'flags': list[Literal['weak_sid', 'confusable', 'moved', 'not_seen_lately']],
    'enough_to_act': bool,
})
_DeviceMatchPerhaps = TypedDict("_DeviceMatchPerhaps", {
    'stable_key': Literal[True],
    'evidence': list[Evidence],
    'shared': bool,
    'accounts': list[AccountUse],
    'accounts_left_out': int,
    'waiting': Waiting,
    'moved_at': str,
    'not_enough': Literal['not_one', 'weak_sid', 'confusable', 'moved', 'not_seen_lately', 'too_little', 'namesake_waits'],
}, total=False)


class DeviceMatch(_DeviceMatch, _DeviceMatchPerhaps):
    pass


_Skipped = TypedDict("_Skipped", {
    'machine': int,
    'local': int,
})
_SkippedPerhaps = TypedDict("_SkippedPerhaps", {
    'gone': int,
}, total=False)


class Skipped(_Skipped, _SkippedPerhaps):
    """Accounts passed over because of their class: as matches, or as accounts of a device; and who is gone."""


_Clue = TypedDict("_Clue", {
    'text': str,
    'kind': Union[Kind],
    'verdict': Literal['agrees', 'former', 'unknown', 'elsewhere', 'nobody', 'too_many', 'unparseable'],
})


class Clue(_Clue):
    pass


_Suggestion = TypedDict("_Suggestion", {
    'kind': Kind,
    'name': str,
    'likeness': Literal['one_edit', 'prefix', 'two_edits'],
    'class': Literal['person', 'machine', 'local', 'service', 'admin', 'unknown', None],
    'full_name': Union[str, None],
    'uid': Union[str, None],
})


class Suggestion(_Suggestion):
    pass


_Coverage = TypedDict("_Coverage", {
    'users': Union[str, None],
    'devices': Union[str, None],
    'logins': Union[str, None],
})


class Coverage(_Coverage):
    """Until when each dataset was observed; null: never."""


_Freshness = TypedDict("_Freshness", {
    'state': Literal['fresh', 'ageing', 'stale', 'unknown'],
    'as_of': Union[str, None],
    'age_seconds': Union[int, None],
})
_FreshnessPerhaps = TypedDict("_FreshnessPerhaps", {
    'ahead': Union[str, None],
}, total=False)


class Freshness(_Freshness, _FreshnessPerhaps):
    pass


_Answer = TypedDict("_Answer", {
    'query': str,
    'outcome': Outcome,
    'matches': list[Union[AccountMatch, DeviceMatch]],
    'skipped': Skipped,
    'coverage': Coverage,
    'generation': int,
    'freshness': Freshness,
})
_AnswerPerhaps = TypedDict("_AnswerPerhaps", {
    'non_identifying': list[Kind],
    'clues': list[Clue],
    'flags': list[Literal['confusable_with_known', 'contradiction']],
    'answered_by': Literal['index', 'nexthink'],
    'not_asked': str,
    'suggestions': list[Suggestion],
}, total=False)


class Answer(_Answer, _AnswerPerhaps):
    pass


_Times = TypedDict("_Times", {
    'first': str,
    'last': str,
})


class Times(_Times):
    pass


_Said = TypedDict("_Said", {
    'kind': str,
    'value': str,
    'observed_at': str,
    'object': str,
    'row': int,
})


class Said(_Said):
    pass


_Hit = TypedDict("_Hit", {
    'type': Literal['account', 'device'],
    'uid': Union[str, None],
    'name': Union[str, None],
    'verdict': Literal['holds', 'skipped', 'gone', 'former'],
    'held': Union[Times, None],
    'evidence': Union[Said, None],
})
_HitPerhaps = TypedDict("_HitPerhaps", {
    'sid': Union[str, None],
    'collector_uid': Union[str, None],
    'class': Literal['person', 'machine', 'local', 'service', 'admin', 'unknown'],
}, total=False)


class Hit(_Hit, _HitPerhaps):
    pass


_TriedRule = TypedDict("_TriedRule", {
    'text': str,
    'kind': str,
})
_TriedRulePerhaps = TypedDict("_TriedRulePerhaps", {
    'refused': str,
    'normal': str,
    'count': int,
    'hits': list[Hit],
}, total=False)


class TriedRule(_TriedRule, _TriedRulePerhaps):
    pass


_Why = TypedDict("_Why", {
    'answer': Answer,
    'tried': list[TriedRule],
})


class Why(_Why):
    pass
