-- The identity index, format 4. Times are UTC. Those of rows (first_seen, last_seen, last_used) are seconds since 1970, or
-- minus the microseconds where they have a fraction; those of objects, and what only the writer reads, are microseconds. Codes are those of src/schema
-- and src/identifier/kind.rs. Written once by src/index/write.rs, never changed: SQLite only reads it.

-- One row per claim: what rows with the same keys say (src/index/claim.rs), each field by the newest row that carries it.
-- An account that is told of in one way is that row (owner NULL). One told of in several has a row of its own behind
-- them, with their merged values, which its claims name as their owner. Owner 0: of no account.
-- Uids are 16 bytes, SIDs id << 32 | number, id being that of their domain in the table text, and texts that many have
-- alike ids of that table; what is spelled otherwise is text. An identifier that nobody is to read is
-- sealed: src/sealed.rs.
CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  owner INTEGER,
  class INTEGER NOT NULL,
  flags INTEGER NOT NULL,      -- schema::flag
  last_seen INTEGER,
  object INTEGER NOT NULL,     -- where its newest row is
  row INTEGER NOT NULL,
  first INTEGER NOT NULL,      -- the object that told of it first
  parts BLOB NOT NULL,         -- the writer's: claim.rs
  last_use BLOB,               -- always NULL
  sid ANY, uid ANY, name TEXT, upn TEXT, email TEXT, full_name TEXT, type ANY, upn_privacy ANY, ad_username TEXT,
  department ANY, job_title ANY, office ANY, city ANY, country ANY, first_seen INTEGER,
  extra TEXT                   -- columns that no field takes, as one JSON object
) STRICT;

CREATE TABLE device (
  id INTEGER PRIMARY KEY,
  owner INTEGER,
  class INTEGER NOT NULL,      -- always 0: a device has no class
  flags INTEGER NOT NULL,
  last_seen INTEGER,
  object INTEGER NOT NULL,
  row INTEGER NOT NULL,
  first INTEGER NOT NULL,
  parts BLOB NOT NULL,
  last_use BLOB,               -- the writer's: last_use.rs
  uid ANY, collector_uid ANY, name TEXT, serial TEXT, chassis_serial TEXT, bios_serial TEXT, type ANY,
  manufacturer ANY, model ANY, os ANY, platform ANY, entity ANY, last_login TEXT, first_seen INTEGER,
  extra TEXT
) STRICT;

-- Account x device. id = account << 32 | device. What an answer shows of the device stands here too, and how the usage
-- ranks among those of its account and of its device: worked out from scratch for each generation (src/index/ranking.rs).
CREATE TABLE usage (
  id INTEGER PRIMARY KEY,
  logins INTEGER,
  last_used INTEGER,
  time_of_use INTEGER,         -- NULL: last_used
  object INTEGER,              -- where its newest logins row is
  row INTEGER,
  last_login INTEGER,          -- the newest object that names the account as the last to log in
  through INTEGER,             -- the local account, standing for this one, through which it uses the device
  first_day INTEGER,           -- the first day of use that is known, since 1970
  rank INTEGER NOT NULL,       -- schema::Rank
  uid ANY, collector_uid ANY, name TEXT, serial TEXT, type ANY, manufacturer ANY, model ANY, os ANY, entity ANY,
  first_seen INTEGER, last_seen INTEGER,
  extra TEXT
) STRICT;
CREATE INDEX usage_by_device ON usage (id & 4294967295);

-- What logins objects say: a user's keys, a device's keys, and the rows of the newest object that has both. Blocks of 16
-- for the writer: src/index/mention_rows.rs.
CREATE TABLE mention (
  id INTEGER PRIMARY KEY,
  block BLOB NOT NULL
) STRICT;

-- Users that a device's row once named as the last to log in, and does not name now.
CREATE TABLE last_login (
  id INTEGER PRIMARY KEY,
  device INTEGER NOT NULL,     -- a claim
  account INTEGER,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  first INTEGER NOT NULL,      -- objects
  last INTEGER NOT NULL,
  used INTEGER NOT NULL,
  day INTEGER NOT NULL,
  days INTEGER NOT NULL
) STRICT;

