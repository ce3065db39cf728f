//! Counts and sizes for `doctor` and health, and what the writer must know when it starts.

use rusqlite::{Connection, Row};

use super::values::{time, unsigned};
use super::{Ends, schema};
use crate::error::StoreFault;
use crate::record::Statistics;

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

/// How far the log is.
pub(crate) fn ends(connection: &Connection) -> Result<Ends, StoreFault> {
    let stamped: i64 =
        connection.query_row("SELECT ifnull(max(last), 0) FROM stamp", [], |row| row.get(0))?;
    let last: i64 = connection.query_row("SELECT ifnull(max(id), 0) FROM record", [], |row| row.get(0))?;
    let (last, stamped) = (unsigned(last).max(unsigned(stamped)), unsigned(stamped));
    Ok(Ends { last, stamped, unstamped: last.saturating_sub(stamped) })
}
