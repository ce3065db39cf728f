//! The optional parts of an internal configuration (control-plane 1.7).

use crate::names::{read_client, write_client};
use crate::xml::{self, Malformed, Sequence, Unwritable, Writer, boolean, path_of};
use identifier::ClientId;

/// Identifier of the shared parameters in a directory.
pub const SHARED_PARAMETERS: &str = "SHARED-PARAMETERS";
/// Identifier of the private parameters in a directory.
pub const PRIVATE_PARAMETERS: &str = "PRIVATE-PARAMETERS";
/// Identifier of the part that names the monitoring client.
pub const MONITORING: &str = "MONITORING";
/// Identifier of the part with the OCSP fetch period.
pub const FETCH_INTERVAL: &str = "FETCHINTERVAL";
/// Identifier of the part that says whether OCSP nextUpdate counts.
pub const NEXT_UPDATE: &str = "NEXTUPDATE";

/// Period of OCSP fetching without the part, in seconds.
pub const FETCH_INTERVAL_DEFAULT_SECONDS: u64 = 1200;
/// Shortest period of OCSP fetching, in seconds.
pub const FETCH_INTERVAL_MIN_SECONDS: u64 = 60;

/// File name by which every original stores the part, if it is one that has a fixed name here.
#[must_use]
pub fn file_name(identifier: &str) -> Option<&'static str> {
    match identifier {
        SHARED_PARAMETERS => Some("shared-params.xml"),
        PRIVATE_PARAMETERS => Some("private-params.xml"),
        MONITORING => Some("monitoring-params.xml"),
        FETCH_INTERVAL => Some("fetchinterval-params.xml"),
        NEXT_UPDATE => Some("nextupdate-params.xml"),
        _ => None,
    }
}

/// `MONITORING`: the one client that may query the monitoring of every gateway, if there is one.
///
/// # Errors
/// [`Malformed`] when the bytes do not follow the schema.
pub fn read_monitoring(bytes: &[u8]) -> Result<Option<ClientId>, Malformed> {
    xml::with_root(bytes, "conf", |root| {
        let mut children = Sequence::of(root, &[])?;
        let mut client = Sequence::of(children.required("monitoringClient")?, &[])?;
        children.finish(false)?;
        let found = client.optional("monitoringClientId").map(read_client).transpose()?;
        client.finish(false)?;
        Ok(found)
    })
}

/// `FETCHINTERVAL`: how often OCSP answers are fetched, in seconds; values below the minimum of 60 become 60.
///
/// # Errors
/// [`Malformed`] when the bytes do not follow the schema.
pub fn read_fetch_interval(bytes: &[u8]) -> Result<u64, Malformed> {
    xml::with_root(bytes, "conf", |root| {
        let mut children = Sequence::of(root, &[])?;
        let node = children.required("ocspFetchInterval")?;
        children.finish(false)?;
        let text = xml::text(node)?;
        let value: i32 =
            text.trim().parse().map_err(|_| Malformed::new(path_of(node), "the text is not an integer"))?;
        Ok(u64::try_from(value).unwrap_or(0).max(FETCH_INTERVAL_MIN_SECONDS))
    })
}

/// `NEXTUPDATE`: whether the nextUpdate of an OCSP answer is enforced.
///
/// # Errors
/// [`Malformed`] when the bytes do not follow the schema.
pub fn read_next_update(bytes: &[u8]) -> Result<bool, Malformed> {
    xml::with_root(bytes, "conf", |root| {
        let mut children = Sequence::of(root, &[])?;
        let node = children.required("verifyNextUpdate")?;
        children.finish(false)?;
        boolean(node)
    })
}

/// Writes the `MONITORING` part.
///
/// # Errors
/// [`Unwritable`] when a code holds a character XML cannot carry.
pub fn write_monitoring(client: Option<&ClientId>) -> Result<Vec<u8>, Unwritable> {
    let mut writer = Writer::new("conf");
    match client {
        Some(client) => {
            writer.open("monitoringClient", "");
            write_client(&mut writer, "monitoringClientId", client)?;
            writer.close();
        }
        None => writer.empty("monitoringClient"),
    }
    Ok(writer.finish())
}

/// Writes the `FETCHINTERVAL` part.
///
/// # Errors
/// [`Unwritable`]: never in practice.
pub fn write_fetch_interval(seconds: u32) -> Result<Vec<u8>, Unwritable> {
    let mut writer = Writer::new("conf");
    writer.text("ocspFetchInterval", &seconds.to_string())?;
    Ok(writer.finish())
}

/// Writes the `NEXTUPDATE` part.
///
/// # Errors
/// [`Unwritable`]: never in practice.
pub fn write_next_update(verify: bool) -> Result<Vec<u8>, Unwritable> {
    let mut writer = Writer::new("conf");
    writer.text("verifyNextUpdate", if verify { "true" } else { "false" })?;
    Ok(writer.finish())
}
