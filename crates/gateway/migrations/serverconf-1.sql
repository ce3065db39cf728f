CREATE TABLE client (
  id INTEGER PRIMARY KEY, identifier TEXT NOT NULL UNIQUE, connection TEXT NOT NULL, status TEXT NOT NULL
) STRICT;
CREATE TABLE internal_certificate (
  client INTEGER NOT NULL REFERENCES client(id) ON DELETE CASCADE, der_base64 TEXT NOT NULL, UNIQUE (client, der_base64)
) STRICT;
CREATE TABLE service (
  id INTEGER PRIMARY KEY, client INTEGER NOT NULL REFERENCES client(id) ON DELETE CASCADE, code TEXT NOT NULL,
  kind TEXT NOT NULL, url TEXT NOT NULL, description TEXT, timeout_seconds INTEGER NOT NULL,
  verify_certificate INTEGER NOT NULL, disabled TEXT, UNIQUE (client, code)
) STRICT;
CREATE TABLE endpoint (
  id INTEGER PRIMARY KEY, service INTEGER NOT NULL REFERENCES service(id) ON DELETE CASCADE, method TEXT NOT NULL, path TEXT NOT NULL
) STRICT;
CREATE TABLE local_group (
  id INTEGER PRIMARY KEY, client INTEGER NOT NULL REFERENCES client(id) ON DELETE CASCADE, code TEXT NOT NULL,
  description TEXT NOT NULL, UNIQUE (client, code)
) STRICT;
CREATE TABLE local_group_member (
  local_group INTEGER NOT NULL REFERENCES local_group(id) ON DELETE CASCADE, member TEXT NOT NULL, UNIQUE (local_group, member)
) STRICT;
CREATE TABLE access_right (
  id INTEGER PRIMARY KEY, client INTEGER NOT NULL REFERENCES client(id) ON DELETE CASCADE, subject_kind TEXT NOT NULL,
  subject TEXT NOT NULL, service_code TEXT NOT NULL, method TEXT, path TEXT
) STRICT;
CREATE TABLE time_stamp_service (rank INTEGER PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL) STRICT;
