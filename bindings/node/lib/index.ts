/**
 * Who is this employee, which devices are theirs, and which ids does the next API call need?
 *
 *     const index = identidex.open("identity.db");
 *     const { account } = index.find("jdoe@EMEA").account();
 *
 * An answer is the JSON of `identidex resolve --json`. Only `one`, `account` and `device` turn it into a single match, and throw
 * where there is not exactly one: a chatbot never acts on a guess. A lookup takes some ten microseconds and is a plain call;
 * what may take longer is a promise, and done on another thread.
 */

import type { Account, AccountMatch, Device, DeviceMatch, IdentidexAnswer, Kind } from "./answers";
import type { IdentidexWhy } from "./why";

export type { Account, AccountMatch, Device, DeviceMatch, DeviceUse, AccountUse, Kind } from "./answers";
export type { IdentidexWhy as Why } from "./why";

/** How an index is opened. */
export interface OpenOptions {
  /** How often a new generation is looked for: 250 milliseconds. */
  refreshMs?: number;
  /** A value that more than so many hold identifies none of them: 8. */
  maxHolders?: number;
  /** Up to this age an answer is `fresh`: 36 hours. */
  freshForHours?: number;
  /** Up to this age it is `ageing`, and then `stale`: 192 hours. */
  ageingForHours?: number;
  /** Who was last seen longer before the newest export is flagged `not_seen_lately`: 60 days. */
  quietAfterDays?: number;
}

/** How a text is looked up. */
export interface FindOptions {
  /** Takes the text for one kind of identifier; else it is tried as every kind. */
  kind?: Kind;
  /** Has machine and local accounts answer too. */
  allClasses?: boolean;
  /** Leaves devices and evidence out. */
  idsOnly?: boolean;
  /** The channel vouches for the text: whoever is writing was signed in with it. */
  verified?: boolean;
}

/** What is known of one account or device, by kinds: `{ upn: "…", full_name: "…", verified: ["upn"] }`. Null is not known. */
export type Clues = { [kind: string]: string | null | undefined | readonly string[] } & {
  /** The kinds that the channel vouches for. */
  verified?: readonly string[];
};

/** One of several that are known; without a kind, the text is taken for whatever it can be. */
export interface Clue {
  text: string;
  kind?: Kind | "full_name" | null;
  /** The channel vouches for it. */
  verified?: boolean;
}

/** Which device is to be acted on. */
export interface TargetOptions {
  /** One of the person's devices, by the name they said; else the one that is theirs. */
  device?: string;
  /** Doubts to go on in spite of, by name. */
  allow?: readonly string[];
}

/** A device that may be acted on. */
export interface Target {
  device: Device;
  /** What remote actions know it by. */
  collector_uid: string;
  account: Account | null;
  query: string;
  generation: number;
  /** What spoke against it, and was allowed. */
  allowed: string[];
}

/** Devices and users that something is up with. */
export interface Concerned {
  devices?: readonly string[];
  users?: readonly string[];
}

/** Whom to tell that something is up with a device or a user. */
export interface Impacted {
  query: string;
  device: Device | null;
  to_tell: Account | null;
  /** Why nobody is told. */
  nobody: string[];
  left_out: { account: Account; reason: string }[];
  left_out_more: number;
}

/** A name that resembles what somebody typed. */
export interface Suggestion {
  kind: Kind;
  name: string;
  full_name: string | null;
  likeness: string;
}

export type Freshness = IdentidexAnswer["freshness"];
export type Coverage = IdentidexAnswer["coverage"];
export type Outcome = IdentidexAnswer["outcome"];

/** Why an index could not be opened or read. */
export type FaultCode = "missing" | "foreign" | "newer" | "older" | "not_permitted" | "damaged" | "other";

/** The index could not be opened or read. */
export class IndexFault extends Error {
  override readonly name = "IndexFault";
  constructor(
    readonly code: FaultCode,
    message: string,
  ) {
    super(message);
  }
}

