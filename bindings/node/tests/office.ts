/** Indexes to look up in, made by the program itself. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export const ROOT = said("CHECKOUT");

function said(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set; run bindings/node/test`);
  }
  return value;
}

export function program(...arguments_: string[]): string {
  return execFileSync(said("IDENTIDEX_BIN"), arguments_, { encoding: "utf8" });
}

/** Takes objects in, each a key and its content, and returns the index. */
export function publish(objects: Record<string, string>): string {
  const home = mkdtempSync(join(tmpdir(), "identidex-"));
  for (const [key, content] of Object.entries(objects)) {
    const path = join(home, "exports", key);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  const index = join(home, "identity.db");
  program("--quiet", "--index", index, "sync", join(home, "exports"));
  return index;
}

/** Returns an index of the tenant in the fixtures. */
export function tenant(): string {
  const index = join(mkdtempSync(join(tmpdir(), "identidex-")), "identity.db");
  program("--quiet", "--index", index, "sync", join(ROOT, "fixtures/tenant"));
  return index;
}

export function read(name: string): any {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8"));
}

export function vectors(): string[] {
  return readdirSync(join(ROOT, "fixtures/answers")).filter((name) => name.endsWith(".json")).sort();
}
