//! The writing half: records, bodies, shared contents and time-stamps into the database.

use std::collections::BTreeMap;

use identifier::ClientId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use trust::algorithm::DigestAlgorithm;

use super::body::each_chunk;
use super::values::{identifier_value, milliseconds, signed, unsigned};
use super::{AppendFault, Keeping, NewStamp, Store, archive, schema};
use crate::error::StoreFault;
use crate::pack::{self, Packed};
use crate::prepare::Prepared;
use crate::record::{Body, Direction, RecordId};
use crate::seal::{NotSealed, Piece, Protection};

/// Bytes of shared contents whose numbers are remembered: some hundred signers with their certificates and OCSP answers.
const REMEMBERED_BYTES_MAX: usize = 4 << 20;
/// Parties whose numbers are remembered.
const PARTIES_MAX: usize = 8_192;

/// The database in the hands of the one writer.
#[derive(Debug)]
pub(crate) struct Sqlite {
    connection: Connection,
    /// Last number given to a record.
    last: u64,
    /// Numbers of shared contents. Emptied whenever something is taken back, since it may name what is gone.
    shared: BTreeMap<Vec<u8>, u64>,
    shared_bytes: usize,
    parties: BTreeMap<ClientId, i64>,
}

impl Sqlite {
    pub(crate) fn new(connection: Connection) -> Result<Self, StoreFault> {
        let last = last_record(&connection)?;
        Ok(Self { connection, last, shared: BTreeMap::new(), shared_bytes: 0, parties: BTreeMap::new() })
    }

    fn forget(&mut self) {
        self.shared.clear();
        self.shared_bytes = 0;
        self.parties.clear();
    }

    fn stored(&mut self, packed: &Packed) -> Result<Vec<u8>, StoreFault> {
        pack::encode(packed, |content| self.share(content))
    }

    /// The number of a content, which is stored when it is new.
    fn share(&mut self, content: &[u8]) -> Result<u64, StoreFault> {
        if let Some(number) = self.shared.get(content) {
            return Ok(*number);
        }
        let digest = DigestAlgorithm::Sha256.digest(content);
        let known: Option<i64> = self
            .connection
            .prepare_cached("SELECT id FROM shared WHERE digest = ?1")?
            .query_row(params![digest], |row| row.get(0))
            .optional()?;
        let number = match known {
            Some(number) => number,
            None => self
                .connection
                .prepare_cached("INSERT INTO shared (digest, content) VALUES (?1, ?2)")?
                .insert(params![digest, content])?,
        };
        self.shared_bytes = self.shared_bytes.saturating_add(content.len());
        if self.shared_bytes > REMEMBERED_BYTES_MAX {
            self.shared.clear();
            self.shared_bytes = content.len();
        }
        self.shared.insert(content.to_vec(), unsigned(number));
        Ok(unsigned(number))
    }

    fn party(&mut self, client: &ClientId) -> Result<i64, StoreFault> {
        if let Some(number) = self.parties.get(client) {
            return Ok(*number);
        }
        let member = client.member();
        let parts =
            params![member.instance(), member.class(), member.code(), client.subsystem().unwrap_or_default()];
        self.connection
            .prepare_cached(
                "INSERT INTO party (instance, class, code, subsystem) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            )?
            .execute(parts)?;
        let number = self
            .connection
            .prepare_cached(
                "SELECT id FROM party WHERE instance = ?1 AND class = ?2 AND code = ?3 AND subsystem = ?4",
            )?
            .query_row(parts, |row| row.get(0))?;
        if self.parties.len() >= PARTIES_MAX {
            self.parties.clear();
        }
        self.parties.insert(client.clone(), number);
        Ok(number)
    }

    fn insert(&mut self, id: i64, record: &Prepared, time: Timestamp) -> Result<(), StoreFault> {
        let party = self.party(&record.owner)?;
        let signature = self.stored(&record.signature.packed)?;
        let result = record.hash_chain_result.as_ref().map(|packed| self.stored(packed)).transpose()?;
        let chain = record.hash_chain.as_ref().map(|packed| self.stored(packed)).transpose()?;
        let seal = match &record.protection {
            Protection::Open => None,
            Protection::Sealed(seal) => Some(seal.column()),
            // Keys for it do not open such a log.
            Protection::Xroad(_) => {
                return Err(StoreFault::Other("X-Road's form has no place here".to_owned()));
            }
        };
        self.connection
            .prepare_cached(
                "INSERT INTO record (id, time, party, response, query_id, request_id, signature_digest, signature,
                 hash_chain_result, hash_chain, message, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                id,
                milliseconds(time),
                party,
                record.direction == Direction::Response,
                identifier_value(&record.query_id),
                identifier_value(&record.request_id),
                record.signature.digest,
                signature,
                result,
                chain,
                record.message,
                seal,
            ])?;
        Ok(())
    }

