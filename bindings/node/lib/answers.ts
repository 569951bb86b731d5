/* Written by make_types from the schemas. */

/**
 * The best level at which a kind agreed: spelt alike; another spelling; a device name without its domain on one side; an account name without its domain.
 */
export type Level = "exact" | "folded" | "short_name" | "bare_name";
/**
 * How many independent identifiers agreed. Enough to show: 1. To act on a device: 2, or a stable key.
 */
export type Strength = number;
/**
 * A key that is never given to another agreed: a SID of a domain, or a uid. Absent otherwise.
 */
export type StableKey = true;
export type Kind =
  | "sid"
  | "uid"
  | "account_name"
  | "bare_name"
  | "upn"
  | "email"
  | "device_uid"
  | "collector_uid"
  | "device_name"
  | "short_name"
  | "serial_number";
export type Time = string | null;
/**
 * What agreed and the row that says so. Absent when only ids were asked for.
 */
export type Evidence = {
  kind: Kind;
  /**
   * As exported.
   */
  value: string;
  observed_at: Time;
  /**
   * The key of the exported file.
   */
  object: string;
  /**
   * The first row behind the header is 1.
   */
  row: number;
}[];
export type Text = string | null;
export type Class = "person" | "machine" | "local" | "service" | "admin" | "unknown";
/**
 * In the window of the newest export that counts them.
 */
export type Logins = number | null;
/**
 * It was used within 30 days (`[answers] recent`) of the newest row of logins and devices.
 */
export type Current = boolean;
/**
 * The local account, standing for this one, through which the device is used. Absent otherwise.
 */
export type Through = string;
/**
 * Three or more people use it currently, and none of them most of the time.
 */
export type Shared = boolean;
/**
 * The device is the account's own: each leads among the other's, and nothing newer speaks against it. Absent otherwise, which does not say that another one is. `identidex why` says why.
 */
export type Primary = true;
/**
 * Why it is not primary: what tells of it gives a name that several bear; the account is of class machine, local, service or admin; not used of late; shared; another device, or none, leads among the account's; it would lead, but another one may have come in its place, the account was elsewhere since, or as much is known of another one; another account, or none, leads among the device's; the device's last login is somebody else's; logins of a long window, and the last login is not theirs; newer logins of the account, or on what may be the device, wait; a local account of the same UPN was used since; an earlier version wrote the index; used before the account, or the device itself, was there; another record of the same name, collector's uid or serial number is newer. Absent where it is.
 */
export type NotPrimary =
  | "not_a_person"
  | "not_current"
  | "shared"
  | "other_device"
  | "no_device_leads"
  | "another_came"
  | "elsewhere_since"
  | "better_known"
  | "name_of_several"
  | "other_account"
  | "no_account_leads"
  | "last_login"
  | "undated"
  | "newer_waits"
  | "namesake"
  | "not_ranked"
  | "before_account"
  | "replaced";
/**
 * weak_sid: found by a SID that is no key, because machines repeat it. confusable: found by a text with letters that look like others, and with those it is what somebody else holds. moved: what was asked for meant another one too, whom it means no longer, or who was last seen with it before this one first was. not_seen_lately: last seen longer than `quiet_after` (60 days) before the newest row of its dataset.
 */
export type Flags = ("weak_sid" | "confusable" | "moved" | "not_seen_lately")[];
/**
 * With the flag moved: when the index first saw it with what was asked for; of several the latest. Absent otherwise.
 */
export type MovedAt = string;
/**
 * Enough agreed to act on a device, and nothing is to be minded: a stable key, two identifiers, or one that the channel vouches for. Whether the index is fresh is said in `freshness`.
 */
export type EnoughToAct = boolean;
/**
 * Why it is not enough: it is not the one match; a flag (`moved` counts for 92 days); newer usages wait that name it with another SID or uid than its own (`namesake_waits`: its name may have been given to somebody new), where no stable key agreed; one identifier that is no stable key. Absent where it is enough.
 */
export type NotEnough =
  "not_one" | "weak_sid" | "confusable" | "moved" | "not_seen_lately" | "too_little" | "namesake_waits";

/**
 * What `identidex resolve --json` prints for each value: who or what an identifier belongs to. Times are RFC 3339 in UTC. Null: not known.
 */
