//! Keys whose private half lives in a token: made there, taken over from there, deleted there.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm};
use trust::key::PublicKey;

use super::change::{check_label, fresh_id_bytes};
use super::{Desks, Keystore, Settings};
use crate::error::{KeyRefusal, SignFailure, TokenFailure};
use crate::held::{HeldInToken, HeldKey, TokenKeyTaken};
use crate::key::{KeyAlgorithm, KeyId, KeyUsage};
use crate::opened::Opened;
use crate::token::desk::Desk;
use crate::token::{KeyInToken, PublicHalf, Token, TokenAccess, TokenReport};

/// Longest CKA_ID that is taken.
const ID_BYTES_MAX: usize = 128;

pub(super) fn desks(settings: &Settings, dir: &Path) -> Desks {
    let desk = |token| Arc::new(Desk::new(token, settings.sign_queue_max, settings.sign_timeout));
    let changed = watch::Sender::default();
    settings.tokens.iter().map(|token| desk(Token::new(token, dir, changed.clone()))).collect()
}

/// A key of the index as one to sign with. Why not, when the index is wrong.
pub(super) fn opened(desks: &[Arc<Desk>], held: &HeldKey, place: &HeldInToken) -> Result<Opened, String> {
    let public_key = PublicKey::from_spki(&held.public_key).map_err(|error| error.to_string())?;
    let key = KeyInToken { id: place.id.as_slice().into(), algorithm: held.algorithm, public_key };
    Ok(Opened::Token { desk: desk_of(desks, place), key })
}

/// The configured token in which a key lives: the one of its label, and among several the one of its serial number. A token that was
/// replaced by its copy has another number, which is no reason to refuse it: what it signs is verified.
fn desk_of(desks: &[Arc<Desk>], place: &HeldInToken) -> Result<Arc<Desk>, TokenFailure> {
    let labelled: Vec<&Arc<Desk>> =
        desks.iter().filter(|desk| desk.token.settings.label == place.label).collect();
    match labelled.as_slice() {
        [one] => Ok(Arc::clone(one)),
        several => several
            .iter()
            .find(|desk| place.serial.is_some() && desk.token.settings.serial == place.serial)
            .map(|desk| Arc::clone(desk))
            .ok_or_else(|| TokenFailure::NotConfigured { token: place.label.clone() }),
    }
}

/// Only signing keys: TLS needs its key in memory (control-plane 4.3).
fn check_usage(usage: KeyUsage) -> Result<(), KeyRefusal> {
    if usage == KeyUsage::Signing { Ok(()) } else { Err(KeyRefusal::NotInToken { usage }) }
}

impl Keystore {
    /// The configured tokens, each with a way to ask after it.
    pub fn tokens(&self) -> Vec<TokenAccess> {
        self.shared.desks.iter().map(|desk| TokenAccess::of(&desk.token)).collect()
    }

    /// Ticks when a token has gone or come back, and when it may be looked for again after a look in vain; `None` when none is configured.
    pub fn token_changes(&self) -> Option<watch::Receiver<()>> {
        self.shared.desks.first().map(|desk| desk.token.changes())
    }

    /// The state of the token in which a key lives; `None` for a key in software.
    pub fn token_of(&self, key: &KeyId) -> Option<Result<TokenReport, TokenFailure>> {
        match self.opened(key) {
            Ok(Opened::Token { desk, .. }) => Some(desk.map(|desk| TokenAccess::of(&desk.token).report())),
            Ok(Opened::Software(_)) | Err(_) => None,
        }
    }

    /// The configured token of this label or serial number.
    fn token(&self, name: &str) -> Result<&Arc<Token>, TokenFailure> {
        let mut called = self.shared.desks.iter().filter(|desk| desk.token.settings.is_called(name));
        match (called.next(), called.next()) {
            (Some(desk), None) => Ok(&desk.token),
            (None, _) => Err(TokenFailure::NotConfigured { token: name.to_owned() }),
            (Some(_), Some(_)) => Err(TokenFailure::Ambiguous { token: name.to_owned() }),
        }
    }

