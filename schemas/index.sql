-- The identity index. Times are microseconds since 1970 in UTC; codes are those of src/schema.rs and src/identifier.rs.

-- One row per part: the newest row of one way of telling of an account (its keys, what it says of being local, its
-- columns). An account told of in one way is that row (owner NULL). An account told of in several has a row of its own
-- (shape 0) with their merged values, which its parts name as their owner. Owner 0: of no account.
CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  seen TEXT NOT NULL,          -- schema::Seen: last_seen (18), object (8), row (10)
  owner INTEGER,
  shape INTEGER NOT NULL,
  class INTEGER NOT NULL,
  flags INTEGER NOT NULL,      -- 1: contested, 2: its SID is no key, 8: see held
  sid TEXT, uid TEXT, name TEXT, upn TEXT, email TEXT, full_name TEXT, type TEXT, upn_privacy TEXT, ad_username TEXT,
  department TEXT, job_title TEXT, office TEXT, city TEXT, country TEXT, first_seen INTEGER,
  extra TEXT                   -- columns that no field takes, as one JSON object
) STRICT;
CREATE INDEX account_owner ON account (owner) WHERE owner IS NOT NULL;
CREATE INDEX account_flags ON account (id, flags) WHERE flags <> 0;

CREATE TABLE device (
  id INTEGER PRIMARY KEY,
  seen TEXT NOT NULL,
  owner INTEGER,
  shape INTEGER NOT NULL,
  class INTEGER NOT NULL,      -- always 0: a device has no class
  flags INTEGER NOT NULL,      -- 1: contested, 4: its last login stands in mention, 8: see held
  uid TEXT, collector_uid TEXT, name TEXT, serial TEXT, chassis_serial TEXT, bios_serial TEXT, type TEXT,
  manufacturer TEXT, model TEXT, os TEXT, platform TEXT, entity TEXT, last_login TEXT, first_seen INTEGER,
  extra TEXT
) STRICT;
CREATE INDEX device_owner ON device (owner) WHERE owner IS NOT NULL;
CREATE INDEX device_flags ON device (id, flags) WHERE flags <> 0;

-- The sets of columns that parts carry, each a JSON array of names.
CREATE TABLE shape (
  id INTEGER PRIMARY KEY,
  dataset INTEGER NOT NULL,
  columns TEXT NOT NULL,
  UNIQUE (dataset, columns)
) STRICT;

-- account x device. id = account << 32 | device: clustered by account, and fixed-width text can be patched in place.
CREATE TABLE usage (
  id INTEGER PRIMARY KEY,
  seen TEXT NOT NULL,          -- usage::UsageSeen
  device INTEGER NOT NULL,
  user_keys TEXT,              -- sid, uid, name in normal form, tab between; NULL: the names of its two parts, or see mention
  device_keys TEXT,
  extra TEXT
) STRICT;

-- Devices that may be shared: one bit each (schema::busy).
CREATE TABLE busy (
  block INTEGER PRIMARY KEY,
  bits BLOB NOT NULL
) STRICT;

-- Mentions of a user and a device that wait (usage NULL), or that cannot stand in usage by themselves.
CREATE TABLE mention (
  id INTEGER PRIMARY KEY,
  usage INTEGER,
  state INTEGER NOT NULL,      -- 0 resolved, 1 unknown, 2 ambiguous
  part INTEGER,                -- the device part whose last login this is or was; NULL: rows of a logins object
  current INTEGER NOT NULL,    -- 1: that part still says so, and its row has the time
  seen TEXT NOT NULL,
  group_hash INTEGER NOT NULL,
  user_keys TEXT NOT NULL,
  device_keys TEXT NOT NULL,
  extra TEXT
) STRICT;
CREATE INDEX mention_group ON mention (group_hash);
CREATE INDEX mention_usage ON mention (usage) WHERE usage IS NOT NULL;
CREATE INDEX mention_part ON mention (part) WHERE part IS NOT NULL;
CREATE TABLE mention_key (
  hash INTEGER NOT NULL,
  mention INTEGER NOT NULL,
  PRIMARY KEY (hash, mention)
) STRICT, WITHOUT ROWID;

-- Hash of a normal form -> parts. bucket: the top bits of the hash; entries: src/bucket.rs.
CREATE TABLE identifier (
  bucket INTEGER PRIMARY KEY,
  entries BLOB NOT NULL
) STRICT;
CREATE TABLE crowd (
  hash INTEGER NOT NULL,
  rest INTEGER NOT NULL,
  reference INTEGER NOT NULL,
  PRIMARY KEY (hash, rest, reference)
) STRICT, WITHOUT ROWID;

