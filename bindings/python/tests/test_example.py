"""The chatbot's turn in `examples`, with those who speak in `fixtures/chat`."""

import importlib.util
import json

import identidex
from conftest import ROOT, publish


def test_the_bot_acts_only_on_a_device_that_is_theirs(tmp_path):
    spec = importlib.util.spec_from_file_location("chat", ROOT / "examples/chat.py")
    chat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chat)
    turns = json.loads((ROOT / "fixtures/chat/turns.json").read_text(encoding="utf-8"))
    path = publish(tmp_path, turns["objects"])
    index = identidex.open(path, ageing_for_hours=24 * 36_525)

    def reply(index, turn):
        account_name = turn["account_name"] or None
        return chat.reply(index, turn["upn"], account_name, turn["full_name"], signed_in=turn["signed_in"])

    for turn in turns["turns"]:
        assert reply(index, turn) == turn["reply"], turn["about"]
    stale = identidex.open(path, fresh_for_hours=0, ageing_for_hours=0)
    assert reply(stale, turns["turns"][1]).startswith("What I know of your devices is too old")
