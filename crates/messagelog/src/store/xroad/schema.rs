//! The way to the database: what is checked and made before it is used.

use std::collections::BTreeSet;
use std::path::PathBuf;

use database::{Session, Url};
use postgres::Client;
use postgres::error::SqlState;

use super::append::Writer;
use super::read::Tables;
use crate::error::{OpenFailure, StoreFault};
use crate::record::RecordId;
use crate::store::values::{signed, unsigned};
use crate::store::{Acknowledged, Ends};

const LAYOUT: &str = include_str!("../../../migrations/xroad-7.8.sql");
const OWN: &str = include_str!("../../../migrations/xroad-own-1.sql");
/// The schema of what this log knows beside X-Road's layout.
const OWN_SCHEMA: &str = "chhatra_messagelog";
/// "ChLg": the lock of the one writer.
const WRITER: i64 = 0x4368_4c67;

/// What every connection needs: our tables are found, whatever the server's defaults, and by X-Road's triggers too.
const SESSION: &str = "SET search_path = messagelog";

/// The columns that are used, as release 7.8 has them.
const COLUMNS: &[(&str, &str)] = &[
    (
        "logrecord",
        "id discriminator time archived queryid message signature hashchain hashchainresult signaturehash timestamprecord \
         timestamphashchain response timestamp memberclass membercode subsystemcode xrequestid keyid ciphermessage",
    ),
    ("message_attachment", "id logrecord_id attachment_no attachment"),
    ("last_archive_digest", "id digest filename groupname"),
];

/// Opens the database for the one writer, and makes the tables when there are none. Where a file says that a log was `begun` before, a database without
/// them is evidence that was lost, and so is one without what was `acknowledged`.
pub(crate) fn open_for_writing(
    url: &Url,
    begun: Option<PathBuf>,
    acknowledged: Option<Acknowledged>,
) -> Result<(Writer, Ends), OpenFailure> {
    let mut session = Session::open(url, "chhatra message log")?;
    session.require_durable()?;
    session.run(|client| {
        client.batch_execute(SESSION)?;
        require_fit(client)?;
        if !lock(client)? {
            return Err(OpenFailure::InUse { path: PathBuf::from(url.to_string()) });
        }
        if exists(client)? {
            check(client)?;
        } else if let Some(mark) = begun {
            return Err(OpenFailure::GoneAtServer { database: url.to_string(), mark });
        } else {
            create(client)?;
        }
        own(client)
    })?;
    let mut ends = session.run(ends)?;
    if let Some(acknowledged) = acknowledged {
        session.run(|client| {
            has(client, acknowledged, ends)?;
            prove_room(client)
        })?;
        ends.last = ends.last.max(acknowledged.last);
    }
    Ok((Writer::new(session)?, ends))
}

/// Opens a further connection that only reads. Owners of records belong to the instance.
pub(crate) fn open_for_reading(
    url: &Url,
    instance: String,
    begun: Option<PathBuf>,
) -> Result<Tables, OpenFailure> {
    let mut session = Session::open(url, "chhatra message log, reading")?;
    session.run(|client| {
        client.batch_execute(SESSION)?;
        client.batch_execute("SET default_transaction_read_only = on")?;
        if !exists(client)? {
            let database = url.to_string();
            return Err(match begun {
                Some(mark) => OpenFailure::GoneAtServer { database, mark },
                None => OpenFailure::NotBegun { database },
            });
        }
        check(client)
    })?;
    Ok(Tables::new(session, instance))
}

/// What is demanded of a server besides.
fn require_fit(client: &mut Client) -> Result<(), OpenFailure> {
    let row =
        client.query_one("SELECT current_setting('server_encoding') = 'UTF8', pg_is_in_recovery()", &[])?;
    if !row.try_get(0)? {
        return Err(OpenFailure::Unfit("it is not encoded in UTF8"));
    }
    if row.try_get(1)? {
        return Err(StoreFault::ReadOnly("the server is a standby".to_owned()).into());
    }
    Ok(())
}

