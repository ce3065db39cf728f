//! What the database knows of archives: which were made, which records are in them, and which of those may be deleted.

use identifier::ClientId;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use signature::archive::Link;

use super::values::{milliseconds, signed, unsigned};
use crate::error::{ReadFailure, StoreFault};
use crate::record::RecordId;

/// Bytes of bodies that are deleted in one group of the writer.
pub(super) const DELETED_BYTES_MAX: u64 = 16 << 20;

/// To whom records belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    /// Its number in the embedded database.
    pub(crate) id: i64,
    pub(crate) client: ClientId,
}

/// Records that may be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deletable {
    pub(crate) records: Vec<RecordId>,
    /// Behind which record to go on; nothing at the end.
    pub(crate) next: Option<RecordId>,
}

/// An archive to be noted, with the records in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewArchive {
    /// Empty when all stand together.
    pub(crate) group: String,
    pub(crate) link: Link,
    pub(crate) containers: u64,
    pub(crate) bytes: u64,
    /// The records in it.
    pub(crate) records: Vec<RecordId>,
    /// What was looked at: all of it is archived now, but for those that are withheld.
    pub(crate) looked_at: Vec<LookedAt>,
    /// Records among these that are not.
    pub(crate) withheld: Vec<(i64, RecordId)>,
}

/// Records of a party, all that waited behind one up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LookedAt {
    pub(crate) party: i64,
    pub(crate) after: RecordId,
    pub(crate) through: RecordId,
}

/// Everybody who has records.
pub(crate) fn parties(connection: &Connection) -> Result<Vec<Party>, ReadFailure> {
    let mut statement = connection
        .prepare_cached(
            "SELECT id, instance, class, code, subsystem FROM party
             ORDER BY instance, class, code, subsystem = '', subsystem",
        )
        .map_err(StoreFault::from)?;
    let rows = statement.query_map([], party).map_err(StoreFault::from)?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>().map_err(StoreFault::from)?)
}

fn party(row: &Row<'_>) -> rusqlite::Result<Party> {
    let text = |column: usize| row.get::<_, String>(column);
    let subsystem = text(4)?;
    let subsystem = Some(subsystem.as_str()).filter(|subsystem| !subsystem.is_empty());
    let client = ClientId::new(text(1)?, text(2)?, text(3)?, subsystem)
        .map_err(|_| rusqlite::Error::InvalidColumnName("party".to_owned()))?;
    Ok(Party { id: row.get(0)?, client })
}

/// Records of a party that are not archived, in the order of their numbers: first those that were withheld before.
pub(crate) fn waiting(
    connection: &Connection,
    party: i64,
    after: RecordId,
    through: RecordId,
    limit: usize,
) -> Result<Vec<RecordId>, StoreFault> {
    let mut statement = connection.prepare_cached(
        "SELECT record FROM withheld WHERE party = ?1 AND record > ?2 AND record <= ?3
         UNION ALL
         SELECT id FROM record WHERE party = ?1 AND id <= ?3
          AND id > max(?2, ifnull((SELECT last FROM archived WHERE party = ?1), 0))
         ORDER BY 1 LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters = params![party, signed(after.0), signed(through.0), limit];
    let rows = statement.query_map(parameters, |row| Ok(RecordId(unsigned(row.get(0)?))))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

/// The last archive of a group.
pub(crate) fn last_link(connection: &Connection, group: Option<&str>) -> Result<Option<Link>, StoreFault> {
    let link = connection
        .prepare_cached("SELECT digest, file FROM archive WHERE group_name = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row(params![group.unwrap_or_default()], |row| {
            Ok(Link { digest: row.get(0)?, file_name: row.get(1)? })
        })
        .optional()?;
    Ok(link)
}

/// Whether any archive was ever made.
pub(crate) fn any(connection: &Connection) -> Result<bool, StoreFault> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM archive)", [], |row| row.get(0))?)
}