/** An answer is not a single match; `outcome` says why. */
export class NotOne extends Error {
  override readonly name = "NotOne";
  constructor(
    readonly outcome: Outcome,
    readonly count: number,
    /** Nobody is shown because more hold the text than it identifies. */
    readonly tooMany: boolean,
    message: string,
  ) {
    super(message);
  }
}

/** No device may be acted on; `doubts` says what speaks against it and could be allowed. */
export class NoTarget extends Error {
  override readonly name = "NoTarget";
  constructor(
    readonly outcome: Outcome,
    readonly doubts: string[],
    message: string,
  ) {
    super(message);
  }
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export interface Answer extends IdentidexAnswer {}

/** What the index says to a query. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging
export class Answer {
  /** @internal */
  constructor(said: IdentidexAnswer) {
    Object.assign(this, said);
  }

  /** Returns the match where there is exactly one; throws `NotOne` otherwise, and never picks one of several. */
  one(): AccountMatch | DeviceMatch {
    const [match, ...more] = this.matches;
    if (this.outcome !== "one" || match === undefined || more.length > 0) {
      throw this.#notOne(this.outcome);
    }
    return match;
  }

  /** As `one`, where only an account will do: throws for a device, too. */
  account(): AccountMatch {
    const match = this.one();
    if (match.type !== "account") {
      throw this.#notOne("none");
    }
    return match;
  }

  /** As `one`, where only a device will do: throws for an account, too. */
  device(): DeviceMatch {
    const match = this.one();
    if (match.type !== "device") {
      throw this.#notOne("none");
    }
    return match;
  }

  #notOne(outcome: Outcome): NotOne {
    const count = outcome === this.outcome ? this.matches.length : 0;
    const tooMany = count === 0 && this.non_identifying !== undefined;
    const reasons = {
      one: "it is of the other kind",
      several: count > 1 ? `${count} subjects fit` : "one subject fits, and the text also points to others",
      none: tooMany ? "more hold it than it identifies anybody" : "nobody fits",
      unparseable: "the text is no identifier of the kinds asked for",
    };
    return new NotOne(outcome, count, tooMany, reasons[outcome]);
  }
}

interface Native {
  readonly generation: number;
  find(text: string, options: FindOptions): string;
  devicesOf(text: string, options: FindOptions): string;
  accountsOf(text: string, options: FindOptions): string;
  findTogether(clues: string, options: FindOptions): string;
  target(clues: string, device: string | undefined, allow: string[]): string;
  findAll(texts: string[], options: FindOptions): Promise<string>;
  impacted(devices: string[], users: string[]): Promise<string>;
  why(text: string, options: FindOptions): Promise<string>;
  suggest(text: string): Promise<string>;
  verify(): Promise<string>;
  freshness(): string;
  coverage(): string;
}

const native: { NativeIndex: new (path: string, options: OpenOptions) => Native } = require("./identidex.node");

const FAULTS: readonly string[] = ["missing", "foreign", "newer", "older", "not_permitted", "damaged", "other"];

/** Makes of an error of the module what it means: its text begins with a code. */
function meant(error: unknown): unknown {
  const [code = "", ...text] = error instanceof Error ? error.message.split("\n") : [];
  if (code === "usage") {
    return new TypeError(text.join("\n"));
  }
  return FAULTS.includes(code) ? new IndexFault(code as FaultCode, text.join("\n")) : error;
}

function now<T>(ask: () => string): T {
  let said: string;
  try {
    said = ask();
  } catch (error) {
    throw meant(error);
  }
  return JSON.parse(said) as T;
}

async function later<T>(ask: () => Promise<string>): Promise<T> {
  let said: string;
  try {
    said = await ask();
  } catch (error) {
    throw meant(error);
  }
  return JSON.parse(said) as T;
}

/** Takes a list of texts: one text would be taken for its letters. */
function listed(texts: readonly string[]): string[] {
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string")) {
    throw new TypeError("expected a list of texts");
  }
  return [...texts];
}

/** Takes options that there are: of a misspelt one nothing would be minded. */
function known<T extends object>(options: T, names: readonly (keyof T & string)[]): T {
  const unknown = Object.keys(options).filter((name) => !(names as readonly string[]).includes(name));
  if (unknown.length > 0) {
    throw new TypeError(`there is no such option; there are ${names.join(", ")}`);
  }
  return options;
}

