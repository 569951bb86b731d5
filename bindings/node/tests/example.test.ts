/** The chatbot's turn in `examples`, with those who speak in `fixtures/chat`. */

import { ok, strictEqual } from "node:assert";
import { test } from "node:test";

import * as identidex from "identidex";

import { RestartBot, reply } from "./chat";
import { publish, read } from "./office";

test("the bot acts only on a device that is theirs", async () => {
  const { objects, turns } = read("fixtures/chat/turns.json");
  const path = publish(objects);
  const index = identidex.open(path, { ageingForHours: 24 * 36_525 });
  const speaker = (turn: any) => ({
    upn: turn.upn,
    accountName: turn.account_name || null,
    fullName: turn.full_name,
    isSignedIn: turn.signed_in,
  });
  for (const turn of turns) {
    strictEqual(reply(index, speaker(turn)), turn.reply, turn.about);
  }
  const stale = identidex.open(path, { freshForHours: 0, ageingForHours: 0 });
  ok(reply(stale, speaker(turns[1])).startsWith("What I know of your devices is too old"));
  const sent: string[] = [];
  const { upn, full_name: name, reply: expected } = turns[1];
  await new RestartBot(index).onMessage({
    activity: { text: "my computer is slow", from: { name, aadObjectId: null, upn } },
    sendActivity: async (text) => void sent.push(text),
  });
  strictEqual(sent[0], expected);
});
