CREATE TABLE instance (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), code TEXT NOT NULL) STRICT;
CREATE TABLE signing_key (
  key TEXT PRIMARY KEY, source TEXT NOT NULL, certificate BLOB NOT NULL, made_at TEXT NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX one_active_key ON signing_key (source) WHERE active = 1;
CREATE TABLE settings (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1), ocsp_freshness_seconds INTEGER NOT NULL,
  time_stamping_interval_seconds INTEGER NOT NULL, ocsp_fetch_interval_seconds INTEGER, verify_next_update INTEGER,
  monitoring_client TEXT, management_provider TEXT NOT NULL, management_address TEXT, management_certificate BLOB
) STRICT;
CREATE TABLE member_class (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, description TEXT NOT NULL) STRICT;
CREATE TABLE member (
  id INTEGER PRIMARY KEY, class TEXT NOT NULL REFERENCES member_class(code), code TEXT NOT NULL, name TEXT NOT NULL,
  UNIQUE (class, code)
) STRICT;
CREATE TABLE subsystem (
  id INTEGER PRIMARY KEY, member INTEGER NOT NULL REFERENCES member(id) ON DELETE CASCADE, code TEXT NOT NULL, name TEXT,
  UNIQUE (member, code)
) STRICT;
CREATE TABLE server (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, code TEXT NOT NULL, address TEXT, maintenance TEXT, UNIQUE (owner, code)
) STRICT;
CREATE TABLE server_certificate (
  id INTEGER PRIMARY KEY, server INTEGER NOT NULL REFERENCES server(id) ON DELETE CASCADE, der BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE server_client (
  id INTEGER PRIMARY KEY, server INTEGER NOT NULL REFERENCES server(id) ON DELETE CASCADE, client TEXT NOT NULL,
  UNIQUE (server, client)
) STRICT;
CREATE TABLE global_group (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, description TEXT NOT NULL) STRICT;
CREATE TABLE group_member (
  id INTEGER PRIMARY KEY, global_group INTEGER NOT NULL REFERENCES global_group(id) ON DELETE CASCADE, member TEXT NOT NULL,
  UNIQUE (global_group, member)
) STRICT;
CREATE TABLE ca (id INTEGER PRIMARY KEY, profile TEXT NOT NULL, authentication_only INTEGER NOT NULL) STRICT;
CREATE TABLE ca_certificate (
  id INTEGER PRIMARY KEY, ca INTEGER NOT NULL REFERENCES ca(id) ON DELETE CASCADE, der BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE ocsp_responder (
  id INTEGER PRIMARY KEY, ca_certificate INTEGER NOT NULL REFERENCES ca_certificate(id) ON DELETE CASCADE, url TEXT NOT NULL,
  certificate BLOB
) STRICT;
CREATE TABLE tsa (id INTEGER PRIMARY KEY, url TEXT NOT NULL, certificate BLOB NOT NULL) STRICT;
