//! The settings in SQLite: one transaction replaces them all, so a crash leaves the old settings or the new ones.
//!
//! Identifiers stand in their path form, in which a part may hold any character and still reads back as itself.

use super::super::declaration::{
    Client, ClientStatus, Connection, Declaration, Endpoint, LocalGroup, Right, Service, ServiceKind,
    Subject, TimeStampService,
};
use crate::error::StoreFault;
use identifier::{ClientId, GlobalGroupId};
use rusqlite::{Connection as Database, OpenFlags, Transaction, params};
use std::io::ErrorKind;
use std::path::Path;

/// The embedded settings database of one gateway.
#[derive(Debug)]
pub(crate) struct File {
    database: Database,
}

const SCHEMA: &str = include_str!("../../../migrations/serverconf-1.sql");
const SCHEMA_VERSION: i64 = 1;

/// Makes the database under another name and gives it its own when it is whole, so that one without settings is never taken for a new one.
/// A crash leaves a file that nobody opens. Whoever was faster has made the same.
fn make(file: &Path) -> Result<(), StoreFault> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let made =
        tempfile::Builder::new().prefix(".serverconf-").tempfile_in(folder).map_err(StoreFault::Folder)?;
    let database = Database::open(made.path())?;
    database.execute_batch(&format!("BEGIN;{SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"))?;
    database.close().map_err(|(_, error)| error)?;
    match made.persist_noclobber(file) {
        Ok(_) => {}
        Err(refused) if refused.error.kind() == ErrorKind::AlreadyExists => {}
        Err(refused) => return Err(StoreFault::Folder(refused.error)),
    }
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreFault::Folder)
}

fn check(database: &Database, file: &Path) -> Result<(), StoreFault> {
    let damaged = |found: String| StoreFault::Damaged { place: file.display().to_string(), found };
    match database.pragma_query_value(None, "user_version", |row| row.get(0))? {
        SCHEMA_VERSION => {}
        0 => return Err(damaged("it is empty".to_owned())),
        found => return Err(StoreFault::Version { found, known: SCHEMA_VERSION }),
    }
    let verdict: String = database.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(damaged(verdict)) }
}

impl File {
    /// Opens the database, making it when it is not there.
    pub(super) fn open(file: &Path) -> Result<Self, StoreFault> {
        if !file.exists() {
            make(file)?;
        }
        let database = Database::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.busy_timeout(std::time::Duration::from_secs(10))?;
        check(&database, file)?;
        database.pragma_update(None, "journal_mode", "wal")?;
        database.pragma_update(None, "synchronous", "full")?;
        database.pragma_update(None, "foreign_keys", "on")?;
        Ok(Self { database })
    }

    /// Changes whenever another connection has committed; cheap enough to ask every second.
    pub(super) fn version(&self) -> Result<i64, StoreFault> {
        Ok(self.database.pragma_query_value(None, "data_version", |row| row.get(0))?)
    }

    /// Reads the whole of the settings.
    pub(super) fn read(&mut self) -> Result<Declaration, StoreFault> {
        let transaction = self.database.transaction()?;
        let mut statement =
            transaction.prepare("SELECT id, identifier, connection, status FROM client ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
            ))
        })?;
        let mut clients = Vec::new();
        for row in rows {
            let (key, id, connection, status) = row?;
            clients.push(Client {
                id: client_id(&id)?,
                connection: read_connection(&connection)?,
                status: read_status(&status)?,
                internal_certificates: Vec::new(),
                internal_certificates_der: read_certificates(&transaction, key)?,
                services: read_services(&transaction, key)?,
                local_groups: read_groups(&transaction, key)?,
                rights: read_rights(&transaction, key)?,
            });
        }
        drop(statement);
        let time_stamps = read_time_stamps(&transaction)?;
        Ok(Declaration { clients, time_stamps })
    }

    /// Replaces the settings. A crash before the commit leaves what was there.
    pub(super) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        let transaction = self.database.transaction()?;
        transaction.execute_batch("DELETE FROM client; DELETE FROM time_stamp_service;")?;
        for client in &declaration.clients {
            write_client(&transaction, client)?;
        }
        for (rank, stamp) in declaration.time_stamps.iter().enumerate() {
            transaction.execute(
                "INSERT INTO time_stamp_service (rank, name, url) VALUES (?1, ?2, ?3)",
                params![i64::try_from(rank).unwrap_or(i64::MAX), stamp.name, stamp.url],
            )?;
        }
        Ok(transaction.commit()?)
    }
}

