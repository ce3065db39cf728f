-- What this log knows beside X-Road's layout: the archives that were made, and whether somebody has taken them away.
CREATE TABLE chhatra_messagelog.archive (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time bigint NOT NULL,
  group_name text NOT NULL,
  file text NOT NULL,
  digest text NOT NULL,
  containers bigint NOT NULL,
  bytes bigint NOT NULL,
  taken bigint
);
CREATE INDEX archive_untaken ON chhatra_messagelog.archive (id) WHERE taken IS NULL;
