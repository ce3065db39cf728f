-- The settings of one gateway: what was applied last, as JSON.
CREATE TABLE chhatra_serverconf.declaration (
  only_one boolean PRIMARY KEY CHECK (only_one), version bigint NOT NULL, document json NOT NULL
);
