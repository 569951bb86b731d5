"""The chatbot's turn in `examples`."""

import importlib.util

import identidex
from conftest import ROOT


def test_the_bot_acts_only_when_it_knows_who_is_speaking(index):
    spec = importlib.util.spec_from_file_location("chat", ROOT / "examples/chat.py")
    chat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chat)
    index = identidex.open(index, ageing_for_hours=24 * 36_525)
    turn = lambda upn, account, name: chat.reply(index, upn, account, name)
    assert turn("john.doe@contoso.com", "jdoe@EMEA", "John Doe") == "Doe, John, shall I restart NB-0042?"
    assert turn("john.doe@contoso.com", None, "John Doe").startswith("I need your account name too")
    assert turn("john.doe@contoso.com", "jdoe@EMEA", "Jane Doe").startswith("What I was told of you does not fit")
    assert turn("nobody@contoso.com", None, "No Body").startswith("I do not know you yet")