-- Mentions that cannot be placed, by the subjects that they mean or may mean: schema::waiting_id.
CREATE TABLE waiting (
  id INTEGER PRIMARY KEY,
  unknown INTEGER NOT NULL,
  ambiguous INTEGER NOT NULL,
  mentions TEXT NOT NULL       -- the first of them, a JSON array of [user keys, device keys, state]
) STRICT;

-- Hash of a normal form -> claims. bucket: the top bits of the hash; entries: src/bucket.rs.
CREATE TABLE identifier (
  bucket INTEGER PRIMARY KEY,
  entries BLOB NOT NULL
) STRICT;
CREATE TABLE crowd (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  last INTEGER NOT NULL,       -- the largest reference of the row
  entries BLOB NOT NULL
) STRICT;
CREATE INDEX crowd_by_hash ON crowd (hash, last);

-- From when until when a claim had what may change, of those that had several: UPN, email, serial numbers. Of all others
-- their own first and newest rows say it.
CREATE TABLE held (
  id INTEGER PRIMARY KEY,
  hash INTEGER NOT NULL,
  reference INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL
) STRICT;
CREATE INDEX held_by_hash ON held (hash, reference);

-- The ledger: every object ever taken in.
CREATE TABLE object (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  key TEXT NOT NULL,
  e_tag TEXT NOT NULL,
  version TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  observed_at INTEGER NOT NULL,
  observed_from TEXT NOT NULL,
  blake3 BLOB NOT NULL,
  state TEXT NOT NULL,         -- loaded, duplicate
  dataset INTEGER NOT NULL,
  shape INTEGER NOT NULL,
  rows_read INTEGER NOT NULL,
  rows_stored INTEGER NOT NULL,
  rows_unchanged INTEGER NOT NULL,
  rows_superseded INTEGER NOT NULL,
  rows_rejected INTEGER NOT NULL,
  identifiers_refused INTEGER NOT NULL,
  upns_hashed INTEGER NOT NULL,
  loaded_generation INTEGER NOT NULL
) STRICT;

-- The first rejected rows of each object; object.rows_rejected counts them all.
CREATE TABLE reject (
  id INTEGER PRIMARY KEY,
  object INTEGER NOT NULL,
  line INTEGER NOT NULL,
  field TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;

-- The sets of columns that objects carry, each a JSON array of names.
CREATE TABLE shape (
  id INTEGER PRIMARY KEY,
  dataset INTEGER NOT NULL,
  columns TEXT NOT NULL
) STRICT;

-- How many of each kind there were on the day of the newest object: src/index/day_counts.rs. id = days since 1970 << 8 | kind.
CREATE TABLE day (
  id INTEGER PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT;

CREATE TABLE text (
  id INTEGER PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE meta (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  value TEXT NOT NULL
) STRICT;

-- For analysts: stable and documented.
CREATE VIEW accounts AS
SELECT a.id,
  CASE typeof(a.uid) WHEN 'blob' THEN lower(substr(hex(a.uid), 1, 8) || '-' || substr(hex(a.uid), 9, 4) || '-' ||
    substr(hex(a.uid), 13, 4) || '-' || substr(hex(a.uid), 17, 4) || '-' || substr(hex(a.uid), 21)) ELSE a.uid END AS uid,
  a.name,
  CASE typeof(a.sid) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.sid >> 32) || '-' || (a.sid & 4294967295)
    ELSE a.sid END AS sid,
  a.upn, a.email, a.full_name,
  CASE a.class WHEN 1 THEN 'person' WHEN 2 THEN 'machine' WHEN 3 THEN 'local' WHEN 4 THEN 'service'
    WHEN 5 THEN 'admin' ELSE 'unknown' END AS class,
  CASE typeof(a.type) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.type) ELSE a.type END AS type,
  CASE typeof(a.upn_privacy) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.upn_privacy)
    ELSE a.upn_privacy END AS upn_privacy,
  a.ad_username,
  CASE typeof(a.department) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.department)
    ELSE a.department END AS department,
  CASE typeof(a.job_title) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.job_title)
    ELSE a.job_title END AS job_title,
  CASE typeof(a.office) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.office) ELSE a.office END AS office,
  CASE typeof(a.city) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.city) ELSE a.city END AS city,
  CASE typeof(a.country) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = a.country)
    ELSE a.country END AS country,
  strftime('%Y-%m-%dT%H:%M:%SZ', iif(a.first_seen < 0, a.first_seen / -1000000, a.first_seen), 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', iif(a.last_seen < 0, a.last_seen / -1000000, a.last_seen), 'unixepoch') AS last_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') AS observed_at,
  (SELECT u.id & 4294967295 FROM usage u WHERE u.id >= a.id << 32 AND u.id < (a.id + 1) << 32 AND u.rank >> 2 = 0)
    AS primary_device,
  a.flags >> 4 & 1 AS is_gone,
  a.extra
