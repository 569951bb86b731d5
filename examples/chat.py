"""A chatbot's turn: somebody asks for a restart of their computer, and the channel knows what it signed them in with (a UPN,
say), perhaps their account name, and what they are called.
Run: python examples/chat.py identity.db john.doe@contoso.com jdoe@EMEA "John Doe"
"""

import sys

import identidex

COLLEAGUE = "I am calling a colleague."
# What to say for each reason why what is known is not enough to act on.
ASK = {
    "not_one": "Several people could be you. What is your account name?",
    "moved": f"Your account is new under this name. {COLLEAGUE}",
    "not_seen_lately": f"Your account was not seen for long. {COLLEAGUE}",
    "confusable": f"Your name looks like somebody else's. {COLLEAGUE}",
    "weak_sid": "That account is on more than one computer. What is your account name?",
    "namesake_waits": f"Your name may be somebody else's by now. {COLLEAGUE}",
    "too_little": "I need your account name too before I act on a device.",
}


def reply(
    index: identidex.Index, upn: str, account_name: str | None, full_name: str, *, signed_in: bool = False
) -> str:
    """Says what the bot answers. It acts on a device only if it knows whose it is.

    `signed_in`: the channel vouches for the UPN.
    """
    clues = {"upn": upn, "account_name": account_name, "full_name": full_name}
    answer = index.find_together(clues, verified=["upn"] if signed_in else [])
    try:
        match = answer.account()
    except identidex.NotOne as why:
        if "contradiction" in answer.get("flags", []):
            return f"What I was told of you does not fit together. {COLLEAGUE}"
        return ASK["not_one"] if why.outcome == "several" else "I do not know you yet. What is your account name?"
    if answer["freshness"]["state"] in ("stale", "unknown"):
        return f"What I know of your devices is too old to act on. {COLLEAGUE}"
    if not match["enough_to_act"]:
        return ASK[match["not_enough"]]
    name = match["account"]["full_name"] or full_name
    primary = [device for device in match.get("devices", []) if "primary" in device]
    if primary and primary[0]["collector_uid"]:
        return f"{name}, shall I restart {primary[0]['name']}?"
    # No device is known to be theirs: where something waits, none is not known to be none, and one of many may be anybody's.
    current = [device["name"] for device in match.get("devices", []) if device["current"] and not device["shared"]]
    if len(current) > len(set(current)):
        return f"{name}, what serial number is on your device?"
    if len(current) > 1:
        return f"{name}, which of your devices is it: {', '.join(filter(None, current))}?"
    return f"{name}, what is your device called?"


if __name__ == "__main__":
    path, upn, account_name, full_name = sys.argv[1:]
    print(reply(identidex.open(path), upn, account_name or None, full_name))
