//! Counts and sizes for `doctor` and health, and what the writer must know when it starts.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::values::{milliseconds, time, unsigned};
use super::{Ends, schema};
use crate::error::StoreFault;
use crate::record::{ArchiveFigures, Statistics};
use crate::seal::{self, KeyName};

/// Reads all figures. Sums run over the table of bodies, not over their contents.
pub(crate) fn statistics(connection: &Connection) -> Result<Statistics, StoreFault> {
    let mut figures = connection.query_row(
        "SELECT (SELECT count(*) FROM record),
                (SELECT count(*) FROM record WHERE id > ifnull((SELECT max(last) FROM stamp), 0)),
                (SELECT time FROM record WHERE id > ifnull((SELECT max(last) FROM stamp), 0) ORDER BY id LIMIT 1),
                (SELECT time FROM record ORDER BY id DESC LIMIT 1),
                (SELECT count(*) FROM stamp), (SELECT count(*) FROM body), ifnull((SELECT sum(bytes) FROM body), 0),
                (SELECT count(*) FROM shared)",
        [],
        columns,
    )?;
    figures.file_bytes = schema::file_bytes(connection)?;
    Ok(figures)
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Statistics> {
    let number = |column: usize| -> rusqlite::Result<u64> { Ok(unsigned(row.get(column)?)) };
    let moment =
        |column: usize| -> rusqlite::Result<_> { Ok(row.get::<_, Option<i64>>(column)?.and_then(time)) };
    Ok(Statistics {
        records: number(0)?,
        unstamped: number(1)?,
        oldest_unstamped: moment(2)?,
        newest: moment(3)?,
        stamps: number(4)?,
        bodies: number(5)?,
        body_bytes: number(6)?,
        shared: number(7)?,
        file_bytes: 0,
    })
}

/// The keys of the records that are in no archive yet: by index, whatever the log holds.
pub(crate) fn keys_needed(connection: &Connection) -> Result<Vec<(KeyName, u64)>, StoreFault> {
    let mut statement = connection.prepare(
        "SELECT substr(seal, 1, 9), count(*) FROM
           (SELECT r.seal FROM withheld w JOIN record r ON r.id = w.record
            UNION ALL SELECT r.seal FROM party p JOIN record r ON r.party = p.id
            AND r.id > ifnull((SELECT last FROM archived WHERE party = p.id), 0))
         WHERE seal IS NOT NULL GROUP BY 1",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, unsigned(row.get(1)?))))?;
    let found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().filter_map(|(seal, count)| Some((seal::key_name(&seal)?, count))).collect())
}

/// How far the log is.
pub(crate) fn ends(connection: &Connection) -> Result<Ends, StoreFault> {
    let stamped: i64 =
        connection.query_row("SELECT ifnull(max(last), 0) FROM stamp", [], |row| row.get(0))?;
    let last: i64 = connection.query_row("SELECT ifnull(max(id), 0) FROM record", [], |row| row.get(0))?;
    let (last, stamped) = (unsigned(last).max(unsigned(stamped)), unsigned(stamped));
    Ok(Ends { last, stamped, unstamped: last.saturating_sub(stamped) })
}

/// How archiving fares, and what was written since a time.
pub(crate) fn archives(connection: &Connection, since: Timestamp) -> Result<ArchiveFigures, StoreFault> {
    // The oldest record of each party that is in no archive is found by index, whatever the log holds.
    let mut figures = connection.query_row(
        "SELECT (SELECT max(time) FROM archive),
                (SELECT min((SELECT time FROM record WHERE party = p.id
                             AND id > ifnull((SELECT last FROM archived WHERE party = p.id), 0) ORDER BY id LIMIT 1))
                 FROM party p),
                (SELECT count(*) FROM withheld),
                (SELECT min(time) FROM record WHERE time >= ?1),
                (SELECT count(*) FROM record WHERE time >= ?1), (SELECT count(*) FROM record),
                (SELECT ifnull(sum(bytes), 0) FROM archive WHERE time >= ?1)",
        [milliseconds(since)],
        |row| {
            let number = |column: usize| -> rusqlite::Result<u64> { Ok(unsigned(row.get(column)?)) };
            let moment = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
                Ok(row.get::<_, Option<i64>>(column)?.and_then(time))
            };
            let share = (number(4)?, number(5)?);
            let figures = ArchiveFigures {
                newest: moment(0)?,
                oldest_waiting: moment(1)?,
                withheld: number(2)?,
                oldest_of_week: moment(3)?,
                archive_bytes_of_week: number(6)?,
                ..ArchiveFigures::default()
            };
            Ok((figures, share))
        },
    )?;
    let (of_week, all) = figures.1;
    let bytes = schema::file_bytes(connection)?;
    figures.0.log_bytes_of_week = bytes.checked_div(all).unwrap_or_default().saturating_mul(of_week);
    figures.0.untaken = super::archive::untaken(connection)?.into_iter().map(|(_, name, _)| name).collect();
    Ok(figures.0)
}