FROM account a LEFT JOIN object o ON o.id = a.object
WHERE a.owner IS NULL;

CREATE VIEW devices AS
SELECT d.id,
  CASE typeof(d.uid) WHEN 'blob' THEN lower(substr(hex(d.uid), 1, 8) || '-' || substr(hex(d.uid), 9, 4) || '-' ||
    substr(hex(d.uid), 13, 4) || '-' || substr(hex(d.uid), 17, 4) || '-' || substr(hex(d.uid), 21)) ELSE d.uid END AS uid,
  CASE typeof(d.collector_uid) WHEN 'blob' THEN lower(substr(hex(d.collector_uid), 1, 8) || '-' ||
    substr(hex(d.collector_uid), 9, 4) || '-' || substr(hex(d.collector_uid), 13, 4) || '-' ||
    substr(hex(d.collector_uid), 17, 4) || '-' || substr(hex(d.collector_uid), 21)) ELSE d.collector_uid
    END AS collector_uid,
  d.name, d.serial, d.chassis_serial, d.bios_serial,
  CASE typeof(d.type) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = d.type) ELSE d.type END AS type,
  CASE typeof(d.manufacturer) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = d.manufacturer)
    ELSE d.manufacturer END AS manufacturer,
  CASE typeof(d.model) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = d.model) ELSE d.model END AS model,
  CASE typeof(d.os) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = d.os) ELSE d.os END AS os,
  CASE typeof(d.platform) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = d.platform)
    ELSE d.platform END AS platform,
  CASE typeof(d.entity) WHEN 'integer' THEN (SELECT value FROM text WHERE text.id = d.entity) ELSE d.entity END AS entity,
  d.last_login,
  strftime('%Y-%m-%dT%H:%M:%SZ', iif(d.first_seen < 0, d.first_seen / -1000000, d.first_seen), 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', iif(d.last_seen < 0, d.last_seen / -1000000, d.last_seen), 'unixepoch') AS last_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') AS observed_at,
  coalesce((SELECT u.rank >> 1 & 1 FROM usage u WHERE u.id & 4294967295 = +d.id LIMIT 1), 0) AS is_shared,
  (SELECT u.id >> 32 FROM usage u WHERE u.id & 4294967295 = +d.id AND u.rank >> 2 = 0) AS primary_account,
  d.flags >> 4 & 1 AS is_gone,
  d.extra
FROM device d LEFT JOIN object o ON o.id = d.object
WHERE d.owner IS NULL;

