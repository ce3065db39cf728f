//! The database file: schema, settings of the connection, checks when it is opened.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::{OpenFailure, StoreFault};

/// Name of the database in the log's directory.
pub(crate) const DATABASE: &str = "messagelog.db";
/// "ChLg": says that a file is a message log.
const APPLICATION_ID: i64 = 0x4368_4c67;
/// Version of the schema below.
const SCHEMA_VERSION: i64 = 3;
/// A larger database is not read as a whole at every start; its newest records are (see `MessageLog::open`).
const QUICK_CHECK_BYTES_MAX: u64 = 8 << 30;

/// A file of one byte is an empty one to SQLite, too.
const EMPTY_BYTES_MAX: u64 = 1;

/// Records are appended, never changed, and deleted only when they are archived. A time-stamp covers the records from `first` to `last`, and time-stamps
/// follow one another without a hole, so the records without one are those above the highest `last`: the newest time-stamp is never deleted.
///
/// `shared` holds, once, what many records have in common; `digest` is SHA-256 of `content`. Identifiers that are
/// UUIDs are kept as 16 bytes. The columns with documents hold what `pack::encode` writes.
/// Where `seal` says how, `message` and the chunks of the body are sealed (`crate::seal`).
const SCHEMA: &str = "
CREATE TABLE party (
  id INTEGER PRIMARY KEY, instance TEXT NOT NULL, class TEXT NOT NULL, code TEXT NOT NULL,
  subsystem TEXT NOT NULL, UNIQUE (instance, class, code, subsystem));
CREATE TABLE shared (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, content BLOB NOT NULL);
CREATE TABLE record (
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, party INTEGER NOT NULL REFERENCES party (id),
  response INTEGER NOT NULL, query_id BLOB NOT NULL, request_id BLOB NOT NULL,
  signature_digest BLOB NOT NULL, signature BLOB NOT NULL, hash_chain_result BLOB, hash_chain BLOB,
  message BLOB NOT NULL, seal BLOB);
CREATE INDEX record_by_query ON record (query_id);
CREATE INDEX record_by_party ON record (party);
CREATE INDEX record_by_time ON record (time);
CREATE TABLE body (
  id INTEGER PRIMARY KEY, record INTEGER NOT NULL REFERENCES record (id), number INTEGER NOT NULL,
  bytes INTEGER NOT NULL, bytes_signed INTEGER NOT NULL, UNIQUE (record, number));
CREATE TABLE chunk (
  body INTEGER NOT NULL REFERENCES body (id), place INTEGER NOT NULL, content BLOB NOT NULL,
  UNIQUE (body, place));
CREATE TABLE stamp (
  last INTEGER PRIMARY KEY, first INTEGER NOT NULL, time INTEGER NOT NULL,
  token BLOB NOT NULL, result BLOB NOT NULL, leaves BLOB NOT NULL);
";

/// What was archived. Records of a party are archived in the order of their numbers: those up to `archived.last` are, but for those that
/// are `withheld` because they could not be rebuilt. The last archive of a group is the one that the next is linked to.
const ARCHIVES: &str = "
CREATE TABLE archive (
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, group_name TEXT NOT NULL, file TEXT NOT NULL,
  digest TEXT NOT NULL, containers INTEGER NOT NULL, bytes INTEGER NOT NULL, taken INTEGER);
CREATE INDEX archive_by_group ON archive (group_name);
CREATE INDEX archive_untaken ON archive (id) WHERE taken IS NULL;
CREATE TABLE archived (party INTEGER PRIMARY KEY REFERENCES party (id), last INTEGER NOT NULL);
CREATE TABLE withheld (
  record INTEGER PRIMARY KEY REFERENCES record (id), party INTEGER NOT NULL REFERENCES party (id));
CREATE INDEX withheld_by_party ON withheld (party);
";

const SEAL: &str = "ALTER TABLE record ADD COLUMN seal BLOB;";

/// The file of a log.
pub(crate) fn database(directory: &Path) -> PathBuf {
    directory.join(DATABASE)
}