-- What parts ever had for a UPN, an email or a serial number, of those that had several: from when until when. Of all
-- others the roster's first object and the row's newest one say it.
CREATE TABLE held (
  hash INTEGER NOT NULL,       -- of the normal form, as in crowd
  rest INTEGER NOT NULL,
  reference INTEGER NOT NULL,
  first INTEGER NOT NULL,      -- when the first of its rows with the value was observed
  last INTEGER,                -- when the last one was; NULL: its newest row says so
  PRIMARY KEY (hash, rest, reference)
) STRICT, WITHOUT ROWID;

-- The writer's packed working set (index::roster); lookups read in which object a part was observed first (schema::roster).
CREATE TABLE roster (
  block INTEGER PRIMARY KEY,
  entries BLOB NOT NULL
) STRICT;

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
  sha256 TEXT NOT NULL,
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
  loaded_generation INTEGER NOT NULL,
  UNIQUE (source, key, e_tag, version, size_bytes, modified_at)
) STRICT;
CREATE INDEX object_content ON object (sha256, observed_at);
CREATE INDEX object_coverage ON object (dataset, observed_at) WHERE state = 'loaded';

-- The first rejected rows of each object; object.rows_rejected counts them all.
CREATE TABLE reject (
  id INTEGER PRIMARY KEY,
  object INTEGER NOT NULL,
  line INTEGER NOT NULL,
  field TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX reject_object ON reject (object);

-- Keyed hashes of what was erased; later files do not bring it back.
CREATE TABLE erased (
  kind INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (kind, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- For analysts: stable and documented.
CREATE VIEW accounts AS
SELECT a.id, a.uid, a.name, a.sid, a.upn, a.email, a.full_name,
  CASE a.class WHEN 1 THEN 'person' WHEN 2 THEN 'machine' WHEN 3 THEN 'local' WHEN 4 THEN 'service'
    WHEN 5 THEN 'admin' ELSE 'unknown' END AS class,
  a.type, a.upn_privacy, a.ad_username, a.department, a.job_title, a.office, a.city, a.country,
  strftime('%Y-%m-%dT%H:%M:%SZ', a.first_seen / 1000000, 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', CAST(NULLIF(trim(substr(a.seen, 1, 18)), '') AS INTEGER) / 1000000, 'unixepoch') AS last_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') AS observed_at,
  a.extra
FROM account a LEFT JOIN object o ON o.id = CAST(substr(a.seen, 19, 8) AS INTEGER)
WHERE a.owner IS NULL;

CREATE VIEW devices AS
SELECT d.id, d.uid, d.collector_uid, d.name, d.serial, d.chassis_serial, d.bios_serial, d.type, d.manufacturer, d.model,
  d.os, d.platform, d.entity, d.last_login,
  strftime('%Y-%m-%dT%H:%M:%SZ', d.first_seen / 1000000, 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', CAST(NULLIF(trim(substr(d.seen, 1, 18)), '') AS INTEGER) / 1000000, 'unixepoch') AS last_seen,
  strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') AS observed_at,
  d.extra
FROM device d LEFT JOIN object o ON o.id = CAST(substr(d.seen, 19, 8) AS INTEGER)
WHERE d.owner IS NULL;

CREATE VIEW usages AS
SELECT u.id >> 32 AS account, u.device,
  CAST(NULLIF(trim(substr(u.seen, 37, 18)), '') AS INTEGER) AS logins,
  strftime('%Y-%m-%dT%H:%M:%SZ', CAST(NULLIF(trim(substr(u.seen, 1, 18)), '') AS INTEGER) / 1000000, 'unixepoch') AS last_used,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') FROM object o
    WHERE o.id = CASE WHEN substr(u.seen, 55, 1) = '*'
      THEN (SELECT CAST(substr(d.seen, 19, 8) AS INTEGER) FROM device d WHERE d.id = u.device)
      ELSE CAST(NULLIF(trim(substr(u.seen, 55, 8)), '') AS INTEGER) END) AS last_login_observed,
  (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', o.observed_at / 1000000, 'unixepoch') FROM object o
    WHERE o.id = CAST(NULLIF(trim(substr(u.seen, 19, 8)), '') AS INTEGER)) AS logins_observed,
  u.extra
FROM usage u;

CREATE VIEW loads AS
SELECT id, source, key, strftime('%Y-%m-%dT%H:%M:%SZ', observed_at / 1000000, 'unixepoch') AS observed_at, observed_from,
  CASE dataset WHEN 0 THEN 'users' WHEN 1 THEN 'devices' ELSE 'logins' END AS dataset, state, size_bytes, sha256,
  rows_read, rows_stored, rows_unchanged, rows_superseded, rows_rejected, identifiers_refused, upns_hashed,
  loaded_generation AS generation
FROM object;

CREATE VIEW rejects AS
SELECT o.source, o.key, r.line, r.field, r.reason FROM reject r JOIN object o ON o.id = r.object;
