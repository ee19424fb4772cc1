-- The example shop: a possible database of a bookseller. Loading this file again changes nothing.
-- Nightshelf only reads the tables. The mapping is in nightshelf.toml in this folder.

CREATE SCHEMA IF NOT EXISTS shop;

CREATE TABLE IF NOT EXISTS shop.books (
    book_id         text PRIMARY KEY,
    title           text NOT NULL,
    authors         text[] NOT NULL DEFAULT '{}',
    year            integer,
    genres          text[] NOT NULL DEFAULT '{}',
    series          text,
    series_position numeric(6, 2),
    description     text,
    image_url       text,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at      timestamptz
);

-- One row per reader and book. To take a rating back, delete the row.
CREATE TABLE IF NOT EXISTS shop.ratings (
    reader_id  text NOT NULL,
    book_id    text NOT NULL REFERENCES shop.books,
    stars      smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    rated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reader_id, book_id)
);

-- All other interactions. To take one back, set deleted_at.
CREATE TABLE IF NOT EXISTS shop.interactions (
    interaction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reader_id      text NOT NULL,
    book_id        text NOT NULL REFERENCES shop.books,
    kind           text NOT NULL CHECK (kind IN ('view', 'click', 'read', 'purchase', 'dismiss')),
    occurred_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at     timestamptz
);

CREATE INDEX IF NOT EXISTS books_updated_at ON shop.books (updated_at);
CREATE INDEX IF NOT EXISTS ratings_updated_at ON shop.ratings (updated_at);
CREATE INDEX IF NOT EXISTS interactions_updated_at ON shop.interactions (updated_at);

-- Nightshelf finds changed rows by updated_at, so every change must set it. Use clock_timestamp(), not now(): now() is
-- the start of the transaction. A long transaction would get a date long before others can see its rows.
CREATE OR REPLACE FUNCTION shop.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER books_updated_at BEFORE UPDATE ON shop.books
    FOR EACH ROW EXECUTE FUNCTION shop.set_updated_at();
CREATE OR REPLACE TRIGGER ratings_updated_at BEFORE UPDATE ON shop.ratings
    FOR EACH ROW EXECUTE FUNCTION shop.set_updated_at();
CREATE OR REPLACE TRIGGER interactions_updated_at BEFORE UPDATE ON shop.interactions
    FOR EACH ROW EXECUTE FUNCTION shop.set_updated_at();