CREATE VIEW usages AS
SELECT u.id >> 32 AS account, u.id & 4294967295 AS device, u.logins,
  strftime('%Y-%m-%dT%H:%M:%SZ', iif(u.last_used < 0, u.last_used / -1000000, u.last_used), 'unixepoch') AS last_used,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') FROM object o
    WHERE o.id = u.last_login) AS last_login_observed,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') FROM object o
    WHERE o.id = u.object) AS logins_observed,
  strftime('%Y-%m-%dT%H:%M:%SZ', iif(coalesce(u.time_of_use, u.last_used) < 0, coalesce(u.time_of_use, u.last_used) / -1000000,
    coalesce(u.time_of_use, u.last_used)), 'unixepoch') AS time_of_use,
  strftime('%Y-%m-%d', u.first_day * 86400, 'unixepoch') AS first_day,
  u.rank & 1 AS is_current, u.rank >> 1 & 1 AS is_shared, u.rank >> 2 = 0 AS is_primary,
  CASE u.rank >> 2 WHEN 1 THEN 'not_a_person' WHEN 2 THEN 'not_current' WHEN 3 THEN 'shared' WHEN 4 THEN 'other_device'
    WHEN 5 THEN 'no_device_leads' WHEN 6 THEN 'other_account' WHEN 7 THEN 'no_account_leads' WHEN 8 THEN 'last_login'
    WHEN 9 THEN 'undated' WHEN 10 THEN 'newer_waits' WHEN 11 THEN 'not_ranked'
    WHEN 12 THEN 'before_account'
    WHEN 13 THEN 'replaced' WHEN 14 THEN 'another_came' WHEN 15 THEN 'elsewhere_since' WHEN 16 THEN 'better_known'
    WHEN 17 THEN 'namesake' WHEN 18 THEN 'name_of_several' END AS not_primary,
  u.through, u.extra
FROM usage u;

CREATE VIEW loads AS
SELECT id, source, key, strftime('%Y-%m-%dT%H:%M:%SZ', observed_at / 1000000, 'unixepoch') AS observed_at, observed_from,
  CASE dataset WHEN 0 THEN 'users' WHEN 1 THEN 'devices' ELSE 'logins' END AS dataset, state, size_bytes,
  lower(hex(blake3)) AS blake3, rows_read, rows_stored, rows_unchanged, rows_superseded, rows_rejected,
  identifiers_refused, upns_hashed, loaded_generation AS generation
FROM object;

CREATE VIEW rejects AS
SELECT o.source, o.key, r.line, r.field, r.reason FROM reject r JOIN object o ON o.id = r.object;

CREATE VIEW counts AS
SELECT strftime('%Y-%m-%d', (id >> 8) * 86400, 'unixepoch') AS day,
  CASE WHEN id & 255 < 16 THEN 'accounts' WHEN id & 255 < 24 THEN 'devices' WHEN id & 255 < 32 THEN 'usages' ELSE 'waiting' END AS subject,
  CASE id & 255 WHEN 0 THEN 'unknown' WHEN 1 THEN 'person' WHEN 2 THEN 'machine' WHEN 3 THEN 'local' WHEN 4 THEN 'service'
    WHEN 5 THEN 'admin' WHEN 8 THEN 'gone' WHEN 17 THEN 'gone' WHEN 18 THEN 'shared' WHEN 19 THEN 'owned' WHEN 32 THEN 'unknown'
    WHEN 33 THEN 'ambiguous' ELSE 'all' END AS kind,
  count
FROM day;

CREATE VIEW history AS
SELECT account, kind,
  CASE WHEN is_last = 0 THEN NULL
    WHEN kind = 'sid' AND typeof(raw) = 'integer' THEN (SELECT value FROM text WHERE text.id = raw >> 32) || '-' || (raw & 4294967295)
    WHEN typeof(raw) = 'blob' THEN lower(substr(hex(raw), 1, 8) || '-' || substr(hex(raw), 9, 4) || '-' ||
      substr(hex(raw), 13, 4) || '-' || substr(hex(raw), 17, 4) || '-' || substr(hex(raw), 21)) ELSE raw END AS value,
  strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(held_first, first) / 1000000, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(held_last, last) / 1000000, 'unixepoch') AS until,
  coalesce(is_last, 1) AND coalesce(raw = shown, 0) AS is_current
