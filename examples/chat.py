"""A chatbot's turn: somebody asks for a restart of their computer, and the channel knows their UPN, their account and what
they are called. Run: python examples/chat.py identity.db john.doe@contoso.com jdoe@EMEA "John Doe"
"""

import sys

import identidex


def reply(index: identidex.Index, upn: str, account_name: str | None, full_name: str) -> str:
    """Says what the bot answers. It acts on a device only if it knows whose it is."""
    answer = index.find_together({"upn": upn, "account_name": account_name, "full_name": full_name})
    try:
        match = answer.one()
    except identidex.NotOne as why:
        if "contradiction" in answer.get("flags", []):
            return "What I was told of you does not fit together. I am calling a colleague."
        if why.outcome == "several":
            return "Several people could be you. What is your account name?"
        return "I do not know you yet. What is your account name?"
    if answer["freshness"]["state"] == "stale":
        return "What I know of your devices is too old to act on. I am calling a colleague."
    if "moved" in match["flags"]:
        return "Your account is new under this name. I am calling a colleague."
    if not identidex.is_enough_to_act(match) or match["flags"]:
        return "I need your account name too before I act on a device."
    name = match["account"]["full_name"] or full_name
    primary = [device["name"] for device in match["devices"] if device.get("primary")]
    if primary:
        return f"{name}, shall I restart {primary[0]}?"
    if not match["devices"]:
        # Where something waits, none is not known to be none.
        return f"{name}, what is your device called?"
    return f"{name}, which of your {len(match['devices'])} devices is it?"


if __name__ == "__main__":
    path, upn, account_name, full_name = sys.argv[1:]
    print(reply(identidex.open(path), upn, account_name or None, full_name))
