//! The configuration of one instance: its files and what they say.

use crate::download::Role;
use crate::parts::{self, FETCH_INTERVAL, FETCH_INTERVAL_DEFAULT_SECONDS, MONITORING, NEXT_UPDATE};
use crate::private::Private;
use crate::shared::Shared;
use crate::xml::Malformed;
use identifier::ClientId;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A file of a configuration with what its metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// `contentIdentifier`; may be missing in a store that another program wrote.
    pub identifier: Option<String>,
    /// `instanceIdentifier`; likewise.
    pub instance: Option<String>,
    /// `expirationDate`; likewise.
    pub expires: Option<Timestamp>,
    /// `contentLocation`; likewise.
    pub location: Option<String>,
    /// `configurationVersion`; 2 when missing (trap 20).
    pub version: u8,
    /// The content.
    pub bytes: Arc<[u8]>,
}

/// The files of a configuration do not say what they must say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uninterpretable {
    /// A configuration without shared parameters says nothing.
    #[error("the configuration of {instance} has no shared parameters")]
    NoSharedParameters {
        /// The instance.
        instance: String,
    },
    /// A file does not follow its schema.
    #[error("{file}: {malformed}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong.
        malformed: Malformed,
    },
    /// A file speaks of another instance.
    #[error("{file} is of instance {found:?}, not of {expected:?}")]
    WrongInstance {
        /// The file.
        file: String,
        /// The instance that it was listed or stored for.
        expected: String,
        /// `instanceIdentifier` inside.
        found: String,
    },
    /// A code that cannot become the name of a folder.
    #[error("{instance:?} cannot be the code of an instance")]
    UnusableInstance {
        /// The code.
        instance: String,
    },
}

/// Something that does not hinder, but that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// An optional part is not read; its default is in force.
    #[error("{instance}: {file} cannot be read and is ignored: {problem}")]
    UnreadablePart {
        /// The instance.
        instance: String,
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A trust service is left out.
    #[error("{instance}: the service {service:?} is left out: {problem}")]
    UnusableService {
        /// The instance.
        instance: String,
        /// Its name.
        service: String,
        /// What is wrong.
        problem: String,
    },
    /// A federated instance is left out.
    #[error("the configuration of the federated instance in {folder:?} is left out: {problem}")]
    UnreadableInstance {
        /// Name of its folder in the store.
        folder: String,
        /// What is wrong.
        problem: String,
    },
    /// A write was interrupted, and its remains made the configuration whole again.
    #[error("{instance}: an interrupted write was completed from its journal")]
    CompletedFromJournal {
        /// The instance.
        instance: String,
    },
    /// The journal of a write is damaged; the files beside it are whole.
    #[error("{instance}: a damaged journal is ignored, the files are whole")]
    DamagedJournal {
        /// The instance.
        instance: String,
    },
}

/// What the files of one instance say, typed. It may have ended: ask
/// [`GlobalConf::check_current`](crate::GlobalConf::check_current).
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    instance: String,
    version: u8,
    files: Arc<BTreeMap<String, StoredFile>>,
    shared: Arc<Shared>,
    private: Option<Arc<Private>>,
    monitoring_client: Option<ClientId>,
    fetch_interval_seconds: u64,
    verify_next_update: bool,
    warnings: Vec<Warning>,
}

/// A configuration of which every byte was verified against a signed directory.
///
/// Only [`CheckedDirectory::assemble`](crate::download::CheckedDirectory::assemble) makes one, and only this
/// can be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedConfiguration {
    configuration: Configuration,
    role: Role,
}

impl VerifiedConfiguration {
    pub(crate) const fn new(configuration: Configuration, role: Role) -> Self {
        Self { configuration, role }
    }

    /// What was verified.
    #[must_use]
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Of the own or of a federated instance.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }
}

const SHARED_FILE: &str = "shared-params.xml";
const PRIVATE_FILE: &str = "private-params.xml";