fn write_client(transaction: &Transaction<'_>, client: &Client) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO client (identifier, connection, status) VALUES (?1, ?2, ?3)",
        params![client.id.path(), connection_name(client.connection), status_name(client.status)],
    )?;
    let key = transaction.last_insert_rowid();
    for certificate in &client.internal_certificates_der {
        transaction.execute(
            "INSERT INTO internal_certificate (client, der_base64) VALUES (?1, ?2)",
            params![key, certificate],
        )?;
    }
    for service in &client.services {
        write_service(transaction, key, service)?;
    }
    for group in &client.local_groups {
        transaction.execute(
            "INSERT INTO local_group (client, code, description) VALUES (?1, ?2, ?3)",
            params![key, group.code, group.description],
        )?;
        let group_key = transaction.last_insert_rowid();
        for member in &group.members {
            transaction.execute(
                "INSERT INTO local_group_member (local_group, member) VALUES (?1, ?2)",
                params![group_key, member.path()],
            )?;
        }
    }
    for right in &client.rights {
        write_right(transaction, key, right)?;
    }
    Ok(())
}

fn write_service(transaction: &Transaction<'_>, client: i64, service: &Service) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO service (client, code, kind, url, description, timeout_seconds, verify_certificate, disabled)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            client,
            service.code,
            kind_name(service.kind),
            service.url,
            service.description,
            i64::try_from(service.timeout_seconds).unwrap_or(i64::MAX),
            service.verify_certificate,
            service.disabled
        ],
    )?;
    let key = transaction.last_insert_rowid();
    for endpoint in &service.endpoints {
        transaction.execute(
            "INSERT INTO endpoint (service, method, path) VALUES (?1, ?2, ?3)",
            params![key, endpoint.method, endpoint.path],
        )?;
    }
    Ok(())
}

fn write_right(transaction: &Transaction<'_>, client: i64, right: &Right) -> Result<(), StoreFault> {
    let (kind, subject) = match &right.subject {
        Subject::Client(id) => ("client", id.path()),
        Subject::GlobalGroup(id) => ("global_group", id.to_string()),
        Subject::LocalGroup(code) => ("local_group", code.clone()),
    };
    let endpoint = right.endpoint.as_ref();
    transaction.execute(
        "INSERT INTO access_right (client, subject_kind, subject, service_code, method, path)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            client,
            kind,
            subject,
            right.service,
            endpoint.map(|e| e.method.as_str()),
            endpoint.map(|e| e.path.as_str())
        ],
    )?;
    Ok(())
}

