//! Changing a keystore: one at a time, from the state on disk, and either wholly or not at all.

use std::sync::{Arc, PoisonError};

use super::{INDEX_NAME, Keystore, State, key_path, pin_refusal};
use crate::disk::{self, Lock};
use crate::error::{KeyRefusal, OpenRefusal, StorageFailure};
use crate::held::{HeldInToken, HeldKey};
use crate::index::{Index, KEYS_MAX};
use crate::key::{KeyAlgorithm, KeyId, KeyUsage};
use crate::opened::Opened;
use crate::pin::Pin;
use crate::private_key::PrivateKey;
use crate::seal::{self, PinRecord};
use crate::token::PublicHalf;

/// A change in the making.
pub(super) struct Draft {
    pub(super) keys: Vec<HeldKey>,
    new: Vec<(HeldKey, PrivateKey)>,
}

impl Draft {
    pub(super) fn key(&mut self, id: &KeyId) -> Option<&mut HeldKey> {
        self.keys.iter_mut().find(|held| held.id == *id)
    }

    /// Adds a key; `id` when it shall keep the name it has elsewhere.
    pub(super) fn add(
        &mut self,
        key: PrivateKey,
        usage: KeyUsage,
        label: &str,
        id: Option<KeyId>,
    ) -> Result<KeyId, KeyRefusal> {
        let public_key = key.public_key()?;
        let held = self.enter(usage, label, id, key.algorithm(), public_key, None)?;
        let id = held.id.clone();
        self.new.push((held, key));
        Ok(id)
    }

    /// Adds a key whose private half lives in a token.
    pub(super) fn add_in_token(
        &mut self,
        label: &str,
        id: Option<KeyId>,
        half: PublicHalf,
        place: HeldInToken,
    ) -> Result<KeyId, KeyRefusal> {
        let held = self.enter(KeyUsage::Signing, label, id, half.algorithm, half.spki, Some(place))?;
        Ok(held.id)
    }

    fn enter(
        &mut self,
        usage: KeyUsage,
        label: &str,
        id: Option<KeyId>,
        algorithm: KeyAlgorithm,
        public_key: Vec<u8>,
        token: Option<HeldInToken>,
    ) -> Result<HeldKey, KeyRefusal> {
        check_label(label)?;
        let same = |held: &&HeldKey| held.public_key == public_key || Some(&held.id) == id.as_ref();
        if let Some(held) = self.keys.iter().find(same) {
            return Err(KeyRefusal::AlreadyHeld { key: held.id.clone() });
        }
        if self.keys.len() >= KEYS_MAX {
            return Err(KeyRefusal::TooMany { keys_max: KEYS_MAX });
        }
        let id = match id {
            Some(id) => id,
            None => fresh_id()?,
        };
        let held = HeldKey {
            id,
            label: label.to_owned(),
            usage,
            algorithm,
            public_key,
            token,
            certificates: Vec::new(),
            requests: Vec::new(),
        };
        self.keys.push(held.clone());
        Ok(held)
    }
}

/// Fresh bytes for a key's name.
pub(super) fn fresh_id_bytes() -> Result<[u8; 20], StorageFailure> {
    let mut bytes = [0_u8; 20];
    seal::random(&mut bytes)?;
    Ok(bytes)
}

fn fresh_id() -> Result<KeyId, StorageFailure> {
    fresh_id_bytes().map(|bytes| KeyId::from_bytes(&bytes))
}

/// One line of 1 to 255 characters.
pub(super) fn check_label(label: &str) -> Result<(), KeyRefusal> {
    let long = label.chars().count() > 255;
    if long || label.trim().is_empty() || label.chars().any(char::is_control) {
        return Err(KeyRefusal::Label);
    }
    Ok(())
}

impl Keystore {
    /// Runs `act` on the keystore as the disk has it now, then makes the result durable, then visible.
    ///
    /// Order, and what a crash leaves behind each step: new key files (files that no index names: harmless, and never
    /// opened) · the index, in one rename (the change has happened) · removed key files (again files that no index
    /// names; what they hold stays sealed).
    pub(super) fn change<T, E: From<StorageFailure>>(
        &self,
        act: impl FnOnce(&mut Draft) -> Result<T, E>,
    ) -> Result<T, E> {
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = Lock::take(&self.shared.dir)?;
        let State { index, mut opened } = self.fresh_state()?;
        let mut draft = Draft { keys: index.keys.clone(), new: Vec::new() };
        let outcome = act(&mut draft)?;

        for (held, key) in draft.new {
            self.write_key(&held, &key)?;
            opened.insert(held.id, Opened::Software(Arc::new(key)));
        }
        for held in &draft.keys {
            if let Some(place) = held.token.as_ref().filter(|_| !opened.contains_key(&held.id)) {
                let key = super::tokens::opened(&self.shared.desks, held, place)
                    .map_err(|why| StorageFailure::damaged(&self.shared.dir.join(INDEX_NAME), why))?;
                opened.insert(held.id.clone(), key);
            }
        }
        let removed: Vec<KeyId> =
            opened.keys().filter(|id| !draft.keys.iter().any(|held| held.id == **id)).cloned().collect();
        let index = Index { pin: index.pin, keys: draft.keys };
        self.write_index(&index)?;
        for id in &removed {
            opened.remove(id);
        }
        self.adopt(State { index, opened });
        for id in &removed {
            disk::remove(&key_path(&self.shared.dir, id))?;
        }
        Ok(outcome)
    }

    /// Seals the data key under another PIN. The keys themselves are not touched; other open handles stay open.
    ///
    /// # Errors
    /// [`OpenRefusal::WrongPin`] when `old` is not the PIN.
    pub fn change_pin(&self, old: &Pin, new: &Pin) -> Result<(), OpenRefusal> {
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = Lock::take(&self.shared.dir)?;
        let State { mut index, opened } = self.fresh_state()?;
        let data_key = index.pin.open(old).map_err(|fault| pin_refusal(&self.shared.dir, fault))?;
        index.pin = PinRecord::seal(new, self.shared.settings.pin_hardness, &data_key)?;
        self.write_index(&index)?;
        self.adopt(State { index, opened });
        Ok(())
    }

    fn write_key(&self, held: &HeldKey, key: &PrivateKey) -> Result<(), StorageFailure> {
        let failed = |_| StorageFailure::Cryptography { what: "encoding a key" };
        let pkcs8 = key.pkcs8().map_err(failed)?;
        let file = self.shared.data_key.seal_key(&held.id, held.usage, held.algorithm, &pkcs8)?;
        disk::replace(&key_path(&self.shared.dir, &held.id), &file)
    }

    fn write_index(&self, index: &Index) -> Result<(), StorageFailure> {
        let path = self.shared.dir.join(INDEX_NAME);
        disk::replace(&path, &index.write(&path)?)
    }
}
