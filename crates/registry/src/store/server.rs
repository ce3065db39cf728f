//! The state in PostgreSQL: instance, declaration and signing keys as one document.

use crate::declaration::Declaration;
use crate::error::StoreFault;
use crate::signing_key::{SigningKey, Source};
use database::{Document, Url};
use jiff::Timestamp;
use keystore::KeyId;
use serde::{Deserialize, Serialize};
use trust::Certificate;

/// The state of one registry in a PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Server {
    document: Document,
    instance: String,
    /// As it is shown to people.
    place: String,
}

/// The form of [`State`] that this program writes.
const FORMAT: i64 = 1;

/// What every form has.
#[derive(Deserialize)]
struct Form {
    format: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: i64,
    instance: String,
    declaration: Option<Declaration>,
    signing_keys: Vec<StoredKey>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    key: KeyId,
    source: String,
    certificate: Certificate,
    made_at: String,
    active: bool,
}

impl Server {
    pub(super) fn create(url: Url, instance: &str) -> Result<Self, StoreFault> {
        let mut server = Self::connect(url, instance)?;
        server.document.change(|present| match present {
            Some(present) => Ok((present.to_owned(), ())),
            None => {
                let state = State {
                    format: FORMAT,
                    instance: instance.to_owned(),
                    declaration: None,
                    signing_keys: Vec::new(),
                };
                Ok::<_, StoreFault>((serde_json::to_string(&state).map_err(unusable)?, ()))
            }
        })?;
        server.state()?;
        Ok(server)
    }

    pub(super) fn open(url: Url, instance: &str) -> Result<Self, StoreFault> {
        let mut server = Self::connect(url, instance)?;
        server.state()?;
        Ok(server)
    }

    fn connect(url: Url, instance: &str) -> Result<Self, StoreFault> {
        let place = url.to_string();
        let document = Document::open(url, "chhatra_registry", "chhatra registry")?;
        Ok(Self { document, instance: instance.to_owned(), place })
    }

    pub(super) fn version(&mut self) -> Result<i64, StoreFault> {
        Ok(self.document.version()?)
    }

    pub(super) fn read(&mut self) -> Result<(Option<Declaration>, Vec<SigningKey>), StoreFault> {
        let state = self.state()?;
        Ok((state.declaration, keys(state.signing_keys)?))
    }

    pub(super) fn replace(&mut self, declaration: &Declaration) -> Result<(), StoreFault> {
        self.change(|state| state.declaration = Some(declaration.clone()))
    }

    pub(super) fn signing_keys(&mut self) -> Result<Vec<SigningKey>, StoreFault> {
        keys(self.state()?.signing_keys)
    }

    pub(super) fn add_key(
        &mut self,
        key: &KeyId,
        source: Source,
        certificate: &Certificate,
        made_at: Timestamp,
    ) -> Result<(), StoreFault> {
        let source = source.name().to_owned();
        self.change(|state| {
            let active = !state.signing_keys.iter().any(|one| one.source == source && one.active);
            state.signing_keys.push(StoredKey {
                key: key.clone(),
                source,
                certificate: certificate.clone(),
                made_at: made_at.to_string(),
                active,
            });
        })
    }

    pub(super) fn activate_key(&mut self, key: &KeyId) -> Result<bool, StoreFault> {
        self.change(|state| {
            let found = state.signing_keys.iter().find(|one| one.key == *key);
            let Some(source) = found.map(|one| one.source.clone()) else { return false };
            for one in state.signing_keys.iter_mut().filter(|one| one.source == source) {
                one.active = one.key == *key;
            }
            true
        })
    }

    pub(super) fn forget_key(&mut self, key: &KeyId) -> Result<bool, StoreFault> {
        self.change(|state| {
            let before = state.signing_keys.len();
            state.signing_keys.retain(|one| one.key != *key || one.active);
            state.signing_keys.len() < before
        })
    }

    fn state(&mut self) -> Result<State, StoreFault> {
        let text = self.document.read()?;
        understood(text.as_deref(), &self.instance, &self.place)
    }

    fn change<T: Send>(&mut self, act: impl FnOnce(&mut State) -> T + Send) -> Result<T, StoreFault> {
        let (instance, place) = (&self.instance, &self.place);
        self.document.change(|present| {
            let mut state = understood(present, instance, place)?;
            let answer = act(&mut state);
            Ok((serde_json::to_string(&state).map_err(unusable)?, answer))
        })
    }
}

fn understood(text: Option<&str>, instance: &str, place: &str) -> Result<State, StoreFault> {
    let text = text.ok_or_else(|| StoreFault::NotInitialised { place: place.to_owned() })?;
    let Form { format: found } = serde_json::from_str(text).map_err(unusable)?;
    if found > FORMAT {
        return Err(StoreFault::Version { found, known: FORMAT });
    }
    let state: State = serde_json::from_str(text).map_err(unusable)?;
    if state.instance == instance {
        return Ok(state);
    }
    Err(StoreFault::AnotherInstance { stored: state.instance, configured: instance.to_owned() })
}

fn keys(stored: Vec<StoredKey>) -> Result<Vec<SigningKey>, StoreFault> {
    let key = |one: StoredKey| {
        Ok(SigningKey {
            source: Source::from_name(&one.source)
                .ok_or_else(|| StoreFault::Content(format!("source {:?}", one.source)))?,
            made_at: one
                .made_at
                .parse()
                .map_err(|_| StoreFault::Content(format!("time {:?}", one.made_at)))?,
            key: one.key,
            certificate: one.certificate,
            active: one.active,
        })
    };
    stored.into_iter().map(key).collect()
}

fn unusable(error: serde_json::Error) -> StoreFault {
    StoreFault::Content(format!("state: {error}"))
}