/// Numbers, names and lengths of the archives that nobody has taken away.
pub(crate) fn untaken(connection: &Connection) -> Result<Vec<(i64, String, u64)>, StoreFault> {
    let mut statement =
        connection.prepare_cached("SELECT id, file, bytes FROM archive WHERE taken IS NULL ORDER BY id")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, unsigned(row.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
}

pub(super) fn note(connection: &Connection, new: &NewArchive, time: Timestamp) -> Result<(), StoreFault> {
    connection
        .prepare_cached(
            "INSERT INTO archive (time, group_name, file, digest, containers, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            milliseconds(time),
            new.group,
            new.link.file_name,
            new.link.digest,
            signed(new.containers),
            signed(new.bytes),
        ])?;
    for LookedAt { party, after, through } in &new.looked_at {
        connection
            .prepare_cached(
                "INSERT INTO archived (party, last) VALUES (?1, ?2)
                 ON CONFLICT (party) DO UPDATE SET last = max(last, excluded.last)",
            )?
            .execute(params![party, signed(through.0)])?;
        // Those that were withheld before are in the archive now, or follow. Those up to `after` were looked at for another archive.
        connection
            .prepare_cached("DELETE FROM withheld WHERE party = ?1 AND record > ?2 AND record <= ?3")?
            .execute(params![party, signed(after.0), signed(through.0)])?;
    }
    for (party, record) in &new.withheld {
        connection
            .prepare_cached("INSERT INTO withheld (record, party) VALUES (?1, ?2)")?
            .execute(params![signed(record.0), party])?;
    }
    Ok(())
}

pub(super) fn note_taken(connection: &Connection, archive: i64, time: Timestamp) -> Result<(), StoreFault> {
    connection
        .prepare_cached("UPDATE archive SET taken = ?2 WHERE id = ?1")?
        .execute(params![archive, milliseconds(time)])?;
    Ok(())
}

/// Deletes those of the records that are from before a time and archived, with their bodies; and time-stamps that cover nothing any more, but
/// for the last one, which says how far the log is stamped. How many records it were.
pub(super) fn delete(
    connection: &Connection,
    before: Timestamp,
    records: &[RecordId],
) -> Result<u64, StoreFault> {
    let mut deleted: u64 = 0;
    for record in records {
        let record = signed(record.0);
        if !may_go(connection, before, record)? {
            continue;
        }
        for sql in [
            "DELETE FROM chunk WHERE body IN (SELECT id FROM body WHERE record = ?1)",
            "DELETE FROM body WHERE record = ?1",
            "DELETE FROM record WHERE id = ?1",
        ] {
            connection.prepare_cached(sql)?.execute(params![record])?;
        }
        deleted = deleted.saturating_add(1);
    }
    let (Some(first), Some(last)) = (records.iter().min(), records.iter().max()) else { return Ok(0) };
    connection
        .prepare_cached(
            "DELETE FROM stamp WHERE last >= ?1 AND last < (SELECT max(last) FROM stamp)
             AND last <= ifnull((SELECT min(last) FROM stamp WHERE last >= ?2), ?2)
             AND NOT EXISTS (SELECT 1 FROM record WHERE id BETWEEN stamp.first AND stamp.last)",
        )?
        .execute(params![signed(first.0), signed(last.0)])?;
    Ok(deleted)
}

/// The writer looks once more at what a reader has found.
fn may_go(connection: &Connection, before: Timestamp, record: i64) -> Result<bool, StoreFault> {
    let may = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM record r JOIN archived a ON a.party = r.party
             WHERE r.id = ?1 AND r.time < ?2 AND r.id <= a.last AND NOT EXISTS (SELECT 1 FROM withheld WHERE record = r.id))",
        )?
        .query_row(params![record, milliseconds(before)], |row| row.get(0))?;
    Ok(may)
}

/// What may be deleted, the oldest first: what was found before is gone by then, so that there is nothing to go on behind.
pub(super) fn deletable(
    connection: &Connection,
    before: Timestamp,
    after: RecordId,
    limit: usize,
) -> Result<Deletable, StoreFault> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, ifnull((SELECT sum(bytes) FROM body WHERE record = r.id), 0)
         FROM record r INDEXED BY record_by_time JOIN archived a ON a.party = r.party
         WHERE r.time < ?1 AND r.id <= a.last AND NOT EXISTS (SELECT 1 FROM withheld WHERE record = r.id)
         ORDER BY r.time LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![milliseconds(before), limit])?;
    let (mut records, mut bytes) = (Vec::new(), 0_u64);
    while let Some(row) = rows.next()? {
        records.push(RecordId(unsigned(row.get(0)?)));
        bytes = bytes.saturating_add(unsigned(row.get(1)?));
        if bytes > DELETED_BYTES_MAX {
            break;
        }
    }
    let next = Some(after).filter(|_| !records.is_empty());
    Ok(Deletable { records, next })
}