    /// Attachment 1 of a REST message, chunk by chunk.
    fn insert_body(&mut self, id: i64, record: &Prepared) -> Result<(), AppendFault> {
        let logged = &record.body;
        if matches!(logged.source, Body::None) {
            return Ok(());
        }
        let said = logged.source.byte_count();
        let body = self
            .connection
            .prepare_cached("INSERT INTO body (record, number, bytes, bytes_signed) VALUES (?1, 1, ?2, ?3)")?
            .insert(params![id, signed(logged.bytes), signed(said)])?;
        let mut place = 0usize;
        each_chunk(logged, |chunk| {
            let piece = Piece { record: None, place, body_bytes: logged.bytes, content: chunk };
            let stored = record
                .protection
                .stored(piece)
                .map_err(|NotSealed| StoreFault::Other("a body could not be sealed".to_owned()))?;
            self.insert_chunk(body, place, &stored)?;
            place = place.saturating_add(1);
            Ok(())
        })
    }

    fn insert_chunk(&self, body: i64, place: usize, content: &[u8]) -> Result<(), StoreFault> {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached("INSERT INTO chunk (body, place, content) VALUES (?1, ?2, ?3)")?
            .execute(params![body, place, content])?;
        Ok(())
    }

    fn append_inside(&mut self, record: &Prepared, time: Timestamp) -> Result<RecordId, AppendFault> {
        let id = self.last.saturating_add(1);
        self.insert(signed(id), record, time)?;
        self.insert_body(signed(id), record)?;
        self.last = id;
        Ok(RecordId(id))
    }
}

impl Store for Sqlite {
    fn begin(&mut self) -> Result<(), StoreFault> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn append(&mut self, record: &Prepared, time: Timestamp) -> Result<RecordId, AppendFault> {
        if !matches!(record.body.source, Body::File { .. }) {
            return self.append_inside(record, time);
        }
        // A spooled body may fail in the middle; then only this record is taken back.
        self.connection.execute_batch("SAVEPOINT spooled")?;
        let appended = self.append_inside(record, time);
        if matches!(appended, Err(AppendFault::Body(_))) {
            self.forget();
            self.connection.execute_batch("ROLLBACK TO spooled")?;
        }
        self.connection.execute_batch("RELEASE spooled")?;
        appended
    }

    fn append_stamp(&mut self, stamp: &NewStamp, time: Timestamp) -> Result<(), StoreFault> {
        let token = self.stored(&stamp.token)?;
        let result = self.stored(&stamp.result)?;
        self.connection
            .prepare_cached(
                "INSERT INTO stamp (last, first, time, token, result, leaves) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                signed(stamp.last.0),
                signed(stamp.first.0),
                milliseconds(time),
                token,
                result,
                stamp.leaves
            ])?;
        Ok(())
    }

    fn keep(&mut self, keeping: &Keeping, time: Timestamp) -> Result<u64, StoreFault> {
        match keeping {
            Keeping::Archive(new) => archive::note(&self.connection, new, time).map(|()| 0),
            Keeping::Taken(archive) => archive::note_taken(&self.connection, *archive, time).map(|()| 0),
            Keeping::Delete { before, records } => archive::delete(&self.connection, *before, records),
        }
    }

    fn commit(&mut self) -> Result<(), StoreFault> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    fn rollback(&mut self) {
        self.forget();
        // When even this fails, the connection is not used again: the writer refuses everything from now on, and the
        // unfinished transaction in the write-ahead log has no commit mark, so the next start does not see it.
        if !self.connection.is_autocommit() {
            let _undone = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn close(&mut self) -> Result<(), StoreFault> {
        // Readers may hold the write-ahead log open; then it stays, and the next start reads it.
        schema::settle(&self.connection).map(|_| ())
    }
}

impl From<StoreFault> for AppendFault {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

/// The highest number ever given to a record, even if the record itself has been deleted.
fn last_record(connection: &Connection) -> Result<u64, StoreFault> {
    let last: i64 = connection.query_row(
        "SELECT max(ifnull((SELECT max(id) FROM record), 0), ifnull((SELECT max(last) FROM stamp), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(unsigned(last))
}
