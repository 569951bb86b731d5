"""A chatbot's turn: somebody asks for a restart of their computer, and the channel knows their UPN and what they are
called. Run: python examples/chat.py identity.db john.doe@contoso.com "John Doe"
"""

import sys

import identidex


def reply(index: identidex.Index, upn: str, full_name: str) -> str:
    """Says what the bot answers. It acts on a device only if it knows whose it is."""
    answer = index.find_together({"upn": upn, "full_name": full_name})
    try:
        match = answer.one()
    except identidex.NotOne as why:
        if why.outcome == "several":
            return "Several people could be you. What is your account name?"
        return "I do not know you yet. What is your account name?"
    if answer["freshness"]["state"] == "stale":
        return "What I know of your devices is too old to act on. I am calling a colleague."
    name = match["account"]["full_name"] or full_name
    primary = [device["name"] for device in match["devices"] if device.get("primary")]
    if primary:
        return f"{name}, shall I restart {primary[0]}?"
    return f"{name}, which of your {len(match['devices'])} devices is it?"


if __name__ == "__main__":
    path, upn, full_name = sys.argv[1:]
    print(reply(identidex.open(path), upn, full_name))
