/**
 * A chatbot's turn: somebody asks for a restart of their computer, and the channel knows what it signed them in with (a UPN,
 * say), perhaps their account name, and what they are called.
 */

import * as identidex from "identidex";

const COLLEAGUE = "I am calling a colleague.";
/** What to say for each reason why what is known is not enough to act on. */
const ASK: Record<NonNullable<identidex.AccountMatch["not_enough"]>, string> = {
  not_one: "Several people could be you. What is your account name?",
  moved: `Your account is new under this name. ${COLLEAGUE}`,
  not_seen_lately: `Your account was not seen for long. ${COLLEAGUE}`,
  confusable: `Your name looks like somebody else's. ${COLLEAGUE}`,
  weak_sid: "That account is on more than one computer. What is your account name?",
  namesake_waits: `Your name may be somebody else's by now. ${COLLEAGUE}`,
  too_little: "I need your account name too before I act on a device.",
};

/** What a chat channel knows of whoever is writing. */
export interface Speaker {
  upn: string;
  accountName: string | null;
  fullName: string;
  /** The channel vouches for the UPN. */
  isSignedIn: boolean;
}

/** Says what the bot answers. It acts on a device only if it knows whose it is. */
export function reply(index: identidex.Index, { upn, accountName, fullName, isSignedIn }: Speaker): string {
  const clues = { upn, account_name: accountName, full_name: fullName, verified: isSignedIn ? ["upn"] : [] };
  const answer = index.findTogether(clues);
  let match: identidex.AccountMatch;
  try {
    match = answer.account();
  } catch (why) {
    if (!(why instanceof identidex.NotOne)) {
      throw why;
    }
    if (answer.flags?.includes("contradiction")) {
      return `What I was told of you does not fit together. ${COLLEAGUE}`;
    }
    return why.outcome === "several" ? ASK.not_one : "I do not know you yet. What is your account name?";
  }
  if (["stale", "unknown"].includes(answer.freshness.state)) {
    return `What I know of your devices is too old to act on. ${COLLEAGUE}`;
  }
  if (match.not_enough !== undefined) {
    return ASK[match.not_enough];
  }
  const name = match.account.full_name ?? fullName;
  const devices = match.devices ?? [];
  const primary = devices.find((device) => device.primary);
  if (primary?.collector_uid) {
    return `${name}, shall I restart ${primary.name}?`;
  }
  // No device is known to be theirs: where something waits, none is not known to be none, and one of many may be anybody's.
  const current = devices.filter((device) => device.current && !device.shared);
  const names = current.map((device) => device.name);
  if (new Set(names).size < names.length) {
    return `${name}, what serial number is on your device?`;
  }
  if (names.length > 1) {
    return `${name}, which of your devices is it: ${names.filter(Boolean).join(", ")}?`;
  }
  return `${name}, what is your device called?`;
}

/** What the Bot Framework hands a bot, as far as this one needs it. */
export interface TurnContext {
  activity: { text: string; from: { name: string; aadObjectId: string | null; upn: string } };
  sendActivity(text: string): Promise<void>;
}

/** Answers each message; whoever writes was signed in by the channel. */
export class RestartBot {
  constructor(private readonly index: identidex.Index) {}

  async onMessage({ activity: { from }, sendActivity }: TurnContext): Promise<void> {
    const speaker = { upn: from.upn, accountName: null, fullName: from.name, isSignedIn: true };
    await sendActivity(reply(this.index, speaker));
  }
}
