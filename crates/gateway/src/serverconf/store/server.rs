//! The settings in PostgreSQL: the declaration as one document, and whose it is.

use super::super::declaration::Declaration;
use crate::error::StoreFault;
use database::{Document, Url};
use identifier::ServerId;
use serde::{Deserialize, Serialize};

/// The form of [`Stored`] that this program writes.
const FORMAT: i64 = 1;

/// The settings of one gateway in a PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Server {
    document: Document,
    /// The gateway, as `INSTANCE/CLASS/MEMBER/SERVER`.
    server: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: i64,
    server: String,
    declaration: Declaration,
    /// Of each client in turn: the certificates that were read when it was applied, as Base64 of DER.
    internal_certificates: Vec<Vec<String>>,
}

/// What every form has.
#[derive(Deserialize)]
struct Form {
    format: i64,
}

impl Server {
    pub(super) fn open(url: Url, server: &ServerId) -> Result<Self, StoreFault> {
        let document = Document::open(url, "chhatra_serverconf", "chhatra settings")?;
        Ok(Self { document, server: server.to_string() })
    }

    pub(super) fn version(&mut self) -> Result<i64, StoreFault> {
        Ok(self.document.version()?)
    }

    pub(super) fn read(&mut self) -> Result<Declaration, StoreFault> {
        let text = self.document.read()?;
        understood(text.as_deref(), &self.server)
    }

    pub(super) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        let server = &self.server;
        self.document.change(|present| {
            // Nobody else's settings are replaced, nor any that we do not understand.
            understood(present, server)?;
            let certificates =
                declaration.clients.iter().map(|client| client.internal_certificates_der.clone());
            let stored = Stored {
                format: FORMAT,
                server: server.clone(),
                declaration: declaration.clone(),
                internal_certificates: certificates.collect(),
            };
            Ok((serde_json::to_string(&stored).map_err(unusable)?, ()))
        })
    }
}

fn unusable(error: serde_json::Error) -> StoreFault {
    StoreFault::Content(format!("declaration: {error}"))
}

/// What this gateway has stored; before it has, nothing is declared.
fn understood(text: Option<&str>, server: &str) -> Result<Declaration, StoreFault> {
    let Some(text) = text else { return Ok(Declaration::default()) };
    let Form { format: found } = serde_json::from_str(text).map_err(unusable)?;
    if found > FORMAT {
        return Err(StoreFault::Version { found, known: FORMAT });
    }
    let stored: Stored = serde_json::from_str(text).map_err(unusable)?;
    if stored.server != server {
        return Err(StoreFault::AnotherServer { stored: stored.server, configured: server.to_owned() });
    }
    let mut declaration = stored.declaration;
    if stored.internal_certificates.len() != declaration.clients.len() {
        return Err(StoreFault::Content("number of internal certificates".to_owned()));
    }
    for (client, held) in declaration.clients.iter_mut().zip(stored.internal_certificates) {
        client.internal_certificates_der = held;
    }
    Ok(declaration)
}