fn read_certificates(transaction: &Transaction<'_>, client: i64) -> Result<Vec<String>, StoreFault> {
    let mut statement = transaction.prepare_cached(
        "SELECT der_base64 FROM internal_certificate WHERE client = ?1 ORDER BY der_base64",
    )?;
    let rows = statement.query_map([client], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_services(transaction: &Transaction<'_>, client: i64) -> Result<Vec<Service>, StoreFault> {
    let mut statement = transaction.prepare_cached(
        "SELECT id, code, kind, url, description, timeout_seconds, verify_certificate, disabled
         FROM service WHERE client = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([client])?;
    let mut services = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(2)?;
        let timeout: i64 = row.get(5)?;
        services.push(Service {
            code: row.get(1)?,
            kind: read_kind(&kind)?,
            url: row.get(3)?,
            description: row.get(4)?,
            timeout_seconds: u64::try_from(timeout).unwrap_or(0),
            verify_certificate: row.get(6)?,
            disabled: row.get(7)?,
            endpoints: read_endpoints(transaction, row.get(0)?)?,
        });
    }
    Ok(services)
}

fn read_endpoints(transaction: &Transaction<'_>, service: i64) -> Result<Vec<Endpoint>, StoreFault> {
    let mut statement =
        transaction.prepare_cached("SELECT method, path FROM endpoint WHERE service = ?1 ORDER BY id")?;
    let rows =
        statement.query_map([service], |row| Ok(Endpoint { method: row.get(0)?, path: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_groups(transaction: &Transaction<'_>, client: i64) -> Result<Vec<LocalGroup>, StoreFault> {
    let mut statement = transaction
        .prepare_cached("SELECT id, code, description FROM local_group WHERE client = ?1 ORDER BY id")?;
    let mut members = transaction
        .prepare_cached("SELECT member FROM local_group_member WHERE local_group = ?1 ORDER BY rowid")?;
    let mut rows = statement.query([client])?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let ids = members.query_map([key], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        groups.push(LocalGroup {
            code: row.get(1)?,
            description: row.get(2)?,
            members: ids.iter().map(|id| client_id(id)).collect::<Result<_, _>>()?,
        });
    }
    Ok(groups)
}

fn read_rights(transaction: &Transaction<'_>, client: i64) -> Result<Vec<Right>, StoreFault> {
    let mut statement = transaction.prepare_cached(
        "SELECT subject_kind, subject, service_code, method, path FROM access_right WHERE client = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([client])?;
    let mut rights = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, subject): (String, String) = (row.get(0)?, row.get(1)?);
        let endpoint: (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        rights.push(Right {
            subject: match kind.as_str() {
                "client" => Subject::Client(client_id(&subject)?),
                "global_group" => Subject::GlobalGroup(group_id(&subject)?),
                "local_group" => Subject::LocalGroup(subject),
                _ => return Err(StoreFault::Content(format!("subject kind {kind}"))),
            },
            service: row.get(2)?,
            endpoint: endpoint.0.zip(endpoint.1).map(|(method, path)| Endpoint { method, path }),
        });
    }
    Ok(rights)
}

fn read_time_stamps(transaction: &Transaction<'_>) -> Result<Vec<TimeStampService>, StoreFault> {
    let mut statement = transaction.prepare("SELECT name, url FROM time_stamp_service ORDER BY rank")?;
    let rows = statement.query_map([], |row| Ok(TimeStampService { name: row.get(0)?, url: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn client_id(text: &str) -> Result<ClientId, StoreFault> {
    ClientId::from_path(text).map_err(|_| StoreFault::Content(format!("client identifier {text}")))
}

fn group_id(text: &str) -> Result<GlobalGroupId, StoreFault> {
    GlobalGroupId::parse_short(text).map_err(|_| StoreFault::Content(format!("group identifier {text}")))
}

const fn connection_name(connection: Connection) -> &'static str {
    match connection {
        Connection::Http => "NOSSL",
        Connection::Https => "SSLNOAUTH",
        Connection::HttpsMutual => "SSLAUTH",
    }
}

fn read_connection(name: &str) -> Result<Connection, StoreFault> {
    match name {
        "NOSSL" => Ok(Connection::Http),
        "SSLNOAUTH" => Ok(Connection::Https),
        "SSLAUTH" => Ok(Connection::HttpsMutual),
        _ => Err(StoreFault::Content(format!("connection type {name}"))),
    }
}

const fn status_name(status: ClientStatus) -> &'static str {
    match status {
        ClientStatus::Saved => "saved",
        ClientStatus::Registered => "registered",
        ClientStatus::Disabled => "disabled",
    }
}

fn read_status(name: &str) -> Result<ClientStatus, StoreFault> {
    match name {
        "saved" => Ok(ClientStatus::Saved),
        "registered" => Ok(ClientStatus::Registered),
        "disabled" => Ok(ClientStatus::Disabled),
        _ => Err(StoreFault::Content(format!("client status {name}"))),
    }
}

const fn kind_name(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Rest => "REST",
        ServiceKind::Openapi3 => "OPENAPI3",
        ServiceKind::Wsdl => "WSDL",
    }
}

fn read_kind(name: &str) -> Result<ServiceKind, StoreFault> {
    match name {
        "REST" => Ok(ServiceKind::Rest),
        "OPENAPI3" => Ok(ServiceKind::Openapi3),
        "WSDL" => Ok(ServiceKind::Wsdl),
        _ => Err(StoreFault::Content(format!("service kind {name}"))),
    }
}