impl Configuration {
    /// Reads the files; they come from a verified directory or from the store.
    pub(crate) fn interpret(
        instance: &str,
        files: BTreeMap<String, StoredFile>,
    ) -> Result<Self, Uninterpretable> {
        // A dot at the front: `..`, or one of the names that the store itself uses.
        if instance.trim().is_empty() || instance.starts_with('.') || instance.len() > 255 {
            return Err(Uninterpretable::UnusableInstance { instance: instance.to_owned() });
        }
        let file = files
            .get(SHARED_FILE)
            .ok_or_else(|| Uninterpretable::NoSharedParameters { instance: instance.to_owned() })?;
        let version = file.version;
        let shared = Shared::read(&file.bytes, version).map_err(|error| malformed(SHARED_FILE, error))?;
        same_instance(SHARED_FILE, instance, &shared.instance)?;
        let mut private = None;
        if let Some(file) = files.get(PRIVATE_FILE) {
            let read =
                Private::read(&file.bytes, file.version).map_err(|error| malformed(PRIVATE_FILE, error))?;
            same_instance(PRIVATE_FILE, instance, &read.instance)?;
            private = Some(Arc::new(read));
        }
        let mut configuration = Self {
            instance: instance.to_owned(),
            version,
            files: Arc::new(files),
            shared: Arc::new(shared),
            private,
            monitoring_client: None,
            fetch_interval_seconds: FETCH_INTERVAL_DEFAULT_SECONDS,
            verify_next_update: true,
            warnings: Vec::new(),
        };
        configuration.read_optional_parts();
        Ok(configuration)
    }

    /// The registry hands these on without looking into them; a bad one leaves its default in force and the
    /// rest usable.
    fn read_optional_parts(&mut self) {
        if let Some(found) = self.optional_part(MONITORING, parts::read_monitoring) {
            self.monitoring_client = found;
        }
        if let Some(found) = self.optional_part(FETCH_INTERVAL, parts::read_fetch_interval) {
            self.fetch_interval_seconds = found;
        }
        if let Some(found) = self.optional_part(NEXT_UPDATE, parts::read_next_update) {
            self.verify_next_update = found;
        }
    }

    fn optional_part<T>(&mut self, identifier: &str, read: fn(&[u8]) -> Result<T, Malformed>) -> Option<T> {
        let name = parts::file_name(identifier)?;
        let named = self.files.iter().find(|(_, file)| file.identifier.as_deref() == Some(identifier));
        let (name, file) = named.or_else(|| self.files.get_key_value(name))?;
        match read(&file.bytes) {
            Ok(found) => Some(found),
            Err(error) => {
                self.warnings.push(Warning::UnreadablePart {
                    instance: self.instance.clone(),
                    file: name.clone(),
                    problem: error.to_string(),
                });
                None
            }
        }
    }

    /// The instance.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Configuration version of the shared parameters.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The shared parameters.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The private parameters; every complete configuration of the own instance has them.
    #[must_use]
    pub fn private(&self) -> Option<&Private> {
        self.private.as_deref()
    }

    /// The client that may query the monitoring of every gateway.
    #[must_use]
    pub const fn monitoring_client(&self) -> Option<&ClientId> {
        self.monitoring_client.as_ref()
    }

    /// How often OCSP answers are to be fetched, in seconds.
    #[must_use]
    pub const fn ocsp_fetch_interval_seconds(&self) -> u64 {
        self.fetch_interval_seconds
    }

    /// Whether the nextUpdate of OCSP answers counts.
    #[must_use]
    pub const fn verify_next_update(&self) -> bool {
        self.verify_next_update
    }

    /// The earliest end of shared and private parameters; `None` when one of them does not say (a store of
    /// another program).
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let shared = self.file(SHARED_FILE)?.expires?;
        match self.file(PRIVATE_FILE) {
            Some(private) => Some(shared.min(private.expires?)),
            None => Some(shared),
        }
    }

    /// End of the shared parameters alone, which is what counts for a federated instance.
    #[must_use]
    pub fn shared_expires(&self) -> Option<Timestamp> {
        self.file(SHARED_FILE)?.expires
    }

    /// The files by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &StoredFile)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    /// One file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&StoredFile> {
        self.files.get(name)
    }

    /// What an operator should know.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

fn malformed(file: &str, malformed: Malformed) -> Uninterpretable {
    Uninterpretable::Malformed { file: file.to_owned(), malformed }
}

fn same_instance(file: &str, expected: &str, found: &str) -> Result<(), Uninterpretable> {
    if expected == found {
        return Ok(());
    }
    let (file, expected, found) = (file.to_owned(), expected.to_owned(), found.to_owned());
    Err(Uninterpretable::WrongInstance { file, expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_code_that_cannot_name_a_folder() {
        let read = |instance: &str| Configuration::interpret(instance, BTreeMap::new()).unwrap_err();
        for instance in ["", " ", ".", "..", ".chhatra-EX.journal", &"x".repeat(256)] {
            assert_eq!(read(instance), Uninterpretable::UnusableInstance { instance: instance.to_owned() });
        }
        assert_eq!(read("EX"), Uninterpretable::NoSharedParameters { instance: "EX".to_owned() });
    }
}
