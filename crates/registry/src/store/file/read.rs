//! The declared state out of the tables. Everything stands in the order in which it was declared.

use crate::declaration::{
    CaCertificate, CertificationService, Declaration, Group, Management, Member, MemberClass, OcspResponder,
    Server, Settings, Subsystem, TimeStampingService,
};
use crate::error::StoreFault;
use identifier::{ClientId, MemberId};
use rusqlite::{Connection, OptionalExtension as _, Row};
use trust::{Certificate, CertificateProfile};

/// Nothing when nothing has been declared yet.
pub(super) fn declaration(database: &Connection) -> Result<Option<Declaration>, StoreFault> {
    let Some(settings) = settings(database)? else {
        return Ok(None);
    };
    Ok(Some(Declaration {
        settings,
        members: members(database)?,
        servers: servers(database)?,
        groups: groups(database)?,
        cas: cas(database)?,
        tsas: tsas(database)?,
    }))
}

pub(super) fn certificate(der: &[u8]) -> Result<Certificate, StoreFault> {
    Certificate::from_der(der).map_err(|error| StoreFault::Content(format!("certificate: {error}")))
}

fn client(text: &str) -> Result<ClientId, StoreFault> {
    ClientId::parse_short(text).map_err(|_| StoreFault::Content(format!("client {text:?}")))
}

fn seconds(value: i64) -> Result<u64, StoreFault> {
    u64::try_from(value).map_err(|_| StoreFault::Content(format!("number of seconds {value}")))
}