export interface IdentidexAnswer {
  /**
   * The text that was asked for; several with a semicolon between.
   */
  query: string;
  /**
   * How many subjects fit. Only `one` names somebody; `none` holds as far as `coverage` goes; `unparseable`: the text cannot be an identifier of the kinds asked for.
   */
  outcome: "one" | "several" | "none" | "unparseable";
  /**
   * All subjects that fit, the better fit first.
   */
  matches: (AccountMatch | DeviceMatch)[];
  /**
   * Accounts passed over because of their class: as matches, or as accounts of a device; and who is gone.
   */
  skipped: {
    machine: number;
    local: number;
    /**
     * Accounts and devices that the newest export which lists all that there is does not have. Absent when there are none.
     */
    gone?: number;
  };
  /**
   * Kinds as which more subjects hold the value than identify anybody, so that it answers for none of them. Absent when there are none.
   */
  non_identifying?: Kind[];
  /**
   * What became of each text, where several were asked for as those of one account or device. Absent for one text.
   */
  clues?: {
    text: string;
    /**
     * What it was taken for; null: whatever it can be.
     */
    kind: Kind | ("full_name" | null);
    /**
     * A match holds it, is called so, or uses the device; a match once held it, and holds another one now; it says nothing of who is meant (an email or a device that nobody knows, a name that agrees in part); somebody holds it who is no match; nobody holds it; more hold it than it identifies; it cannot be what it was taken for, and was passed over.
     */
    verdict: "agrees" | "former" | "unknown" | "elsewhere" | "nobody" | "too_many" | "unparseable";
  }[];
  /**
   * What to know of the answer as a whole. `confusable_with_known`: nobody holds the text, but with letters that look alike somebody does. `contradiction`: one of the texts is held by somebody who does not fit the others, and by no match. Absent when there are none.
   */
  flags?: ("confusable_with_known" | "contradiction")[];
  /**
   * Who answered, with `resolve --live` only: Nexthink is asked where the index knows nobody or is stale.
   */
  answered_by?: "index" | "nexthink";
  /**
   * With `resolve --live` only: why Nexthink could not be asked, or not for the devices. Absent when nothing went wrong.
   */
  not_asked?: string;
  /**
   * Names that resemble a text which finds nobody, with `resolve --suggest` only: for a person to choose from, never an answer. Absent when there are none.
   */
  suggestions?: {
    kind: "account_name" | "upn" | "email" | "device_name";
    name: string;
    likeness: "one_edit" | "prefix" | "two_edits";
    /**
     * Of an account.
     */
    class: "person" | "machine" | "local" | "service" | "admin" | "unknown" | null;
    full_name: Text;
    uid: Text;
  }[];
  /**
   * Until when each dataset was observed; null: never.
   */
  coverage: {
    users: Time;
    devices: Time;
    logins: Time;
  };
  /**
   * The state of the index that said so.
   */
  generation: number;
  freshness: {
    /**
     * By the limits of the configuration; unknown while something was observed at a time that has not come yet.
     */
    state: "fresh" | "ageing" | "stale" | "unknown";
    /**
     * The time of the dataset that is furthest behind.
     */
    as_of: string | null;
    age_seconds: number | null;
    /**
     * The newest time, where it is ahead of this machine's clock: why the state is unknown. Absent elsewhere.
     */
    ahead?: string | null;
  };
}
export interface AccountMatch {
  type: "account";
  level: Level;
  strength: Strength;
  stable_key?: StableKey;
  evidence?: Evidence;
  account: Account;
  /**
   * The account's devices: newest use first, then most logins, then last seen. Absent when only ids were asked for.
   */
  devices?: DeviceUse[];
  /**
   * Devices of lower rank that are not listed. Absent when there are none.
   */
  devices_left_out?: number;
  waiting?: Waiting;
  flags: Flags;
  moved_at?: MovedAt;
  enough_to_act: EnoughToAct;
  not_enough?: NotEnough;
}
export interface Account {
  uid: Text;
  account_name: Text;
  sid: Text;
  upn: Text;
  email: Text;
  full_name: Text;
  department: Text;
  job_title: Text;
  class: Class;
  first_seen: Time;
  last_seen: Time;
}
export interface DeviceUse {
  uid: Text;
  /**
   * What remote actions need.
   */
  collector_uid: string | null;
  name: Text;
  serial_number: Text;
  type: Text;
  manufacturer: Text;
  model: Text;
  os: Text;
  entity: Text;
  first_seen: Time;
  last_seen: Time;
  logins: Logins;
  /**
   * When the export that counts `logins` was observed.
   */
  logins_observed: string | null;
  /**
   * The last use, where that export says it.
   */
  last_used: string | null;
  current: Current;
  through?: Through;
  shared: Shared;
  primary?: Primary;
  not_primary?: NotPrimary;
}
/**
 * Usages that mean this one or may mean it, and cannot be placed: where it stands, a missing device or account is not known to be none. Absent when nothing waits, and when only ids were asked for.
 */
export interface Waiting {
  /**
   * How many wait because nothing that was read says whom they mean on one side.
   */
  unknown: number;
  /**
   * How many wait because several may be meant on one side.
   */
  ambiguous: number;
  /**
   * The first of them.
   *
   * @maxItems 20
   */
  usages: {
    /**
     * The normal forms by which it names an account; empty where it names none.
     */
    account: string;
    /**
     * The same of the device.
     */
    device: string;
    reason: "unknown" | "ambiguous";
  }[];
}
export interface DeviceMatch {
  type: "device";
  level: Level;
  strength: Strength;
  stable_key?: StableKey;
  evidence?: Evidence;
  device: Device;
  shared?: Shared;
  /**
   * The device's accounts, ranked as an account's devices are. Absent when only ids were asked for.
   */
  accounts?: AccountUse[];
  /**
   * Accounts of lower rank that are not listed. Absent when there are none.
   */
  accounts_left_out?: number;
  waiting?: Waiting;
  flags: Flags;
  moved_at?: MovedAt;
  enough_to_act: EnoughToAct;
  not_enough?: NotEnough;
}
export interface Device {
  uid: Text;
  /**
   * What remote actions need.
   */
  collector_uid: string | null;
  name: Text;
  serial_number: Text;
  type: Text;
  manufacturer: Text;
  model: Text;
  os: Text;
  entity: Text;
  first_seen: Time;
  last_seen: Time;
}
export interface AccountUse {
  uid: Text;
  account_name: Text;
  sid: Text;
  upn: Text;
  email: Text;
  full_name: Text;
  department: Text;
  job_title: Text;
  class: Class;
  first_seen: Time;
  last_seen: Time;
  logins: Logins;
  /**
   * When the export that counts `logins` was observed.
   */
  logins_observed: string | null;
  /**
   * The last use, where that export says it.
   */
  last_used: string | null;
  current: Current;
  through?: Through;
  primary?: Primary;
  not_primary?: NotPrimary;
}
