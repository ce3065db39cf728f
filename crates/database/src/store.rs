//! One text in one row, for a room that keeps its state as a whole: replaced by one transaction, so that a crash leaves the old state
//! or the new one. And what every room demands of the server.

use crate::fault::Fault;
use crate::session::Session;
use crate::url::Url;
use postgres::{Client, GenericClient, Transaction};

/// What is asked here is small: what takes longer waits for somebody's lock.
const LIMITS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '3s'";

/// The server looks for us too, and gives back the locks of one whose machine has gone.
pub(crate) const KEEPALIVES: &str =
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

/// A JSON text in a schema of its own. All calls block.
#[derive(Debug)]
pub struct Document {
    url: Url,
    schema: &'static str,
    purpose: &'static str,
    /// Gone after a fault; the next question makes another one.
    session: Option<Session>,
    /// Its place was seen.
    made: bool,
}

impl Document {
    /// Connects. Nothing is made by looking: the place for the text comes with the first change. `purpose` is what the server's administrator
    /// sees of it.
    ///
    /// # Errors
    /// The server is away, or does not let us in.
    pub fn open(url: Url, schema: &'static str, purpose: &'static str) -> Result<Self, Fault> {
        let mut document = Self { url, schema, purpose, session: None, made: false };
        document.is_made()?;
        Ok(document)
    }

    /// Another number after each change, whoever made it; 0 where nothing has been put yet. Cheap enough to ask every second.
    ///
    /// # Errors
    /// The server failed.
    pub fn version(&mut self) -> Result<i64, Fault> {
        if !self.is_made()? {
            return Ok(0);
        }
        let sql = format!("SELECT version FROM {}.document", self.schema);
        self.ask(|client| {
            Ok(client.query_opt(&sql, &[])?.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
        })
    }

    /// The text as it is now.
    ///
    /// # Errors
    /// The server failed.
    pub fn read(&mut self) -> Result<Option<String>, Fault> {
        if !self.is_made()? {
            return Ok(None);
        }
        let sql = self.reading();
        self.ask(|client| Ok(client.query_opt(&sql, &[])?.map(|row| row.try_get(0)).transpose()?))
    }

    /// Puts another text in the place of the present one, which `act` is given; nobody changes it in between. A crash before the
    /// commit leaves what was there, and no place where there was none. When this has answered `Ok`, the change survives one.
    ///
    /// # Errors
    /// Whatever `act` refuses: then nothing is changed. When the server failed in the commit, nobody knows.
    pub fn change<T, E>(
        &mut self,
        act: impl FnOnce(Option<&str>) -> Result<(String, T), E> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: Send + From<Fault>,
    {
        let (reading, schema) = (self.reading(), self.schema);
        self.ask(|client| {
            let mut transaction = client.transaction().map_err(Fault::from)?;
            if !is_made(&mut transaction, schema)? {
                make(&mut transaction, schema)?;
            }
            let lock = format!("LOCK TABLE {schema}.document IN SHARE ROW EXCLUSIVE MODE");
            transaction.batch_execute(&lock).map_err(Fault::from)?;
            let row = transaction.query_opt(&reading, &[]).map_err(Fault::from)?;
            let present: Option<String> = row.map(|row| row.try_get(0)).transpose().map_err(Fault::from)?;
            let (text, answer) = act(present.as_deref())?;
            let put = format!(
                "INSERT INTO {schema}.document AS stored (only_one, version, content) VALUES (true, 1, $1::text::json)
                 ON CONFLICT (only_one) DO UPDATE SET version = stored.version + 1, content = excluded.content"
            );
            transaction.execute(&put, &[&text]).map_err(Fault::from)?;
            transaction.commit().map_err(Fault::from)?;
            Ok(answer)
        })
    }

    fn is_made(&mut self) -> Result<bool, Fault> {
        if !self.made {
            let schema = self.schema;
            self.made = self.ask(|client| is_made(client, schema))?;
        }
        Ok(self.made)
    }

    fn reading(&self) -> String {
        format!("SELECT content::text FROM {}.document", self.schema)
    }

    fn ask<T: Send, E: Send + From<Fault>>(
        &mut self,
        act: impl FnOnce(&mut Client) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connect()?,
        };
        let answered = session.run(act)?;
        self.session = Some(session);
        Ok(answered)
    }

    fn connect(&self) -> Result<Session, Fault> {
        let mut session = Session::open(&self.url, self.purpose)?;
        session.require_durable()?;
        session.run(|client| {
            client.batch_execute(LIMITS)?;
            Ok::<_, Fault>(())
        })?;
        Ok(session)
    }
}

fn is_made(client: &mut impl GenericClient, schema: &str) -> Result<bool, Fault> {
    Ok(client.query_one("SELECT to_regclass($1 || '.document') IS NOT NULL", &[&schema])?.try_get(0)?)
}

fn make(transaction: &mut Transaction<'_>, schema: &str) -> Result<(), Fault> {
    let stands: bool =
        transaction.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&schema])?.try_get(0)?;
    let make = if stands { String::new() } else { format!("CREATE SCHEMA {schema};") };
    Ok(transaction.batch_execute(&format!(
        "{make} CREATE TABLE {schema}.document (
           only_one boolean PRIMARY KEY CHECK (only_one), version bigint NOT NULL, content json NOT NULL);"
    ))?)
}

impl Session {
    /// Demands of the server that what it says is committed survives its power cut. Where it waits for a standby too, it goes on to.
    ///
    /// # Errors
    /// `fsync` is off there, or the server failed.
    pub fn require_durable(&mut self) -> Result<(), Fault> {
        self.run(|client| {
            client.query(
                "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')",
                &[],
            )?;
            if client.query_one("SELECT current_setting('fsync') = 'on'", &[])?.try_get(0)? {
                return Ok(());
            }
            Err(Fault::Unfit(
                "fsync is off at the server: what it has committed would not survive a power cut",
            ))
        })
    }
}