FROM (
  SELECT o.id AS account, k.column1 AS kind,
    CASE k.column1 WHEN 'name' THEN CASE WHEN c.name >= ' ' THEN c.name END WHEN 'sid' THEN c.sid WHEN 'uid' THEN c.uid WHEN 'upn' THEN CASE WHEN c.upn >= ' ' THEN c.upn END WHEN 'email' THEN CASE WHEN c.email >= ' ' THEN c.email END END AS raw,
    CASE k.column1 WHEN 'name' THEN o.name WHEN 'sid' THEN o.sid WHEN 'uid' THEN o.uid WHEN 'upn' THEN o.upn WHEN 'email' THEN o.email END AS shown,
    f.observed_at AS first, l.observed_at AS last, h.first AS held_first, h.last AS held_last, h.is_last AS is_last
  FROM account c CROSS JOIN (VALUES ('name', 0), ('sid', 0), ('uid', 0), ('upn', 4), ('email', 5)) k
    JOIN account o ON o.id = coalesce(c.owner, c.id)
    LEFT JOIN object f ON f.id = c.first
    LEFT JOIN object l ON l.id = c.object
    LEFT JOIN (SELECT reference, first, last, last = max(last) OVER (PARTITION BY reference) AND
        count(*) OVER (PARTITION BY reference, last) = 1 AS is_last FROM held) h
      ON h.reference = CASE WHEN k.column2 > 0 AND c.flags & 8 <> 0 THEN k.column2 << 28 | c.id END
  WHERE length(c.parts) > 0
) told
WHERE raw IS NOT NULL OR held_first IS NOT NULL;

CREATE VIEW device_history AS
SELECT device, kind,
  CASE WHEN is_last = 0 THEN NULL
    WHEN typeof(raw) = 'blob' THEN lower(substr(hex(raw), 1, 8) || '-' || substr(hex(raw), 9, 4) || '-' ||
      substr(hex(raw), 13, 4) || '-' || substr(hex(raw), 17, 4) || '-' || substr(hex(raw), 21)) ELSE raw END AS value,
  strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(held_first, first) / 1000000, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(held_last, last) / 1000000, 'unixepoch') AS until,
  coalesce(is_last, 1) AND coalesce(raw = shown, 0) AS is_current
FROM (
  SELECT o.id AS device, k.column1 AS kind,
    CASE k.column1 WHEN 'name' THEN CASE WHEN c.name >= ' ' THEN c.name END WHEN 'uid' THEN c.uid WHEN 'collector_uid' THEN c.collector_uid WHEN 'serial' THEN CASE WHEN c.serial >= ' ' THEN c.serial END END AS raw,
    CASE k.column1 WHEN 'name' THEN o.name WHEN 'uid' THEN o.uid WHEN 'collector_uid' THEN o.collector_uid WHEN 'serial' THEN o.serial END AS shown,
    f.observed_at AS first, l.observed_at AS last, h.first AS held_first, h.last AS held_last, h.is_last AS is_last
  FROM device c CROSS JOIN (VALUES ('name', 0), ('uid', 0), ('collector_uid', 0), ('serial', 10)) k
    JOIN device o ON o.id = coalesce(c.owner, c.id)
    LEFT JOIN object f ON f.id = c.first
    LEFT JOIN object l ON l.id = c.object
    LEFT JOIN (SELECT reference, first, last, last = max(last) OVER (PARTITION BY reference) AND
        count(*) OVER (PARTITION BY reference, last) = 1 AS is_last FROM held) h
      ON h.reference = CASE WHEN k.column2 > 0 AND c.flags & 8 <> 0 THEN k.column2 << 28 | c.id END
  WHERE length(c.parts) > 0
) told
WHERE raw IS NOT NULL OR held_first IS NOT NULL;

CREATE VIEW devices_over_time AS
SELECT account, device, strftime('%Y-%m-%d', first_day * 86400, 'unixepoch') AS first_day,
  strftime('%Y-%m-%d', max(coalesce(used, told, first_day * 86400), coalesce(told, used, first_day * 86400),
    coalesce(first_day * 86400, used, told)), 'unixepoch') AS last_day,
  is_current, is_primary, through
FROM (
  SELECT u.id >> 32 AS account, u.id & 4294967295 AS device, u.first_day AS first_day,
    iif(u.last_used < 0, u.last_used / -1000000, u.last_used) AS used,
    iif(u.time_of_use < 0, u.time_of_use / -1000000, u.time_of_use) AS told,
    u.rank & 1 AS is_current, u.rank >> 2 = 0 AS is_primary, u.through AS through
  FROM usage u
) said;