const FIND = ["kind", "allClasses", "idsOnly", "verified"] as const;

/** Clues as JSON: what is undefined is not known. */
function asJson(clues: string | Clues | readonly Clue[]): string {
  return JSON.stringify(clues);
}

/** A published index, open for lookups. Follows new generations by itself. */
export class Index {
  readonly #index: Native;

  /** Opens an index by its path; throws `IndexFault`. */
  constructor(path: string, options: OpenOptions = {}) {
    try {
      this.#index = new native.NativeIndex(path, options);
    } catch (error) {
      throw meant(error);
    }
  }

  /** Looks up who or what an identifier belongs to. */
  find(text: string, options: FindOptions = {}): Answer {
    return new Answer(now(() => this.#index.find(text, known(options, FIND))));
  }

  /** Looks up accounts only, with their devices: a text that also names a device is no other match. */
  devicesOf(account: string, options: FindOptions = {}): Answer {
    return new Answer(now(() => this.#index.devicesOf(account, known(options, FIND))));
  }

  /** Looks up devices only, with their accounts: a text that also names an account is no other match. */
  accountsOf(device: string, options: FindOptions = {}): Answer {
    return new Answer(now(() => this.#index.accountsOf(device, known(options, FIND))));
  }

  /** Looks up the one account or device that all clues fit. */
  findTogether(clues: Clues | readonly Clue[], options: Omit<FindOptions, "kind" | "verified"> = {}): Answer {
    return new Answer(now(() => this.#index.findTogether(asJson(clues), known(options, ["allClasses", "idsOnly"]))));
  }

  /** Returns the device that may be acted on; throws `NoTarget` where something speaks against it, or none is plainly theirs. */
  target(clues: string | Clues | readonly Clue[], options: TargetOptions = {}): Target {
    const { device, allow = [] } = known(options, ["device", "allow"]);
    type Targeted = { target: Target | null; refused: string; doubts: string[]; outcome: Outcome };
    const said = now<Targeted>(() => this.#index.target(asJson(clues), device, listed(allow)));
    if (said.target === null) {
      throw new NoTarget(said.outcome, said.doubts, said.refused);
    }
    return said.target;
  }

  /** Looks up many texts, all in one state of the index. */
  async findAll(texts: readonly string[], options: FindOptions = {}): Promise<Answer[]> {
    const said = await later<IdentidexAnswer[]>(() => this.#index.findAll(listed(texts), known(options, FIND)));
    return said.map((answer) => new Answer(answer));
  }

  /** Says whom to tell of devices and users, and who is left out, and why. */
  async impacted(concerned: Concerned): Promise<Impacted[]> {
    const { devices = [], users = [] } = known(concerned, ["devices", "users"]);
    return later(() => this.#index.impacted(listed(devices), listed(users)));
  }

  /** Says how an answer comes about: each rule that was tried, and what it found. */
  why(text: string, options: FindOptions = {}): Promise<IdentidexWhy> {
    return later(() => this.#index.why(text, known(options, FIND)));
  }

  /** Returns names that resemble a text which finds nobody, for a person to choose from. They disclose who is there. */
  suggest(text: string): Promise<Suggestion[]> {
    return later(() => this.#index.suggest(text));
  }

  /** Compares the file with the hash it was published under; false where its name has none, throws where they differ. */
  verify(): Promise<boolean> {
    return later(() => this.#index.verify());
  }

  /** Says how old what the index knows is. */
  freshness(): Freshness {
    return now(() => this.#index.freshness());
  }

  /** Says until when the index was told of each dataset. */
  coverage(): Coverage {
    return now(() => this.#index.coverage());
  }

  /** The number of the state of the index that answers now. */
  get generation(): number {
    return this.#index.generation;
  }
}

/** Opens an index by its path; throws `IndexFault`. */
export function open(path: string, options: OpenOptions = {}): Index {
  return new Index(path, options);
}
