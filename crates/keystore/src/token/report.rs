//! What an operator wants to know of a token, and the one thing an operator can ask of it.

use std::path::Path;
use std::sync::Arc;

use cryptoki::mechanism::MechanismType;
use cryptoki::session::Session;
use cryptoki::slot::TokenInfo;

use super::module::Inside;
use super::{CALL_WAIT, Token, TokenSettings};
use crate::error::TokenFailure;
use tokio::sync::watch;

/// What signing keys of our kinds need, and what they are made with.
const MECHANISMS: [MechanismType; 5] = [
    MechanismType::RSA_PKCS,
    MechanismType::RSA_PKCS_PSS,
    MechanismType::ECDSA,
    MechanismType::RSA_PKCS_KEY_PAIR_GEN,
    MechanismType::ECC_KEY_PAIR_GEN,
];

/// The state of one configured token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReport {
    /// Its section of the configuration.
    pub settings: TokenSettings,
    /// What the token says of itself, when it is there.
    pub found: Option<TokenFound>,
    /// Why keys in it cannot sign now; `None`: they can.
    pub failure: Option<TokenFailure>,
}

/// What a token says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFound {
    /// Its serial number.
    pub serial: String,
    /// Who made it.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// A wrong PIN was tried since the last right one.
    pub pin_count_low: bool,
    /// One more wrong PIN locks it.
    pub pin_final_try: bool,
    /// It is locked.
    pub pin_locked: bool,
    /// The mechanisms that are used, by PKCS#11's names, and whether it has them.
    pub mechanisms: Vec<(String, bool)>,
}

/// A way to a configured token that needs no keystore.
#[derive(Clone, Debug)]
pub struct TokenAccess {
    token: Arc<Token>,
}

impl TokenAccess {
    /// To the token of this section. `keystore_dir` is where it is noted that a PIN was refused.
    pub fn new(settings: &TokenSettings, keystore_dir: impl AsRef<Path>) -> Self {
        Self { token: Arc::new(Token::new(settings, keystore_dir.as_ref(), watch::Sender::default())) }
    }

    pub(crate) fn of(token: &Arc<Token>) -> Self {
        Self { token: Arc::clone(token) }
    }

    /// Looks whether keys in the token can sign now: it is found and logged in to, unless its PIN was refused before.
    pub fn report(&self) -> TokenReport {
        self.look(false)
    }

    /// The same with a log-in that an operator demands: the PIN is tried even if it was refused before, and even if one more wrong one
    /// locks the token.
    pub fn log_in(&self) -> TokenReport {
        self.look(true)
    }

    fn look(&self, asked: bool) -> TokenReport {
        let looked = self.token.within(CALL_WAIT, move |token| match token.module.enter() {
            Ok(inside) => token.look(&inside, asked),
            Err(failure) => (None, Some(failure)),
        });
        let (found, failure) = looked.unwrap_or_else(|failure| (None, Some(failure)));
        TokenReport { settings: self.token.settings.clone(), found, failure }
    }
}

impl Token {
    fn look(&self, inside: &Inside<'_>, asked: bool) -> (Option<TokenFound>, Option<TokenFailure>) {
        let (slot, info) = match self.locate(inside) {
            Ok(located) => located,
            Err(failure) => return (None, Some(failure)),
        };
        let outcome = match inside.library.open_ro_session_no_drop(slot) {
            Ok(session) => {
                let outcome = self.log_in_once(&session, &info, asked);
                // Failing to close it changes nothing that was learnt.
                let _closed = session.close();
                outcome
            }
            Err(error) => Err(self.failure("open a session", &error)),
        };
        // What the log-in has changed, for better or worse.
        let info = inside.library.get_token_info(slot).unwrap_or(info);
        let listed = inside.library.get_mechanism_list(slot).unwrap_or_default();
        let found = TokenFound {
            serial: info.serial_number().to_owned(),
            manufacturer: info.manufacturer_id().to_owned(),
            model: info.model().to_owned(),
            pin_count_low: info.user_pin_count_low(),
            pin_final_try: info.user_pin_final_try(),
            pin_locked: info.user_pin_locked(),
            mechanisms: MECHANISMS.iter().map(|known| (known.to_string(), listed.contains(known))).collect(),
        };
        (Some(found), outcome.err())
    }

    fn log_in_once(&self, session: &Session, info: &TokenInfo, asked: bool) -> Result<(), TokenFailure> {
        let _one = self.connecting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.log_in(session, info, asked)
    }
}
