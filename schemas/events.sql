-- The database of webhook events: what came, in the order in which it came, and how far whoever reads it is.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again
    webhook TEXT NOT NULL,
    received_at INTEGER NOT NULL,          -- microseconds UTC
    content BLOB NOT NULL,                 -- BLAKE3 of the webhook's name and the message
    said TEXT NOT NULL,                    -- JSON: devices, users, alert
    message TEXT NOT NULL                  -- JSON, as it came
) STRICT;

CREATE INDEX event_by_content ON event (content, received_at);

CREATE TABLE consumer (
    name TEXT PRIMARY KEY,
    through INTEGER NOT NULL               -- the last event that it has for good
) STRICT, WITHOUT ROWID;