    /// Makes a key in the token of this label (or serial number). It can sign and nothing else, and the token does not let it out; its
    /// CKA_ID is its name here.
    ///
    /// A crash before the index is written leaves a pair in the token that nobody uses; [`Self::import_from_token`] takes it over.
    ///
    /// # Errors
    /// [`KeyRefusal`]: [`KeyRefusal::NotInToken`] for any usage but signing, [`KeyRefusal::Token`] for what the token says.
    pub fn generate_in_token(
        &self,
        token: &str,
        usage: KeyUsage,
        algorithm: KeyAlgorithm,
        label: &str,
    ) -> Result<KeyId, KeyRefusal> {
        check_usage(usage)?;
        check_label(label)?;
        let token = self.token(token)?;
        let id = fresh_id_bytes()?;
        let half = token.make(algorithm, id, label)?;
        let added = self.prove(token, &id, &half).and_then(|()| {
            let place = place(token, &id);
            self.change(|draft| draft.add_in_token(label, Some(KeyId::from_bytes(&id)), half, place))
        });
        if added.is_err() {
            // Nobody will ever use it.
            let _destroyed = token.delete(&id);
        }
        added
    }

    /// Takes over a signing key that is in the token already, by its CKA_ID. Its public half is read from the token and proved by a
    /// signature.
    ///
    /// # Errors
    /// As [`Self::generate_in_token`].
    pub fn import_from_token(
        &self,
        token: &str,
        id: &[u8],
        usage: KeyUsage,
        label: &str,
    ) -> Result<TokenKeyTaken, KeyRefusal> {
        check_usage(usage)?;
        check_label(label)?;
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(KeyRefusal::TokenKeyId);
        }
        let token = self.token(token)?;
        let half = token.describe(id)?;
        let extractable = half.extractable;
        self.prove(token, id, &half)?;
        let place = place(token, id);
        let key = self.change(|draft| draft.add_in_token(label, None, half, place))?;
        Ok(TokenKeyTaken { key, extractable })
    }

    /// Has the key sign something: private and public half belong together.
    fn prove(&self, token: &Arc<Token>, id: &[u8], half: &PublicHalf) -> Result<(), KeyRefusal> {
        let public_key = PublicKey::from_spki(&half.spki)
            .map_err(|error| KeyRefusal::Unreadable { why: error.to_string() })?;
        let key = KeyInToken { id: id.into(), algorithm: half.algorithm, public_key };
        let digest = DigestAlgorithm::Sha256;
        let algorithm = if half.algorithm.is_rsa() {
            SignatureAlgorithm::RsaPkcs1(digest)
        } else {
            SignatureAlgorithm::Ecdsa(digest)
        };
        let value = digest.digest(b"a trial of a key in a token, and nothing else");
        match token.sign_blocking(&key, algorithm, &value, EcdsaForm::Raw) {
            Ok(_) => Ok(()),
            Err(SignFailure::Token(failure)) => Err(failure.into()),
            Err(other) => Err(KeyRefusal::Unreadable { why: other.to_string() }),
        }
    }

    /// Before a key is deleted: its place in a token that can do its part. `None` for a key in software.
    pub(super) fn reached_in_token(&self, key: &KeyId) -> Result<Option<InToken>, KeyRefusal> {
        match self.opened(key) {
            Ok(Opened::Token { desk, key }) => {
                let token = Arc::clone(&desk?.token);
                match token.has(&key.id) {
                    // Somebody has deleted it there; here it shall be gone too.
                    Ok(()) | Err(TokenFailure::KeyMissing { .. }) => Ok(Some(InToken { token, id: key.id })),
                    Err(failure) => Err(failure.into()),
                }
            }
            Ok(Opened::Software(_)) | Err(_) => Ok(None),
        }
    }
}

/// A key in a token that was reached.
pub(super) struct InToken {
    token: Arc<Token>,
    id: Arc<[u8]>,
}

impl InToken {
    pub(super) fn destroy(&self) -> Result<(), KeyRefusal> {
        self.token.delete(&self.id).map_err(|failure| KeyRefusal::LeftInToken { failure })
    }
}

fn place(token: &Arc<Token>, id: &[u8]) -> HeldInToken {
    let settings = &token.settings;
    let serial =
        settings.serial.clone().or_else(|| TokenAccess::of(token).report().found.map(|found| found.serial));
    HeldInToken { label: settings.label.clone(), serial, id: id.to_vec() }
}
