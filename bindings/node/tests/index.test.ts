/** What the binding adds to the lookups, which the vectors test: classes, errors, promises. */

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import * as identidex from "identidex";

import { program, publish, tenant } from "./office";

const OFFICE = {
  "users/2026-11-21T06-00-00Z.csv":
    "user.name,user.sid,user.upn\njdoe@EMEA,S-1-5-21-1-2-3-1101,john.doe@contoso.com\njdoe@APAC,S-1-5-21-1-2-4-1101,jane@contoso.com\n",
  "devices/2026-11-21T06-00-00Z.csv":
    "device.name,device.collector.uid,device.last_seen\nNB-1,cccccccc-0000-4000-8000-000000000001,2026-11-21 05:00:00\n",
  "logins/2026-11-21T06-00-00Z.csv": "user.name,device.name,logins,last_used\njdoe@EMEA,NB-1,9,2026-11-21 05:00:00\n",
};
/** However old the tests are. */
const ALWAYS = { freshForHours: 24 * 36_525, ageingForHours: 24 * 36_525 };

test("an answer is the JSON of the program", () => {
  const index = tenant();
  const printed = JSON.parse(program("--index", index, "resolve", "--json", "jdoe@EMEA"));
  const found = JSON.parse(JSON.stringify(identidex.open(index).find("jdoe@EMEA")));
  for (const answer of [printed, found]) {
    delete answer.freshness.age_seconds;
  }
  deepStrictEqual(found, printed);
});

test("only one gives a match", () => {
  const index = identidex.open(tenant());
  strictEqual(index.find("jdoe@EMEA").account().account.account_name, "jdoe@EMEA");
  for (const [text, outcome] of [["jdoe", "several"], ["nobody@nowhere.example", "none"], ["", "unparseable"]] as const) {
    throws(() => index.find(text).one(), (error) => error instanceof identidex.NotOne && error.outcome === outcome);
  }
  throws(() => index.find("jdoe@EMEA").device(), identidex.NotOne);
  strictEqual(index.accountsOf("NB-0042").device().device.name, "NB-0042");
  strictEqual(index.devicesOf("NB-0042").outcome, "none");
});

test("a target is given or refused with what speaks against it", () => {
  const index = identidex.open(publish(OFFICE), ALWAYS);
  const target = index.target({ upn: "john.doe@contoso.com", verified: ["upn"] });
  strictEqual(target.collector_uid, "cccccccc-0000-4000-8000-000000000001");
  const refused = (error: unknown) => error instanceof identidex.NoTarget && error.doubts.includes("too_little");
  throws(() => index.target("jdoe@EMEA"), refused);
  deepStrictEqual(index.target("jdoe@EMEA", { device: "nb-1", allow: ["too_little"] }).allowed, ["too_little"]);
  throws(() => index.target("jdoe"), (error) => error instanceof identidex.NoTarget && error.outcome === "several");
  throws(() => index.target("jdoe@EMEA", { allow: ["several"] }), TypeError);
});

test("whom to tell is said of devices and users", async () => {
  const index = identidex.open(publish(OFFICE), ALWAYS);
  const [device, user, nobody] = await index.impacted({ devices: ["NB-1"], users: ["jane@contoso.com", "jdoe"] });
  deepStrictEqual([device?.to_tell?.account_name, user?.to_tell?.account_name], ["jdoe@EMEA", "jdoe@APAC"]);
  deepStrictEqual(nobody?.nobody, ["several"]);
});

test("a batch answers as single queries do, and while it does, others go on", async () => {
  const index = identidex.open(tenant());
  const texts = ["jdoe@EMEA", "jdoe", "NB-0042", "nobody", ""];
  const batch = index.findAll(texts);
  const singles = texts.map((text) => index.find(text));
  deepStrictEqual(await batch, singles);
  const many = index.findAll(Array.from({ length: 20_000 }, () => "jdoe@EMEA"));
  let turns = 0;
  const count = setInterval(() => (turns += 1), 1);
  strictEqual((await many).length, 20_000);
  clearInterval(count);
  ok(turns > 0);
});

test("why, suggestions and freshness are plain data", async () => {
  const index = identidex.open(tenant());
  const why = await index.why("jdoe@EMEA");
  ok(why.tried.some((rule) => rule.hits?.some((hit) => hit.verdict === "holds")));
  ok((await index.suggest("NB-0O42")).some((one) => one.name === "NB-0042"));
  ok(["fresh", "ageing", "stale", "unknown"].includes(index.freshness().state));
  strictEqual(typeof index.coverage().users, "string");
  strictEqual(index.generation, 1);
  strictEqual(await index.verify(), true);
});

test("bad texts find nobody and throw nothing", () => {
  const index = identidex.open(tenant());
  for (const text of ["", " ", "\0", "jd\udc80oe", "\udc80", "*", "%", "x".repeat(1 << 20), "\u202ejdoe", "' OR 1=1 --"]) {
    ok(["none", "unparseable"].includes(index.find(text).outcome), JSON.stringify(text));
  }
});

test("each fault is an error of its own", async () => {
  const folder = mkdtempSync(join(tmpdir(), "identidex-"));
  const fault = (code: string) => (error: unknown) => error instanceof identidex.IndexFault && error.code === code;
  throws(() => identidex.open(join(folder, "none.db")), fault("missing"));
  writeFileSync(join(folder, "text.db"), "something else, and long enough to be looked at".repeat(100));
  throws(() => identidex.open(join(folder, "text.db")), fault("foreign"));
  const index = identidex.open(tenant());
  throws(() => index.find("a", { kind: "hunter2" as never }), TypeError);
  throws(() => index.findTogether({ hunter2: "a" }), TypeError);
  throws(() => index.find(7 as never), Error);
  throws(() => index.target("jdoe@EMEA", { devic: "NB-1" } as never), TypeError);
  throws(() => index.find("jdoe@EMEA", { all_classes: true } as never), TypeError);
  await rejects(async () => index.impacted({ device: ["NB-1"] } as never), TypeError);
  await rejects(async () => index.findAll([7 as never]), TypeError);
  await rejects(async () => index.findAll("jdoe" as never), TypeError);
  await rejects(async () => index.impacted({ users: "jdoe" as never }), TypeError);
  throws(() => index.findTogether([{ text: "jdoe", kind: 7 as never }]), TypeError);
  await rejects(async () => index.findAll(["a"], { kind: "hunter2" as never }), TypeError);
});
