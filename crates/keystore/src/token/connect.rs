//! The way to a token: find its slot, open a session, log in — with a PIN that is never tried twice when it was wrong.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use cryptoki::error::{Error, RvError};
use cryptoki::object::ObjectHandle;
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::Token;
use super::module::Inside;
use super::pin_note::PinFile;
use crate::error::TokenFailure;

/// An open session, logged in. It is good in the epoch of its module in which it was opened, and must be closed by [`Self::close`]: in a
/// later epoch its number may be that of somebody else's session.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) session: Session,
    pub(crate) epoch: u64,
    /// Private keys that were found, by CKA_ID.
    pub(crate) handles: BTreeMap<Vec<u8>, ObjectHandle>,
}

impl Live {
    pub(crate) fn close(self, inside: &Inside<'_>) {
        if self.epoch == inside.epoch {
            // A session that is gone already is closed enough.
            let _closed = self.session.close();
        }
    }
}

impl Token {
    /// The slot in which the token is now.
    pub(crate) fn locate(&self, inside: &Inside<'_>) -> Result<(Slot, TokenInfo), TokenFailure> {
        let slots =
            inside.library.get_slots_with_token().map_err(|error| self.failure("list its slots", &error))?;
        let mut uninitialised = false;
        let mut found = None;
        for slot in slots {
            // A slot that fails is not the one, and must not stand in the way of the others.
            let Ok(info) = inside.library.get_token_info(slot) else { continue };
            if !info.token_initialized() {
                uninitialised = true;
            } else if self.settings.fits(&info) {
                if found.is_some() {
                    return Err(TokenFailure::Several { token: self.label() });
                }
                found = Some((slot, info));
            }
        }
        found.ok_or_else(|| TokenFailure::Absent { token: self.label(), uninitialised })
    }

    /// Opens a session and logs in.
    pub(crate) fn connect(&self, inside: &Inside<'_>, writes: bool) -> Result<Live, TokenFailure> {
        // One at a time: two that log in side by side would spend two tries of a wrong PIN.
        let _one = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        let (slot, info) = self.locate(inside)?;
        let opened = if writes {
            inside.library.open_rw_session_no_drop(slot)
        } else {
            inside.library.open_ro_session_no_drop(slot)
        };
        let session = opened.map_err(|error| self.failure("open a session", &error))?;
        let live = Live { session, epoch: inside.epoch, handles: BTreeMap::new() };
        match self.log_in(&live.session, &info, false) {
            Ok(()) => Ok(live),
            Err(failure) => {
                live.close(inside);
                Err(failure)
            }
        }
    }

    /// Logs in unless this process is logged in already. `asked`: an operator demands it, whatever the note and the token's flags say.
    pub(crate) fn log_in(
        &self,
        session: &Session,
        info: &TokenInfo,
        asked: bool,
    ) -> Result<(), TokenFailure> {
        let state = session.get_session_info().map_err(|error| self.failure("tell its state", &error))?;
        let inside = matches!(state.session_state(), SessionState::RoUser | SessionState::RwUser);
        if inside || !info.login_required() {
            return Ok(());
        }
        if info.user_pin_locked() {
            return Err(TokenFailure::PinLocked { token: self.label() });
        }
        if !info.user_pin_initialized() {
            return Err(TokenFailure::NoUserPin { token: self.label() });
        }
        if info.user_pin_final_try() && !asked {
            return Err(TokenFailure::PinFinalTry { token: self.label() });
        }
        let file = PinFile::read(&self.settings)?;
        if self.note.speaks_of(&file) && !asked {
            return Err(self.wrong_pin());
        }
        let pin = AuthPin::from(file.pin.text().to_owned());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) => {
                self.note.clear();
                Ok(())
            }
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                self.note.write(&file)?;
                Err(self.wrong_pin())
            }
            Err(error) => Err(self.failure("log in", &error)),
        }
    }

    fn wrong_pin(&self) -> TokenFailure {
        TokenFailure::WrongPin { token: self.label(), pin_file: self.settings.pin_file.clone() }
    }

    /// What an answer of the library means.
    pub(crate) fn failure(&self, act: &'static str, error: &Error) -> TokenFailure {
        let (token, text) = (self.label(), error.to_string());
        let Error::Pkcs11(code, _) = error else {
            return TokenFailure::Refused { token, act, text };
        };
        if is_loss(*code) {
            return TokenFailure::Lost { token, act, text };
        }
        let known = [
            (RvError::SessionCount, TokenFailure::Sessions { token: token.clone() }),
            (RvError::PinLocked, TokenFailure::PinLocked { token: token.clone() }),
            (RvError::PinExpired, TokenFailure::PinExpired { token: token.clone() }),
            (RvError::UserPinNotInitialized, TokenFailure::NoUserPin { token: token.clone() }),
        ];
        let verdict = known.into_iter().find(|(answer, _)| answer == code).map(|(_, verdict)| verdict);
        verdict.unwrap_or(TokenFailure::Refused { token, act, text })
    }
}

/// Answers after which session, handle or token are not what they were.
fn is_loss(code: RvError) -> bool {
    matches!(
        code,
        RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::SlotIdInvalid
            | RvError::DeviceError
            | RvError::DeviceRemoved
            | RvError::DeviceMemory
            | RvError::GeneralError
            | RvError::FunctionFailed
            | RvError::HostMemory
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::UserNotLoggedIn
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::OperationActive
            | RvError::CryptokiNotInitialized
    )
}
