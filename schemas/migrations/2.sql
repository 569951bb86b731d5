-- Format 2: who held an identifier when, and which devices may be shared. `index::migrate` adds the first object of each
-- part to the roster.
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

-- Devices that may be shared (schema::flag::MANY_USERS).
UPDATE device SET flags = flags | 16 WHERE id IN (SELECT device FROM usage GROUP BY device HAVING count(*) >= 3);
