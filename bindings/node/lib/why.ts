/* Written by make_types from the schemas. */

/**
 * What `identidex why --json` prints: an answer, and how it came about. For people who ask back, not for a chatbot. Times are RFC 3339 in UTC. Null: not known.
 */
export interface IdentidexWhy {
  /**
   * As in answer.schema.json; each device or account says in `not_primary` why it is not primary.
   */
  answer: {};
  /**
   * Each rule, in the order in which it was tried.
   */
  tried: TriedRule[];
}
export interface TriedRule {
  text: string;
  /**
   * What it was taken for; bare_name and short_name are names without their domain.
   */
  kind: string;
  /**
   * Why it cannot be that. Absent where it can.
   */
  refused?: string;
  /**
   * The normal form that was looked up. Absent where it was refused.
   */
  normal?: string;
  /**
   * How many hold it, or once held it.
   */
  count?: number;
  /**
   * The first 20 of them.
   */
  hits?: Hit[];
}
export interface Hit {
  type: "account" | "device";
  uid: string | null;
  /**
   * Of an account.
   */
  sid?: string | null;
  /**
   * Of a device.
   */
  collector_uid?: string | null;
  name: string | null;
  /**
   * Of an account.
   */
  class?: "person" | "machine" | "local" | "service" | "admin" | "unknown";
  /**
   * It holds the value; it does, and is a machine or local account; it does, and the newest export that lists all that there is does not have it; it held it before, and has another one now or passed it on.
   */
  verdict: "holds" | "skipped" | "gone" | "former";
  /**
   * When it was seen with the value.
   */
  held: Times | null;
  /**
   * The row that says it, or, of a former one, the newest row.
   */
  evidence: Said | null;
}
export interface Times {
  first: string;
  last: string;
}
export interface Said {
  kind: string;
  value: string;
  observed_at: string;
  object: string;
  row: number;
}
