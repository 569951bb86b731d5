-- Format 2: who held an identifier when, and which devices may be shared. `index::migrate` fills in
-- what follows from the rest.
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

-- Devices that may be shared: one bit each (schema::busy).
CREATE TABLE busy (
  block INTEGER PRIMARY KEY,
  bits BLOB NOT NULL
) STRICT;
