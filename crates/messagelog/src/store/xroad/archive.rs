//! What becomes of archived records, noted where X-Road notes it: each record, its time-stamp, and the last archive of each group.

use postgres::Client;

use crate::error::StoreFault;
use crate::record::RecordId;
use crate::store::archive::{DELETED_BYTES_MAX, Deletable, NewArchive};
use crate::store::values::{signed, unsigned};

pub(super) fn note(
    client: &mut Client,
    new: &NewArchive,
    records: &[i64],
    time: i64,
) -> Result<(), StoreFault> {
    let noted = client.execute(
        "UPDATE logrecord SET archived = true WHERE id = ANY ($1) AND discriminator = 'm'",
        &[&records],
    )?;
    if usize::try_from(noted) != Ok(records.len()) {
        return Err(StoreFault::Other(format!("of {} archived records {noted} are there", records.len())));
    }
    client.execute(
        "UPDATE logrecord t SET archived = true
         WHERE t.id IN (SELECT timestamprecord FROM logrecord WHERE id = ANY ($1)) AND NOT EXISTS
           (SELECT 1 FROM logrecord m WHERE m.timestamprecord = t.id AND NOT m.archived)",
        &[&records],
    )?;
    let group = Some(new.group.as_str()).filter(|group| !group.is_empty());
    let known = client.execute(
        "UPDATE last_archive_digest SET digest = $1, filename = $2 WHERE groupname IS NOT DISTINCT FROM $3",
        &[&new.link.digest, &new.link.file_name, &group],
    )?;
    if known == 0 {
        client.execute(
            "INSERT INTO last_archive_digest (id, digest, filename, groupname)
             VALUES (nextval('hibernate_sequence'), $1, $2, $3)",
            &[&new.link.digest, &new.link.file_name, &group],
        )?;
    }
    client.execute(
        "INSERT INTO chhatra_messagelog.archive (time, group_name, file, digest, containers, bytes)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &time,
            &new.group,
            &new.link.file_name,
            &new.link.digest,
            &signed(new.containers),
            &signed(new.bytes),
        ],
    )?;
    Ok(())
}

pub(super) fn note_taken(client: &mut Client, archive: i64, time: i64) -> Result<(), StoreFault> {
    client.execute("UPDATE chhatra_messagelog.archive SET taken = $2 WHERE id = $1", &[&archive, &time])?;
    Ok(())
}

/// Deletes those of the records that are archived and from before a time; triggers delete their bodies. Time-stamps that cover nothing any more
/// go with them: numbers are the sequence's, so that none is needed to remember how far the log was. How many records it were.
pub(super) fn delete(client: &mut Client, before: i64, records: &[i64]) -> Result<u64, StoreFault> {
    let rows = client.query(
        "DELETE FROM logrecord WHERE id = ANY ($1) AND discriminator = 'm' AND archived AND time < $2
         RETURNING timestamprecord",
        &[&records, &before],
    )?;
    let mut stamps = Vec::new();
    for row in &rows {
        stamps.extend(row.try_get::<_, Option<i64>>(0)?);
    }
    client.execute(
        "DELETE FROM logrecord t WHERE t.id = ANY ($1) AND t.discriminator = 't'
         AND NOT EXISTS (SELECT 1 FROM logrecord m WHERE m.timestamprecord = t.id)",
        &[&stamps],
    )?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

/// What may be deleted of the next rows. The table has no index for it, and need not: times rise with the numbers, so that the
/// old ones stand at its beginning, and behind the first rows that are newer stands nothing to be deleted.
pub(super) fn deletable(
    client: &mut Client,
    before: i64,
    after: RecordId,
    limit: usize,
) -> Result<Deletable, StoreFault> {
    let rows = client.query(
        "SELECT r.id, coalesce(r.discriminator = 'm' AND r.archived AND r.time < $2, false), coalesce(r.time >= $2, false),
           CASE WHEN r.discriminator = 'm' AND r.archived AND r.time < $2 THEN
             (SELECT coalesce(sum(lo_lseek64(lo_open(l.oid, 262144), 0, 2)), 0)::bigint FROM message_attachment a
              JOIN pg_catalog.pg_largeobject_metadata l ON l.oid = a.attachment WHERE a.logrecord_id = r.id) ELSE 0 END
         FROM logrecord r WHERE r.id > $1 ORDER BY r.id LIMIT $3",
        &[&signed(after.0), &before, &i64::try_from(limit).unwrap_or(i64::MAX)],
    )?;
    let (mut found, mut bytes) = (Deletable::default(), 0_u64);
    for row in &rows {
        let (id, old, newer) = (RecordId(unsigned(row.try_get(0)?)), row.try_get(1)?, row.try_get(2)?);
        if newer && found.next.is_none() {
            break;
        }
        found.next = Some(id);
        if old {
            found.records.push(id);
        }
        bytes = bytes.saturating_add(unsigned(row.try_get(3)?));
        if bytes > DELETED_BYTES_MAX {
            break;
        }
    }
    Ok(found)
}
