//! Keys that live in a PKCS#11 token (a hardware security module), by the token's own library.
//!
//! Only signing keys do: whoever serves TLS must hold its key in memory, and X-Road keeps authentication keys in software too
//! (control-plane 4.3). The keystore's index says which token holds a key and under which CKA_ID; the private half is made in the token
//! and never leaves it.
//!
//! A token is other people's machine, so nothing here waits for it without end and nothing that it says is believed unchecked: calls run
//! on threads of their own, and every signature is verified before it is handed on. It may also go away and come back. A signature that
//! fails is tried again in a new session, then with the library begun anew; when the token is still gone, further signatures are
//! refused at once while one of them at a time looks whether it is back.
//!
//! Being logged in belongs to a process: a command cannot log the gateway in or out. So each process logs in by itself when it first
//! needs the token, and again after the token was gone, with the PIN in `pin_file`; a PIN that was refused is not tried again, by no
//! process, until that file changes ([`pin_note`]). What is left for an operator is to say "try it all the same":
//! [`TokenAccess::log_in`]. To take a token from a running gateway, unplug it, or stop the gateway.

pub(crate) mod connect;
pub(crate) mod desk;
mod module;
mod objects;
mod pin_note;
mod report;
mod sign;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use cryptoki::slot::TokenInfo;
use serde::Deserialize;
use tokio::sync::watch;
use trust::algorithm::{EcdsaForm, SignatureAlgorithm};
use trust::key::PublicKey;

use crate::error::{KeyRefusal, SignFailure, TokenFailure};
use crate::key::KeyAlgorithm;
pub(crate) use objects::PublicHalf;
pub use report::{TokenAccess, TokenFound, TokenReport};

use connect::Live;
use module::{Inside, Module};
use pin_note::PinNote;
use sign::Request;

/// How long a command waits for a token.
const CALL_WAIT: Duration = Duration::from_secs(60);
/// How long a command waits for a key to be made: RSA-4096 takes a small token minutes.
const MAKE_WAIT: Duration = Duration::from_secs(600);
/// Most sessions at once with one token.
const SESSIONS_MAX: usize = 64;

/// A token that may hold keys: a `[[gateway.token]]` section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// The label that the token was given when it was initialised.
    pub label: String,
    /// Its serial number, where several tokens have the label.
    #[serde(default)]
    pub serial: Option<String>,
    /// The PKCS#11 library of its maker.
    pub module: PathBuf,
    /// A file whose first line is the token's user PIN; mode 600.
    pub pin_file: PathBuf,
    /// How many signatures it makes at a time, each in a session of its own: 1 to 64.
    #[serde(default = "sessions_max")]
    pub sessions_max: usize,
}

const fn sessions_max() -> usize {
    4
}

impl TokenSettings {
    /// Whether it is the token of a slot.
    fn fits(&self, info: &TokenInfo) -> bool {
        let serial = |wanted: &String| wanted == info.serial_number();
        self.label == info.label() && self.serial.as_ref().is_none_or(serial)
    }

    /// Whether a person means it: by its label, or by its serial number.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.label == name || self.serial.as_deref() == Some(name)
    }
}

/// Whether the token is believed to work.
#[derive(Debug)]
enum Standing {
    Good,
    Away {
        failure: TokenFailure,
        /// Somebody is looking whether it is back.
        looking: bool,
    },
}

impl Standing {
    /// Whether somebody looks for a token that is away.
    const fn looked_for(&self) -> Option<bool> {
        match self {
            Self::Good => None,
            Self::Away { looking, .. } => Some(*looking),
        }
    }
}

/// Leave to ask the token for a signature.
#[derive(Debug)]
pub(crate) enum Admission {
    Go,
    /// The token was gone: this one looks whether it is back.
    Look(TokenFailure),
}

/// One configured token.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) settings: TokenSettings,
    module: Arc<Module>,
    note: PinNote,
    connecting: Mutex<()>,
    standing: Mutex<Standing>,
    /// Ticks when one who waits for the token may try again.
    changed: watch::Sender<()>,
    /// Keys that were not found even with the library begun anew: for them alone it is not begun anew again.
    missing: Mutex<BTreeSet<Vec<u8>>>,
}

/// Which key signs, and with which public key that is checked.
#[derive(Clone, Debug)]
pub(crate) struct KeyInToken {
    /// CKA_ID.
    pub(crate) id: Arc<[u8]>,
    pub(crate) algorithm: KeyAlgorithm,
    pub(crate) public_key: PublicKey,
}

