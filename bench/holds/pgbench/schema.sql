-- The least that a hold is to a database: a claimed key, a counter that may not pass its limit, a row.
CREATE TABLE form_key (key bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE form_pool (id int PRIMARY KEY, pledged bigint NOT NULL, held bigint NOT NULL, version bigint NOT NULL,
    CHECK (held <= pledged));
CREATE TABLE form_slot (pool_id int, slot int, pledged bigint NOT NULL, held bigint NOT NULL, version bigint NOT NULL,
    PRIMARY KEY (pool_id, slot), CHECK (held <= pledged));
CREATE TABLE form_hold (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pool_id int NOT NULL,
    owner_id bigint NOT NULL, boxes int NOT NULL, created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL);
CREATE INDEX ON form_hold (pool_id, owner_id);
INSERT INTO form_pool VALUES (1, 1000000000, 0, 1);
INSERT INTO form_slot SELECT 1, slot, 100000000, 0, 1 FROM generate_series(0, 15) AS slot;
