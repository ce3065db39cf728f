//! The reading half: lists, whole records, bodies, what waits for a time-stamp.

use std::io::Write;

use identifier::ClientId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use trust::algorithm::DigestAlgorithm;

use super::values::{identifier_text, identifier_value, signed, time, unsigned};
use super::{KeptBody, SealedBody, Stamped, Way};
use crate::error::{ReadFailure, StoreFault};
use crate::pack;
use crate::record::{Direction, Entry, Owner, Record, RecordId, Search, Stamp};
use crate::seal::{self, Kept};

/// Records of a page when none is said, and at most.
const PAGE: (usize, usize) = (100, 1000);
/// Bytes of a SHA-512 digest: the leaves of a batch time-stamp stand one after another.
const LEAF_BYTES: usize = 64;

const ENTRY: &str = "SELECT r.id, r.time, r.query_id, r.request_id, r.response, p.instance, p.class, p.code,
 p.subsystem, b.bytes, b.bytes_signed, r.id <= ifnull((SELECT max(last) FROM stamp), 0)
 FROM record r JOIN party p ON p.id = r.party LEFT JOIN body b ON b.record = r.id AND b.number = 1";

/// Size of the page that a search asks for.
pub(super) fn page(search: &Search) -> usize {
    match search.limit {
        0 => PAGE.0,
        limit => limit.min(PAGE.1),
    }
}

/// The records that fit, newest first.
pub(crate) fn find(connection: &Connection, search: &Search) -> Result<Vec<Entry>, ReadFailure> {
    let (clauses, values) = conditions(search);
    let limit = page(search);
    let sql = format!("{ENTRY} WHERE 1 {clauses} ORDER BY r.id DESC LIMIT {limit}");
    let mut statement = connection.prepare(&sql).map_err(StoreFault::from)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(StoreFault::from)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(StoreFault::from)? {
        found.push(entry(row)?);
    }
    Ok(found)
}

/// The conditions of a search; every text comes in as a parameter.
fn conditions(search: &Search) -> (String, Vec<Value>) {
    let mut clauses = String::new();
    let mut values = Vec::new();
    let mut add = |clause: &str, value: Vec<Value>| {
        clauses.push_str(clause);
        values.extend(value);
    };
    if let Some(id) = &search.query_id {
        add(" AND r.query_id = ?", vec![identifier_value(id)]);
    }
    if let Some(owner) = &search.owner {
        let (member, subsystem) = match owner {
            Owner::Client(client) => {
                (client.member(), Some(client.subsystem().unwrap_or_default().to_owned()))
            }
            Owner::Member(member) => (member.clone(), None),
        };
        let parts =
            [member.instance(), member.class(), member.code()].map(|part| Value::Text(part.to_owned()));
        add(
            " AND r.party IN (SELECT id FROM party WHERE instance = ? AND class = ? AND code = ?",
            parts.to_vec(),
        );
        match subsystem {
            Some(subsystem) => add(" AND subsystem = ?)", vec![Value::Text(subsystem)]),
            None => add(")", Vec::new()),
        }
    }
    if let Some(direction) = search.direction {
        add(" AND r.response = ?", vec![Value::Integer(i64::from(direction == Direction::Response))]);
    }
    if let Some(from) = search.from {
        add(" AND r.time >= ?", vec![Value::Integer(from.as_millisecond())]);
    }
    if let Some(until) = search.until {
        add(" AND r.time < ?", vec![Value::Integer(until.as_millisecond())]);
    }
    if let Some(before) = search.before {
        add(" AND r.id < ?", vec![Value::Integer(signed(before.0))]);
    }
    (clauses, values)
}

fn entry(row: &Row<'_>) -> Result<Entry, ReadFailure> {
    let id = RecordId(unsigned(row.get(0).map_err(StoreFault::from)?));
    let damaged = |what: &str| ReadFailure::Damaged { record: id, what: what.to_owned() };
    let text =
        |column: usize| -> Result<String, ReadFailure> { Ok(row.get(column).map_err(StoreFault::from)?) };
    let name = |column: usize| -> Result<String, ReadFailure> {
        identifier_text(row.get_ref(column).map_err(StoreFault::from)?)
            .ok_or_else(|| damaged("an identifier"))
    };
    let subsystem = text(8)?;
    let owner =
        ClientId::new(text(5)?, text(6)?, text(7)?, (!subsystem.is_empty()).then_some(subsystem.as_str()))
            .map_err(|_| damaged("the owner"))?;
    let bytes: Option<i64> = row.get(9).map_err(StoreFault::from)?;
    let bytes_signed: Option<i64> = row.get(10).map_err(StoreFault::from)?;
    Ok(Entry {
        id,
        time: time(row.get(1).map_err(StoreFault::from)?).ok_or_else(|| damaged("the time"))?,
        query_id: name(2)?,
        request_id: name(3)?,
        owner,
        direction: if row.get(4).map_err(StoreFault::from)? {
            Direction::Response
        } else {
            Direction::Request
        },
        body_bytes: bytes.map(unsigned),
        body_bytes_signed: bytes_signed.map(unsigned),
        stamped: row.get(11).map_err(StoreFault::from)?,
    })
}