/// The server drops the lock with the connection, which it may notice a moment after a process was killed.
fn lock(client: &mut Client) -> Result<bool, OpenFailure> {
    client.batch_execute("SET lock_timeout = '5s'")?;
    let locked = client.query("SELECT pg_advisory_lock($1)", &[&WRITER]);
    client.batch_execute("SET lock_timeout = 0")?;
    match locked {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn exists(client: &mut Client) -> Result<bool, OpenFailure> {
    Ok(client.query_one("SELECT to_regclass('messagelog.logrecord') IS NOT NULL", &[])?.try_get(0)?)
}

/// One transaction: a crash here leaves a database without tables, which the next start takes for a new one.
fn create(client: &mut Client) -> Result<(), OpenFailure> {
    let mut transaction = client.transaction()?;
    let there = "SELECT to_regnamespace('messagelog') IS NOT NULL";
    if !transaction.query_one(there, &[])?.try_get::<_, bool>(0)? {
        transaction.batch_execute("CREATE SCHEMA messagelog")?;
    }
    transaction.batch_execute(LAYOUT)?;
    Ok(transaction.commit()?)
}

fn check(client: &mut Client) -> Result<(), OpenFailure> {
    let rows = client.query(
        "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'messagelog'",
        &[],
    )?;
    let mut found = BTreeSet::new();
    for row in &rows {
        found.insert((row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?));
    }
    for (table, columns) in COLUMNS {
        for column in columns.split(' ') {
            if !found.contains(&((*table).to_owned(), column.to_owned())) {
                return Err(OpenFailure::Layout(format!(
                    "{table} has no column {column} that this user may use"
                )));
            }
        }
    }
    Ok(())
}

/// One transaction, beside X-Road's layout.
fn own(client: &mut Client) -> Result<(), OpenFailure> {
    let row = client.query_one(
        "SELECT to_regclass('chhatra_messagelog.archive') IS NOT NULL, to_regnamespace('chhatra_messagelog') IS NOT NULL,
         has_database_privilege(current_database(), 'CREATE'), current_user::text",
        &[],
    )?;
    let (made, schema, may, user): (bool, bool, bool, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    if made {
        return Ok(());
    }
    if !schema && !may {
        return Err(OpenFailure::NoSchema { schema: OWN_SCHEMA, user });
    }
    let mut transaction = client.transaction()?;
    if !schema {
        transaction.batch_execute("CREATE SCHEMA chhatra_messagelog")?;
    }
    transaction.batch_execute(OWN)?;
    Ok(transaction.commit()?)
}

/// How far the log is.
fn ends(client: &mut Client) -> Result<Ends, OpenFailure> {
    let row = client.query_one(
        "SELECT coalesce((SELECT max(id) FROM logrecord WHERE discriminator = 'm'), 0),
                coalesce((SELECT max(id) FROM logrecord WHERE discriminator = 'm' AND timestamprecord IS NOT NULL), 0),
                (SELECT count(*) FROM logrecord
                 WHERE discriminator = 'm' AND timestamprecord IS NULL AND signaturehash IS NOT NULL)",
        &[],
    )?;
    let number = |column: usize| row.try_get::<_, i64>(column).map(unsigned);
    Ok(Ends { last: number(0)?, stamped: number(1)?, unstamped: number(2)? })
}

/// Whether everything is there that was acknowledged. Commits reach another server in their order, so that with the last record it has all.
/// The sequence alone would not show it: its steps are noted for some numbers ahead.
fn has(client: &mut Client, acknowledged: Acknowledged, ends: Ends) -> Result<(), OpenFailure> {
    let row = client.query_one(
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END,
           EXISTS (SELECT 1 FROM logrecord WHERE id = $1 AND discriminator = 'm') FROM logrecord_sequence",
        &[&signed(acknowledged.last)],
    )?;
    let (given, found): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let lost = !found && !acknowledged.may_be_deleted;
    if unsigned(given) < acknowledged.last || lost {
        let (acknowledged, there) = (RecordId(acknowledged.last), RecordId(ends.last));
        return Err(OpenFailure::Lost { acknowledged, there });
    }
    Ok(())
}

/// Whether the server can write, which opening alone does not show: its disk may be full. One transaction, so that a crash leaves nothing of
/// it; some 1 MB, since a full disk has room in pages that are begun. Where the user may not make a table, nothing is proven.
fn prove_room(client: &mut Client) -> Result<(), OpenFailure> {
    let may = client.query_one("SELECT has_schema_privilege('chhatra_messagelog', 'CREATE')", &[])?;
    if !may.try_get::<_, bool>(0)? {
        return Ok(());
    }
    let mut transaction = client.transaction()?;
    transaction.batch_execute(
        "CREATE TABLE chhatra_messagelog.room AS SELECT generate_series(1::bigint, 30000) AS place;
         DROP TABLE chhatra_messagelog.room",
    )?;
    Ok(transaction.commit()?)
}
