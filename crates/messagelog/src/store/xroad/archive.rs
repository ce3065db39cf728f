//! What becomes of archived records, noted where X-Road notes it: each record, its time-stamp, and the last archive of each group.

use postgres::Client;

use crate::error::StoreFault;
use crate::store::archive::NewArchive;
use crate::store::values::signed;

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

/// Deletes archived records from before a time; triggers delete their bodies. Time-stamps that cover nothing any more go with them: numbers
/// are the sequence's, so that none is needed to remember how far the log was. How many records it were.
pub(super) fn delete(client: &mut Client, before: i64, limit: usize) -> Result<u64, StoreFault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = client.query(
        "DELETE FROM logrecord WHERE id IN
           (SELECT id FROM logrecord WHERE discriminator = 'm' AND archived AND time < $1 ORDER BY id LIMIT $2)
         RETURNING timestamprecord",
        &[&before, &limit],
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
