//! The state in an embedded database. One transaction replaces what is declared, so a crash leaves the old state or the new one.

mod read;
mod write;

use crate::declaration::Declaration;
use crate::error::StoreFault;
use crate::signing_key::{SigningKey, Source};
use jiff::Timestamp;
use keystore::KeyId;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::path::Path;
use std::time::Duration;
use trust::Certificate;

/// The embedded database of one registry.
#[derive(Debug)]
pub(crate) struct File {
    database: Connection,
}

const SCHEMA: &str = include_str!("../../migrations/registry-1.sql");
const SCHEMA_VERSION: i64 = 1;
const BUSY: Duration = Duration::from_secs(10);

impl File {
    pub(super) fn create(file: &Path, instance: &str) -> Result<Self, StoreFault> {
        let mut store = Self { database: Connection::open(file)? };
        store.prepare()?;
        let transaction = store.database.transaction()?;
        transaction.execute("INSERT OR IGNORE INTO instance (only_one, code) VALUES (1, ?1)", [instance])?;
        transaction.commit()?;
        store.of(instance)
    }

    pub(super) fn open(file: &Path, instance: &str) -> Result<Self, StoreFault> {
        if !file.is_file() {
            return Err(StoreFault::NotInitialised { place: file.display().to_string() });
        }
        let mut store =
            Self { database: Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)? };
        store.check(file)?;
        store.prepare()?;
        store.of(instance)
    }

    /// Only `init` makes a database: one without state is damaged, not new. A crash of `init` leaves such a one, too.
    fn check(&self, file: &Path) -> Result<(), StoreFault> {
        let damaged = |found: String| StoreFault::Damaged { place: file.display().to_string(), found };
        self.database.busy_timeout(BUSY)?;
        let version: i64 = self.database.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            return Err(damaged("it is empty".to_owned()));
        }
        let verdict: String = self.database.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        if verdict == "ok" { Ok(()) } else { Err(damaged(verdict)) }
    }

    fn prepare(&mut self) -> Result<(), StoreFault> {
        self.database.busy_timeout(BUSY)?;
        self.database.pragma_update(None, "journal_mode", "wal")?;
        self.database.pragma_update(None, "synchronous", "full")?;
        self.database.pragma_update(None, "foreign_keys", "on")?;
        // The version is read inside the transaction that may change it: two processes may open a new database at once.
        let transaction =
            self.database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            SCHEMA_VERSION => {}
            newer => {
                return Err(StoreFault::Version { found: newer, known: SCHEMA_VERSION });
            }
        }
        Ok(transaction.commit()?)
    }

    fn of(self, instance: &str) -> Result<Self, StoreFault> {
        let stored: Option<String> =
            self.database.query_row("SELECT code FROM instance", [], |row| row.get(0)).optional()?;
        match stored {
            Some(stored) if stored == instance => Ok(self),
            Some(stored) => Err(StoreFault::AnotherInstance { stored, configured: instance.to_owned() }),
            None => Err(StoreFault::Content("database: it belongs to no instance".to_owned())),
        }
    }

    pub(super) fn version(&self) -> Result<i64, StoreFault> {
        Ok(self.database.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    pub(super) fn read(&mut self) -> Result<(Option<Declaration>, Vec<SigningKey>), StoreFault> {
        let transaction = self.database.transaction()?;
        Ok((read::declaration(&transaction)?, read_keys(&transaction)?))
    }

    pub(super) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        let transaction = self.database.transaction()?;
        write::replace(&transaction, declaration)?;
        Ok(transaction.commit()?)
    }

    pub(super) fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreFault> {
        read_keys(&self.database)
    }

    pub(super) fn add_key(
        &mut self,
        key: &KeyId,
        source: Source,
        certificate: &Certificate,
        made_at: Timestamp,
    ) -> Result<(), StoreFault> {
        self.database.execute(
            "INSERT INTO signing_key (key, source, certificate, made_at, active)
             VALUES (?1, ?2, ?3, ?4, NOT EXISTS (SELECT 1 FROM signing_key WHERE source = ?2 AND active = 1))",
            params![key.as_str(), source.name(), certificate.der(), made_at.to_string()],
        )?;
        Ok(())
    }

    pub(super) fn activate_key(&mut self, key: &KeyId) -> Result<bool, StoreFault> {
        let transaction = self.database.transaction()?;
        transaction.execute(
            "UPDATE signing_key SET active = 0 WHERE source = (SELECT source FROM signing_key WHERE key = ?1)",
            [key.as_str()],
        )?;
        let found =
            transaction.execute("UPDATE signing_key SET active = 1 WHERE key = ?1", [key.as_str()])?;
        transaction.commit()?;
        Ok(found == 1)
    }

    pub(super) fn forget_key(&mut self, key: &KeyId) -> Result<bool, StoreFault> {
        let found =
            self.database.execute("DELETE FROM signing_key WHERE key = ?1 AND active = 0", [key.as_str()])?;
        Ok(found == 1)
    }
}

fn read_keys(database: &Connection) -> Result<Vec<SigningKey>, StoreFault> {
    let mut statement = database.prepare_cached(
        "SELECT key, source, certificate, made_at, active FROM signing_key ORDER BY made_at, key",
    )?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, source, made_at): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        keys.push(SigningKey {
            key: KeyId::parse(&key).map_err(|_| StoreFault::Content(format!("signing key {key:?}")))?,
            source: Source::from_name(&source)
                .ok_or_else(|| StoreFault::Content(format!("source {source:?}")))?,
            certificate: read::certificate(&row.get::<_, Vec<u8>>(2)?)?,
            made_at: made_at.parse().map_err(|_| StoreFault::Content(format!("time {made_at:?}")))?,
            active: row.get(4)?,
        });
    }
    Ok(keys)
}