impl Token {
    /// Nothing is loaded or asked yet.
    pub(crate) fn new(settings: &TokenSettings, keystore_dir: &Path, changed: watch::Sender<()>) -> Self {
        let mut settings = settings.clone();
        settings.sessions_max = settings.sessions_max.clamp(1, SESSIONS_MAX);
        Self {
            module: Module::of(&settings.module),
            note: PinNote::of(keystore_dir, &settings),
            connecting: Mutex::new(()),
            standing: Mutex::new(Standing::Good),
            changed,
            missing: Mutex::default(),
            settings,
        }
    }

    pub(crate) fn label(&self) -> String {
        self.settings.label.clone()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a signature may be asked for now; the refusal otherwise, at once.
    pub(crate) fn admit(&self) -> Result<Admission, TokenFailure> {
        match &mut *self.standing() {
            Standing::Good => Ok(Admission::Go),
            Standing::Away { failure, looking: true } => Err(failure.clone()),
            Standing::Away { failure, looking } => {
                *looking = true;
                Ok(Admission::Look(failure.clone()))
            }
        }
    }

    /// Why nothing can be signed now, if that is known.
    pub(crate) fn away(&self) -> Option<TokenFailure> {
        match &*self.standing() {
            Standing::Good => None,
            Standing::Away { failure, .. } => Some(failure.clone()),
        }
    }

    /// The looking has come to an end.
    pub(crate) fn looked(&self) {
        if let Standing::Away { looking, .. } = &mut *self.standing() {
            *looking = false;
        }
        self.changed.send_replace(());
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Learns from an outcome. `looking`: whether somebody goes on looking for now.
    pub(crate) fn learn<T>(&self, outcome: &Result<T, TokenFailure>, looking: bool) {
        let learnt = match outcome {
            Err(failure) if failure.concerns_token() => Standing::Away { failure: failure.clone(), looking },
            Ok(_) | Err(_) => Standing::Good,
        };
        let new = learnt.looked_for();
        if std::mem::replace(&mut *self.standing(), learnt).looked_for() != new {
            self.changed.send_replace(());
        }
    }

    /// Does something with a key in `live`, or in a session that is opened for it and kept there. What a new session or the library
    /// begun anew can mend is tried again.
    fn attempt<T>(
        &self,
        live: &mut Option<Live>,
        key: &KeyInToken,
        act: impl Fn(&mut Live) -> Result<T, TokenFailure>,
    ) -> Result<T, TokenFailure> {
        let mut epoch = 0;
        let mut outcome = self.attempt_once(live, &act, &mut epoch);
        for anew in [false, true] {
            match &outcome {
                Err(failure) if failure.may_pass() => {}
                Ok(_) | Err(_) => break,
            }
            if anew && (self.is_known_missing(&outcome, key) || !self.module.restart(epoch)) {
                break;
            }
            outcome = self.attempt_once(live, &act, &mut epoch);
        }
        if outcome.is_ok() {
            self.missing.lock().unwrap_or_else(PoisonError::into_inner).remove(&*key.id);
        }
        outcome
    }

    /// Whether the key was not found the last time.
    pub(crate) fn misses(&self, key: &KeyInToken) -> bool {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).contains(&*key.id)
    }

    fn is_known_missing<T>(&self, outcome: &Result<T, TokenFailure>, key: &KeyInToken) -> bool {
        matches!(outcome, Err(TokenFailure::KeyMissing { .. }))
            && !self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(key.id.to_vec())
    }

    fn attempt_once<T>(
        &self,
        kept: &mut Option<Live>,
        act: impl Fn(&mut Live) -> Result<T, TokenFailure>,
        epoch: &mut u64,
    ) -> Result<T, TokenFailure> {
        let inside = self.module.enter()?;
        *epoch = inside.epoch;
        let mut live = match kept.take().filter(|live| live.epoch == inside.epoch) {
            Some(live) => live,
            None => self.connect(&inside, false)?,
        };
        let done = act(&mut live);
        if done.is_ok() {
            *kept = Some(live);
        } else {
            // It may be in the middle of something.
            live.close(&inside);
        }
        done
    }

    /// Whether the key is there.
    pub(crate) fn reach(&self, live: &mut Option<Live>, key: &KeyInToken) -> Result<(), TokenFailure> {
        self.attempt(live, key, |live| self.private_key(live, &key.id).map(drop))
    }

    fn sign_in(&self, live: &mut Live, key: &KeyInToken, request: &Request) -> Result<Vec<u8>, TokenFailure> {
        let handle = self.private_key(live, &key.id)?;
        let signed = live.session.sign(&request.mechanism(), handle, &request.input);
        signed.map_err(|error| self.sign_failure(&error, key, request))
    }

    fn sign_failure(
        &self,
        error: &cryptoki::error::Error,
        key: &KeyInToken,
        request: &Request,
    ) -> TokenFailure {
        use cryptoki::error::{Error, RvError};
        let code = if let Error::Pkcs11(code, _) = error { Some(*code) } else { None };
        if matches!(code, Some(RvError::MechanismInvalid | RvError::MechanismParamInvalid)) {
            return TokenFailure::Mechanism { token: self.label(), mechanism: request.mechanism_name() };
        }
        if matches!(code, Some(RvError::KeyFunctionNotPermitted | RvError::KeyTypeInconsistent)) {
            let why = "the token does not let it sign so";
            return TokenFailure::KeyUnfit { token: self.label(), id: hex::encode(&key.id), why };
        }
        self.failure("sign", error)
    }

    /// Signs and proves the outcome.
    pub(crate) fn sign_and_verify(
        &self,
        live: &mut Option<Live>,
        key: &KeyInToken,
        request: &Request,
        form: EcdsaForm,
    ) -> Result<Vec<u8>, TokenFailure> {
        let value = self.attempt(live, key, |live| self.sign_in(live, key, request))?;
        request
            .accept(value, &key.public_key, form)
            .ok_or_else(|| TokenFailure::Mismatch { token: self.label(), id: hex::encode(&key.id) })
    }

    /// Closes what a thread kept.
    pub(crate) fn close(&self, live: Option<Live>) {
        if let (Some(live), Ok(inside)) = (live, self.module.enter()) {
            live.close(&inside);
        }
    }

    /// Signs for a command: in a session for it alone, within the time allowed.
    pub(crate) fn sign_blocking(
        self: &Arc<Self>,
        key: &KeyInToken,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        form: EcdsaForm,
    ) -> Result<Vec<u8>, SignFailure> {
        let request = Request::new(key.algorithm, algorithm, digest)?;
        let key = key.clone();
        let signed = self.within(CALL_WAIT, move |token| {
            let mut live = None;
            let signed = token.sign_and_verify(&mut live, &key, &request, form);
            token.close(live);
            signed
        })?;
        Ok(signed?)
    }

    /// Makes a pair of this CKA_ID.
    pub(crate) fn make(
        self: &Arc<Self>,
        algorithm: KeyAlgorithm,
        id: [u8; 20],
        label: &str,
    ) -> Result<PublicHalf, KeyRefusal> {
        let label = label.to_owned();
        self.in_session(MAKE_WAIT, true, move |token, inside, live| {
            token.generate(inside, live, algorithm, &id, &label)
        })?
    }

    /// The public half of a key that is there.
    pub(crate) fn describe(self: &Arc<Self>, id: &[u8]) -> Result<PublicHalf, KeyRefusal> {
        let id = id.to_vec();
        self.in_session(CALL_WAIT, false, move |token, _, live| token.public_half(live, &id))?
    }

    /// Whether the key can be deleted now.
    pub(crate) fn has(self: &Arc<Self>, id: &[u8]) -> Result<(), TokenFailure> {
        let id = id.to_vec();
        self.in_session(CALL_WAIT, false, move |token, _, live| token.private_key(live, &id).map(drop))?
    }

    /// Destroys a key.
    pub(crate) fn delete(self: &Arc<Self>, id: &[u8]) -> Result<(), TokenFailure> {
        let id = id.to_vec();
        self.in_session(CALL_WAIT, true, move |token, _, live| token.destroy(live, &id))?
    }

    /// Does something in a session of its own.
    fn in_session<T: Send + 'static>(
        self: &Arc<Self>,
        wait: Duration,
        writes: bool,
        act: impl FnOnce(&Self, &Inside<'_>, &mut Live) -> T + Send + 'static,
    ) -> Result<T, TokenFailure> {
        self.within(wait, move |token| {
            let inside = token.module.enter()?;
            let mut live = token.connect(&inside, writes)?;
            let done = act(token, &inside, &mut live);
            live.close(&inside);
            Ok(done)
        })?
    }

    /// Calls the library on a thread of its own, so that one that hangs holds up nobody beyond `wait`.
    fn within<T: Send + 'static>(
        self: &Arc<Self>,
        wait: Duration,
        act: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, TokenFailure> {
        let (answer, answered) = mpsc::channel();
        let token = Arc::clone(self);
        thread::Builder::new()
            .name("token".to_owned())
            .spawn(move || {
                // Nobody waits any more when this fails.
                let _late = answer.send(act(&token));
            })
            .map_err(|error| TokenFailure::Thread { text: error.to_string() })?;
        answered
            .recv_timeout(wait)
            .map_err(|_| TokenFailure::Silent { token: self.label(), seconds: wait.as_secs() })
    }
}
