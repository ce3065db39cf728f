//! The declared state into the tables.

use crate::declaration::{CaCertificate, CertificationService, Declaration, Group, Member, Server, Settings};
use crate::error::StoreFault;
use rusqlite::{Transaction, params};
use trust::Certificate;

pub(super) fn replace(transaction: &Transaction<'_>, state: &Declaration) -> Result<(), StoreFault> {
    transaction.execute_batch(
        "DELETE FROM settings; DELETE FROM member; DELETE FROM member_class; DELETE FROM server;
         DELETE FROM global_group; DELETE FROM ca; DELETE FROM tsa;",
    )?;
    settings(transaction, &state.settings)?;
    for one in &state.members {
        member(transaction, one)?;
    }
    for one in &state.servers {
        server(transaction, one)?;
    }
    for one in &state.groups {
        group(transaction, one)?;
    }
    for one in &state.cas {
        ca(transaction, one)?;
    }
    for one in &state.tsas {
        transaction.execute(
            "INSERT INTO tsa (url, certificate) VALUES (?1, ?2)",
            params![one.url, one.certificate.der()],
        )?;
    }
    Ok(())
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn settings(transaction: &Transaction<'_>, settings: &Settings) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO settings (only_one, ocsp_freshness_seconds, time_stamping_interval_seconds,
         ocsp_fetch_interval_seconds, verify_next_update, monitoring_client, management_provider, management_address,
         management_certificate) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            number(settings.ocsp_freshness_seconds),
            number(settings.time_stamping_interval_seconds),
            settings.ocsp_fetch_interval_seconds,
            settings.verify_next_update,
            settings.monitoring_client.as_ref().map(ToString::to_string),
            settings.management.provider.to_string(),
            settings.management.address,
            settings.management.certificate.as_ref().map(Certificate::der),
        ],
    )?;
    for class in &settings.member_classes {
        transaction.execute(
            "INSERT INTO member_class (code, description) VALUES (?1, ?2)",
            params![class.code, class.description],
        )?;
    }
    Ok(())
}

fn member(transaction: &Transaction<'_>, member: &Member) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO member (class, code, name) VALUES (?1, ?2, ?3)",
        params![member.class, member.code, member.name],
    )?;
    let key = transaction.last_insert_rowid();
    for subsystem in &member.subsystems {
        transaction.execute(
            "INSERT INTO subsystem (member, code, name) VALUES (?1, ?2, ?3)",
            params![key, subsystem.code, subsystem.name],
        )?;
    }
    Ok(())
}

fn server(transaction: &Transaction<'_>, server: &Server) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO server (owner, code, address, maintenance) VALUES (?1, ?2, ?3, ?4)",
        params![server.owner.to_string(), server.code, server.address, server.maintenance],
    )?;
    let key = transaction.last_insert_rowid();
    for certificate in &server.auth_certificates {
        transaction.execute(
            "INSERT INTO server_certificate (server, der) VALUES (?1, ?2)",
            params![key, certificate.der()],
        )?;
    }
    for client in &server.clients {
        transaction.execute(
            "INSERT INTO server_client (server, client) VALUES (?1, ?2)",
            params![key, client.to_string()],
        )?;
    }
    Ok(())
}

fn group(transaction: &Transaction<'_>, group: &Group) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO global_group (code, description) VALUES (?1, ?2)",
        params![group.code, group.description],
    )?;
    let key = transaction.last_insert_rowid();
    for member in &group.members {
        transaction.execute(
            "INSERT INTO group_member (global_group, member) VALUES (?1, ?2)",
            params![key, member.to_string()],
        )?;
    }
    Ok(())
}

/// The certificate with the lowest number is the top one.
fn ca(transaction: &Transaction<'_>, ca: &CertificationService) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO ca (profile, authentication_only) VALUES (?1, ?2)",
        params![ca.profile.class_name(), ca.authentication_only],
    )?;
    let key = transaction.last_insert_rowid();
    for certificate in std::iter::once(&ca.top).chain(&ca.intermediates) {
        ca_certificate(transaction, key, certificate)?;
    }
    Ok(())
}

fn ca_certificate(transaction: &Transaction<'_>, ca: i64, part: &CaCertificate) -> Result<(), StoreFault> {
    transaction.execute(
        "INSERT INTO ca_certificate (ca, der) VALUES (?1, ?2)",
        params![ca, part.certificate.der()],
    )?;
    let key = transaction.last_insert_rowid();
    for responder in &part.responders {
        transaction.execute(
            "INSERT INTO ocsp_responder (ca_certificate, url, certificate) VALUES (?1, ?2, ?3)",
            params![key, responder.url, responder.certificate.as_ref().map(Certificate::der)],
        )?;
    }
    Ok(())
}
