"""The chatbot's turn in `examples`."""

import importlib.util

import identidex
from conftest import ROOT


def test_the_bot_acts_only_when_it_knows_who_is_speaking(index):
    spec = importlib.util.spec_from_file_location("chat", ROOT / "examples/chat.py")
    chat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chat)
    index = identidex.open(index, ageing_for_hours=24 * 36_525)
    assert chat.reply(index, "john.doe@contoso.com", "John Doe") == "Doe, John, shall I restart NB-0042?"
    assert chat.reply(index, "john.doe@contoso.com", "Jane Doe").startswith("I do not know you yet")
    assert chat.reply(index, "nobody@contoso.com", "No Body").startswith("I do not know you yet")