/// Opens the database for the one writer: makes it when it is new, recovers it when the last run ended in a crash. Where a log was
/// `begun` before, an empty database is evidence that was lost, not a new one.
pub(crate) fn open_for_writing(directory: &Path, begun: bool) -> Result<Connection, OpenFailure> {
    let path = database(directory);
    if begun && std::fs::metadata(&path).map_or(0, |found| found.len()) <= EMPTY_BYTES_MAX {
        return Err(OpenFailure::Gone { path });
    }
    // SQLite takes an empty file for a new database, and gives its other files the same permissions.
    match File::options().create_new(true).write(true).mode(0o600).open(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(OpenFailure::Directory { path, reason: error.to_string() }),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(StoreFault::from)?;
    configure(&connection)?;
    let empty = table_count(&connection).map_err(StoreFault::from)? == 0;
    if empty && begun {
        return Err(OpenFailure::Gone { path });
    }
    if empty {
        create(&connection).map_err(StoreFault::from)?;
    }
    bring_up_to_date(&connection)?;
    check(&connection)?;
    Ok(connection)
}

/// Opens a further connection that only reads.
pub(crate) fn open_for_reading(directory: &Path) -> Result<Connection, OpenFailure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database(directory), flags).map_err(StoreFault::from)?;
    let configured = connection
        .execute_batch("PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA cache_size = -4096;")
        .map_err(StoreFault::from);
    configured?;
    versions(&connection)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<(), StoreFault> {
    // `page_size` counts only for a new file: with records of some 1.3 KB, 8 KB pages waste less than 4 KB ones.
    connection.execute_batch("PRAGMA page_size = 8192; PRAGMA busy_timeout = 5000;")?;
    // Where it cannot have a write-ahead log SQLite goes on without one, and readers would hold up the writer.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreFault::Other(format!("no write-ahead log can be kept here, only the mode {mode}")));
    }
    // `synchronous = FULL`: in WAL mode each commit is flushed to the disk before it answers.
    Ok(connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 2000; PRAGMA journal_size_limit = 67108864;",
    )?)
}

/// Moves everything into the main file, flushes it, and empties the write-ahead log; `false` when somebody who reads
/// holds it open.
pub(crate) fn settle(connection: &Connection) -> Result<bool, StoreFault> {
    let held: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(held == 0)
}

/// One transaction: a crash here leaves a database without tables, which the next start takes for a new one.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA} {ARCHIVES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    ))
}

/// One transaction: a crash here leaves the older schema, whole.
fn bring_up_to_date(connection: &Connection) -> Result<(), OpenFailure> {
    let missing =
        match (number(connection, "PRAGMA application_id")?, number(connection, "PRAGMA user_version")?) {
            (APPLICATION_ID, 1) => [ARCHIVES, SEAL].concat(),
            (APPLICATION_ID, 2) => SEAL.to_owned(),
            _ => return Ok(()),
        };
    let brought = connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {missing} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    ));
    Ok(brought.map_err(StoreFault::from)?)
}

fn number(connection: &Connection, pragma: &str) -> Result<i64, OpenFailure> {
    Ok(connection.query_row(pragma, [], |row| row.get(0)).map_err(StoreFault::from)?)
}

fn table_count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

fn versions(connection: &Connection) -> Result<(), OpenFailure> {
    let application = number(connection, "PRAGMA application_id")?;
    if application != APPLICATION_ID {
        return Err(OpenFailure::Foreign(application));
    }
    match number(connection, "PRAGMA user_version")? {
        SCHEMA_VERSION => Ok(()),
        found => Err(OpenFailure::Schema { found, known: SCHEMA_VERSION }),
    }
}

fn check(connection: &Connection) -> Result<(), OpenFailure> {
    versions(connection)?;
    if file_bytes(connection).map_err(StoreFault::from)? > QUICK_CHECK_BYTES_MAX {
        return Ok(());
    }
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(StoreFault::from)?;
    if verdict == "ok" { Ok(()) } else { Err(OpenFailure::Damaged(verdict)) }
}

/// Bytes of the main file.
pub(crate) fn file_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let bytes: i64 = connection.query_row(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_a_write_ahead_log_is_refused() {
        let refused = configure(&Connection::open_in_memory().unwrap());
        assert!(matches!(&refused, Err(StoreFault::Other(why)) if why.contains("memory")), "{refused:?}");
    }
}
