//! The settings in PostgreSQL: one document in one row, replaced by one statement, so that a crash leaves the old settings or the new ones.

use super::super::declaration::Declaration;
use crate::error::StoreFault;
use database::{Session, Url};
use postgres::Client;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../migrations/serverconf-postgresql-1.sql");

/// The field of a client that no operator may write, and that is read here all the same.
const CERTIFICATES: &str = "internal_certificates_der";

/// The settings of one gateway in a PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Server {
    url: Url,
    /// Gone after a fault; the next question makes another one.
    session: Option<Session>,
}

impl Server {
    pub(super) fn open(url: Url) -> Result<Self, StoreFault> {
        let mut server = Self { url, session: None };
        server.ask(|client| {
            let row = client.query_one(
                "SELECT to_regclass('chhatra_serverconf.declaration') IS NOT NULL,
                 to_regnamespace('chhatra_serverconf') IS NOT NULL",
                &[],
            )?;
            if row.try_get(0)? {
                return Ok(());
            }
            // One transaction: a crash here leaves a database without settings.
            let schema = if row.try_get(1)? { "" } else { "CREATE SCHEMA chhatra_serverconf;" };
            Ok(client.batch_execute(&format!("BEGIN; {schema} {SCHEMA} COMMIT;"))?)
        })?;
        Ok(server)
    }

    pub(super) fn version(&mut self) -> Result<i64, StoreFault> {
        self.ask(|client| {
            let row = client.query_opt("SELECT version FROM chhatra_serverconf.declaration", &[])?;
            Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
        })
    }

    pub(super) fn read(&mut self) -> Result<Declaration, StoreFault> {
        let text = self.ask(|client| {
            let row = client.query_opt("SELECT document::text FROM chhatra_serverconf.declaration", &[])?;
            Ok(row.map(|row| row.try_get::<_, String>(0)).transpose()?)
        })?;
        text.map_or_else(|| Ok(Declaration::default()), |text| declaration(&text))
    }

    pub(super) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        let unusable = |error: serde_json::Error| StoreFault::Content(format!("declaration: {error}"));
        let text = serde_json::to_string(declaration).map_err(unusable)?;
        self.ask(|client| {
            client.execute(
                "INSERT INTO chhatra_serverconf.declaration AS stored (only_one, version, document)
                 VALUES (true, 1, $1::text::json)
                 ON CONFLICT (only_one) DO UPDATE SET version = stored.version + 1, document = excluded.document",
                &[&text],
            )?;
            Ok(())
        })
    }

    fn ask<T: Send>(
        &mut self,
        act: impl FnOnce(&mut Client) -> Result<T, StoreFault> + Send,
    ) -> Result<T, StoreFault> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => connect(&self.url)?,
        };
        let answered = session.run(act)?;
        self.session = Some(session);
        Ok(answered)
    }
}

fn connect(url: &Url) -> Result<Session, StoreFault> {
    let mut session = Session::open(url, "chhatra settings")?;
    session.run(|client| {
        // What was applied must survive the server's power cut.
        client.query(
            "SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')",
            &[],
        )?;
        Ok::<_, StoreFault>(())
    })?;
    Ok(session)
}

/// The declaration again, with the certificates that were read when it was applied.
fn declaration(text: &str) -> Result<Declaration, StoreFault> {
    let unusable = |error: serde_json::Error| StoreFault::Content(format!("declaration: {error}"));
    let mut document: Value = serde_json::from_str(text).map_err(unusable)?;
    let mut certificates: Vec<Vec<String>> = Vec::new();
    for client in document.get_mut("client").and_then(Value::as_array_mut).into_iter().flatten() {
        let held = client.as_object_mut().and_then(|client| client.remove(CERTIFICATES));
        certificates.push(
            serde_json::from_value(held.unwrap_or_else(|| Value::Array(Vec::new()))).map_err(unusable)?,
        );
    }
    let mut read: Declaration = serde_json::from_value(document).map_err(unusable)?;
    for (client, held) in read.clients.iter_mut().zip(certificates) {
        client.internal_certificates_der = held;
    }
    Ok(read)
}