/// A whole record but for its time-stamp, its signature rebuilt and compared with its digest.
pub(crate) fn record(connection: &Connection, id: RecordId) -> Result<Record, ReadFailure> {
    let sql = format!("{ENTRY} WHERE r.id = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(StoreFault::from)?;
    let mut rows = statement.query(params![signed(id.0)]).map_err(StoreFault::from)?;
    let row = rows.next().map_err(StoreFault::from)?.ok_or(ReadFailure::NoSuchRecord(id))?;
    let entry = entry(row)?;
    let columns: Columns = connection
        .prepare_cached(
            "SELECT message, signature, signature_digest, hash_chain_result, hash_chain, seal FROM record WHERE id = ?1",
        )
        .and_then(|mut statement| statement.query_row(params![signed(id.0)], columns))
        .map_err(StoreFault::from)?;
    let signature = document(connection, id, &columns.signature)?;
    if DigestAlgorithm::Sha512.digest(&signature) != columns.signature_digest {
        return Err(ReadFailure::Damaged {
            record: id,
            what: "the signature is not the recorded one".to_owned(),
        });
    }
    let optional =
        |stored: Option<Vec<u8>>| stored.map(|stored| document(connection, id, &stored)).transpose();
    Ok(Record {
        message: columns.message,
        kept: columns.seal.map_or(Kept::Open, Kept::Sealed),
        signature,
        hash_chain_result: optional(columns.hash_chain_result)?,
        hash_chain: optional(columns.hash_chain)?,
        signature_digest: columns.signature_digest,
        stamp: None,
        entry,
    })
}

struct Columns {
    message: Vec<u8>,
    signature: Vec<u8>,
    signature_digest: Vec<u8>,
    hash_chain_result: Option<Vec<u8>>,
    hash_chain: Option<Vec<u8>>,
    seal: Option<Vec<u8>>,
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok(Columns {
        message: row.get(0)?,
        signature: row.get(1)?,
        signature_digest: row.get(2)?,
        hash_chain_result: row.get(3)?,
        hash_chain: row.get(4)?,
        seal: row.get(5)?,
    })
}

/// A stored document, byte for byte.
fn document(connection: &Connection, record: RecordId, stored: &[u8]) -> Result<Vec<u8>, ReadFailure> {
    let shared = |number: u64| -> Result<Vec<u8>, StoreFault> {
        Ok(connection
            .prepare_cached("SELECT content FROM shared WHERE id = ?1")?
            .query_row(params![signed(number)], |row| row.get(0))?)
    };
    pack::decode(stored, shared).map_err(|failure| match failure {
        pack::DecodeFailure::Broken => {
            ReadFailure::Damaged { record, what: "a stored document cannot be rebuilt".to_owned() }
        }
        pack::DecodeFailure::Shared(fault) => ReadFailure::Storage(fault),
    })
}

/// The time-stamp that covers a record: the first one that reaches up to it.
pub(crate) fn stamp(connection: &Connection, id: RecordId) -> Result<Option<Stamped>, ReadFailure> {
    let row = connection
        .prepare_cached("SELECT first, last, time, token, result, leaves FROM stamp WHERE last >= ?1 ORDER BY last LIMIT 1")
        .and_then(|mut statement| statement.query_row(params![signed(id.0)], stamp_columns).optional())
        .map_err(StoreFault::from)?;
    let Some(row) = row else { return Ok(None) };
    let damaged = |what: &str| ReadFailure::Damaged { record: id, what: what.to_owned() };
    let (first, last) = (unsigned(row.first), unsigned(row.last));
    let leaves: Vec<Vec<u8>> = row.leaves.chunks(LEAF_BYTES).map(<[u8]>::to_vec).collect();
    let covered = last
        .checked_sub(first)
        .and_then(|more| usize::try_from(more).ok())
        .and_then(|more| more.checked_add(1));
    if covered != Some(leaves.len()) {
        return Err(damaged("its time-stamp covers another number of records than it says"));
    }
    let stamp = Stamp {
        first: RecordId(first),
        last: RecordId(last),
        time: time(row.time).ok_or_else(|| damaged("the time of its time-stamp"))?,
        token: document(connection, id, &row.token)?,
        result: document(connection, id, &row.result)?,
    };
    Ok(Some(Stamped { stamp, way: Way::Leaves(leaves) }))
}

struct StampColumns {
    first: i64,
    last: i64,
    time: i64,
    token: Vec<u8>,
    result: Vec<u8>,
    leaves: Vec<u8>,
}

fn stamp_columns(row: &Row<'_>) -> rusqlite::Result<StampColumns> {
    Ok(StampColumns {
        first: row.get(0)?,
        last: row.get(1)?,
        time: row.get(2)?,
        token: row.get(3)?,
        result: row.get(4)?,
        leaves: row.get(5)?,
    })
}

/// Writes an attachment into `out`, chunk by chunk; gives its length.
pub(crate) fn body(
    connection: &Connection,
    record: RecordId,
    number: u32,
    out: &mut dyn Write,
) -> Result<u64, ReadFailure> {
    let found: Option<(i64, i64, bool)> = connection
        .prepare_cached(
            "SELECT b.id, b.bytes, r.seal IS NOT NULL FROM body b JOIN record r ON r.id = b.record
             WHERE b.record = ?1 AND b.number = ?2",
        )
        .and_then(|mut statement| {
            let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            statement.query_row(params![signed(record.0), number], columns).optional()
        })
        .map_err(StoreFault::from)?;
    let (body, bytes, sealed) = found.ok_or(ReadFailure::NoSuchAttachment { record, number })?;
    let stored = if sealed { seal::stored_bytes(unsigned(bytes)) } else { unsigned(bytes) };
    let mut statement = connection
        .prepare_cached("SELECT content FROM chunk WHERE body = ?1 ORDER BY place")
        .map_err(StoreFault::from)?;
    let mut rows = statement.query(params![body]).map_err(StoreFault::from)?;
    let mut written = 0u64;
    while let Some(row) = rows.next().map_err(StoreFault::from)? {
        let content = row.get_ref(0).map_err(StoreFault::from)?.as_blob().unwrap_or_default();
        out.write_all(content).map_err(|error| ReadFailure::Output(error.to_string()))?;
        written = written.saturating_add(u64::try_from(content.len()).unwrap_or(u64::MAX));
    }
    if written == stored {
        Ok(unsigned(bytes))
    } else {
        Err(ReadFailure::Damaged {
            record,
            what: format!("attachment {number} has {written} bytes instead of {stored}"),
        })
    }
}

/// How an attachment is kept; one that is not there is open.
pub(crate) fn kept(connection: &Connection, record: RecordId, number: u32) -> Result<KeptBody, ReadFailure> {
    let found = connection
        .prepare_cached(
            "SELECT r.seal, r.signature_digest, r.query_id, r.request_id, r.response, b.bytes
             FROM body b JOIN record r ON r.id = b.record
             WHERE b.record = ?1 AND b.number = ?2 AND r.seal IS NOT NULL",
        )
        .and_then(|mut statement| {
            let columns = |row: &Row<'_>| {
                // What is no identifier opens nothing, as any other one would.
                let name =
                    |column: usize| row.get_ref(column).map(|v| identifier_text(v).unwrap_or_default());
                let digest: Vec<u8> = row.get(1)?;
                let direction = if row.get(4)? { Direction::Response } else { Direction::Request };
                let binding = seal::binding(&digest, &name(2)?, &name(3)?, direction);
                Ok(SealedBody { seal: row.get(0)?, binding, bytes: unsigned(row.get(5)?) })
            };
            statement.query_row(params![signed(record.0), number], columns).optional()
        });
    Ok(found.map_err(StoreFault::from)?.map_or(KeptBody::Open, KeptBody::Sealed))
}

/// Up to `limit` records without a time-stamp, those that follow one another without a hole, with the digests of their signatures.
pub(crate) fn unstamped(
    connection: &Connection,
    limit: usize,
) -> Result<Vec<(RecordId, Vec<u8>)>, ReadFailure> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection
        .prepare_cached(
            "SELECT id, signature_digest FROM record WHERE id > ifnull((SELECT max(last) FROM stamp), 0)
             ORDER BY id LIMIT ?1",
        )
        .map_err(StoreFault::from)?;
    let rows = statement
        .query_map(params![limit], |row| Ok((RecordId(unsigned(row.get(0)?)), row.get(1)?)))
        .map_err(StoreFault::from)?;
    let mut waiting: Vec<(RecordId, Vec<u8>)> =
        rows.collect::<rusqlite::Result<_>>().map_err(StoreFault::from)?;
    // A time-stamp says only where it begins and where it ends.
    let first = waiting.first().map_or(0, |(id, _)| id.0);
    let whole = (first..).zip(&waiting).take_while(|(expected, (id, _))| *expected == id.0).count();
    waiting.truncate(whole);
    Ok(waiting)
}