/// The rows of a statement with one parameter, each as one column.
fn column<T: rusqlite::types::FromSql>(
    database: &Connection,
    sql: &str,
    key: i64,
) -> Result<Vec<T>, StoreFault> {
    let mut statement = database.prepare_cached(sql)?;
    let rows = statement.query_map([key], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

struct SettingsRow {
    freshness: i64,
    stamping: i64,
    fetch: Option<u32>,
    next_update: Option<bool>,
    monitoring: Option<String>,
    provider: String,
    address: Option<String>,
    certificate: Option<Vec<u8>>,
}

fn settings_row(row: &Row<'_>) -> rusqlite::Result<SettingsRow> {
    Ok(SettingsRow {
        freshness: row.get(0)?,
        stamping: row.get(1)?,
        fetch: row.get(2)?,
        next_update: row.get(3)?,
        monitoring: row.get(4)?,
        provider: row.get(5)?,
        address: row.get(6)?,
        certificate: row.get(7)?,
    })
}

fn settings(database: &Connection) -> Result<Option<Settings>, StoreFault> {
    let row = database
        .query_row(
            "SELECT ocsp_freshness_seconds, time_stamping_interval_seconds, ocsp_fetch_interval_seconds,
             verify_next_update, monitoring_client, management_provider, management_address, management_certificate
             FROM settings",
            [],
            settings_row,
        )
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let mut statement = database.prepare_cached("SELECT code, description FROM member_class ORDER BY id")?;
    let classes =
        statement.query_map([], |row| Ok(MemberClass { code: row.get(0)?, description: row.get(1)? }))?;
    Ok(Some(Settings {
        member_classes: classes.collect::<Result<_, _>>()?,
        ocsp_freshness_seconds: seconds(row.freshness)?,
        time_stamping_interval_seconds: seconds(row.stamping)?,
        ocsp_fetch_interval_seconds: row.fetch,
        verify_next_update: row.next_update,
        monitoring_client: row.monitoring.as_deref().map(client).transpose()?,
        management: Management {
            provider: client(&row.provider)?,
            address: row.address,
            certificate: row.certificate.as_deref().map(certificate).transpose()?,
        },
    }))
}

fn members(database: &Connection) -> Result<Vec<Member>, StoreFault> {
    let mut statement = database.prepare_cached("SELECT id, class, code, name FROM member ORDER BY id")?;
    let mut subsystems =
        database.prepare_cached("SELECT code, name FROM subsystem WHERE member = ?1 ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let found =
            subsystems.query_map([key], |row| Ok(Subsystem { code: row.get(0)?, name: row.get(1)? }))?;
        members.push(Member {
            class: row.get(1)?,
            code: row.get(2)?,
            name: row.get(3)?,
            subsystems: found.collect::<Result<_, _>>()?,
        });
    }
    Ok(members)
}

fn servers(database: &Connection) -> Result<Vec<Server>, StoreFault> {
    let mut statement =
        database.prepare_cached("SELECT id, owner, code, address, maintenance FROM server ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut servers = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, owner): (i64, String) = (row.get(0)?, row.get(1)?);
        let certificates: Vec<Vec<u8>> =
            column(database, "SELECT der FROM server_certificate WHERE server = ?1 ORDER BY id", key)?;
        let clients: Vec<String> =
            column(database, "SELECT client FROM server_client WHERE server = ?1 ORDER BY id", key)?;
        servers.push(Server {
            owner: MemberId::parse_short(&owner)
                .map_err(|_| StoreFault::Content(format!("owner {owner:?}")))?,
            code: row.get(2)?,
            address: row.get(3)?,
            auth_certificates: certificates.iter().map(|der| certificate(der)).collect::<Result<_, _>>()?,
            clients: clients.iter().map(|text| client(text)).collect::<Result<_, _>>()?,
            maintenance: row.get(4)?,
        });
    }
    Ok(servers)
}

fn groups(database: &Connection) -> Result<Vec<Group>, StoreFault> {
    let mut statement =
        database.prepare_cached("SELECT id, code, description FROM global_group ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut groups = Vec::new();
    while let Some(row) = rows.next()? {
        let members: Vec<String> = column(
            database,
            "SELECT member FROM group_member WHERE global_group = ?1 ORDER BY id",
            row.get(0)?,
        )?;
        groups.push(Group {
            code: row.get(1)?,
            description: row.get(2)?,
            members: members.iter().map(|text| client(text)).collect::<Result<_, _>>()?,
        });
    }
    Ok(groups)
}

fn cas(database: &Connection) -> Result<Vec<CertificationService>, StoreFault> {
    let mut statement =
        database.prepare_cached("SELECT id, profile, authentication_only FROM ca ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut cas = Vec::new();
    while let Some(row) = rows.next()? {
        let profile: String = row.get(1)?;
        let mut certificates = ca_certificates(database, row.get(0)?)?.into_iter();
        cas.push(CertificationService {
            top: certificates
                .next()
                .ok_or_else(|| StoreFault::Content("CA without a certificate".to_owned()))?,
            intermediates: certificates.collect(),
            profile: CertificateProfile::from_class_name(&profile),
            authentication_only: row.get(2)?,
        });
    }
    Ok(cas)
}

fn ca_certificates(database: &Connection, ca: i64) -> Result<Vec<CaCertificate>, StoreFault> {
    let mut statement =
        database.prepare_cached("SELECT id, der FROM ca_certificate WHERE ca = ?1 ORDER BY id")?;
    let mut rows = statement.query([ca])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(CaCertificate {
            responders: responders(database, row.get(0)?)?,
            certificate: certificate(&row.get::<_, Vec<u8>>(1)?)?,
        });
    }
    Ok(parts)
}

fn responders(database: &Connection, ca_certificate: i64) -> Result<Vec<OcspResponder>, StoreFault> {
    let mut statement = database.prepare_cached(
        "SELECT url, certificate FROM ocsp_responder WHERE ca_certificate = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([ca_certificate])?;
    let mut responders = Vec::new();
    while let Some(row) = rows.next()? {
        let der: Option<Vec<u8>> = row.get(1)?;
        responders.push(OcspResponder {
            url: row.get(0)?,
            certificate: der.as_deref().map(certificate).transpose()?,
        });
    }
    Ok(responders)
}

fn tsas(database: &Connection) -> Result<Vec<TimeStampingService>, StoreFault> {
    let mut statement = database.prepare_cached("SELECT url, certificate FROM tsa ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut tsas = Vec::new();
    while let Some(row) = rows.next()? {
        tsas.push(TimeStampingService {
            url: row.get(0)?,
            certificate: certificate(&row.get::<_, Vec<u8>>(1)?)?,
        });
    }
    Ok(tsas)
}
