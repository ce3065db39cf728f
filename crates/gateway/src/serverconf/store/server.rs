//! The settings in PostgreSQL: the declaration as one document.

use super::super::declaration::Declaration;
use crate::error::StoreFault;
use database::{Document, Url};
use serde_json::Value;

/// The field of a client that no operator may write, and that is read here all the same.
const CERTIFICATES: &str = "internal_certificates_der";

/// The settings of one gateway in a PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Server {
    document: Document,
}

impl Server {
    pub(super) fn open(url: Url) -> Result<Self, StoreFault> {
        Ok(Self { document: Document::open(url, "chhatra_serverconf", "chhatra settings")? })
    }

    pub(super) fn version(&mut self) -> Result<i64, StoreFault> {
        Ok(self.document.version()?)
    }

    pub(super) fn read(&mut self) -> Result<Declaration, StoreFault> {
        self.document.read()?.map_or_else(|| Ok(Declaration::default()), |text| declaration(&text))
    }

    pub(super) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        self.document.change(|_| Ok((serde_json::to_string(declaration).map_err(unusable)?, ())))
    }
}

fn unusable(error: serde_json::Error) -> StoreFault {
    StoreFault::Content(format!("declaration: {error}"))
}

/// The declaration again, with the certificates that were read when it was applied.
fn declaration(text: &str) -> Result<Declaration, StoreFault> {
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
