//! What can be wrong with a PKCS#11 token, its library, its PIN, or a key in it.

use std::path::PathBuf;

use super::StorageFailure;

/// Why a token did not do what it was asked for. Whose fault it is and what to do stands in each sentence; they are for our operator and
/// name files of this machine, so that none of them may reach another party.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// A key lives in a token that the configuration does not name.
    #[error("the token {token:?} is not configured; name it in a section [[gateway.token]]")]
    NotConfigured {
        /// The token's label.
        token: String,
    },
    /// Two configured tokens answer to one name.
    #[error("several configured tokens are called {token:?}; say which by its serial number")]
    Ambiguous {
        /// The name that was given.
        token: String,
    },
    /// The library is not there, or is no library.
    #[error(
        "the PKCS#11 library {} cannot be loaded: {text}; `module` must be the path of the token's library", module.display()
    )]
    ModuleNotLoaded {
        /// Its path.
        module: PathBuf,
        /// The loader's words.
        text: String,
    },
    /// A library, but none of PKCS#11.
    #[error("{} is a library, but not one of PKCS#11; `module` must be the path of the token's library", module.display())]
    NotAModule {
        /// Its path.
        module: PathBuf,
    },
    /// The library does not begin its work.
    #[error("the PKCS#11 library {} does not start: {text}; look at its own configuration", module.display())]
    ModuleNotStarted {
        /// Its path.
        module: PathBuf,
        /// What it answered.
        text: String,
    },
    /// Somebody begins the library anew and does not get on.
    #[error("the PKCS#11 library {} is being started anew; try again", module.display())]
    ModuleBusy {
        /// Its path.
        module: PathBuf,
    },
    /// No such token in any slot.
    #[error(
        "the token {token:?} is not there; connect it, and compare its label with the configuration{}",
        if *uninitialised { " (there is a token that nobody has initialised yet)" } else { "" }
    )]
    Absent {
        /// The token's label.
        token: String,
        /// Whether a token without label was seen.
        uninitialised: bool,
    },
    /// Two tokens of that label.
    #[error(
        "there are several tokens {token:?}; say which with `serial` in its section of the configuration"
    )]
    Several {
        /// The token's label.
        token: String,
    },
    /// The token was there and does not answer as it should.
    #[error("the token {token:?} could not {act}: {text}; look at the token and its connection")]
    Lost {
        /// The token's label.
        token: String,
        /// What was attempted.
        act: &'static str,
        /// What the library answered.
        text: String,
    },
    /// The library was called and has not come back.
    #[error(
        "the token {token:?} has not answered for {seconds} s; look at the token and its connection, and restart the gateway if it stays so"
    )]
    Silent {
        /// The token's label.
        token: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// No more sessions.
    #[error("the token {token:?} has no session left; lower `sessions_max`, or that of its other users")]
    Sessions {
        /// The token's label.
        token: String,
    },
    /// The PIN file is not there or is empty.
    #[error("the PIN file {} of the token {token:?} {why}; it holds the PIN on one line, mode 600", pin_file.display())]
    PinFile {
        /// The token's label.
        token: String,
        /// The file.
        pin_file: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token refused the PIN. It is not tried again before the file changes.
    #[error(
        "the token {token:?} refused the PIN in {}; so as not to lock the token it is not tried again until that file changes, or `chhatra keystore token login` says so",
        pin_file.display()
    )]
    WrongPin {
        /// The token's label.
        token: String,
        /// Where the PIN stands.
        pin_file: PathBuf,
    },
    /// One more wrong PIN would lock the token.
    #[error(
        "one more wrong PIN locks the token {token:?}, so that none is tried by itself: make sure of the PIN, then `chhatra keystore token login`"
    )]
    PinFinalTry {
        /// The token's label.
        token: String,
    },
    /// Too many wrong PINs.
    #[error("the token {token:?} is locked after wrong PINs; its security officer can set a new PIN")]
    PinLocked {
        /// The token's label.
        token: String,
    },
    /// The PIN must be changed first.
    #[error("the PIN of the token {token:?} has expired; set a new one with the token's own program")]
    PinExpired {
        /// The token's label.
        token: String,
    },
    /// Nobody has set a user PIN.
    #[error("the token {token:?} has no user PIN yet; its security officer sets the first one")]
    NoUserPin {
        /// The token's label.
        token: String,
    },
    /// The token cannot do what signing or making a key needs.
    #[error("the token {token:?} does not have {mechanism}, which this needs")]
    Mechanism {
        /// The token's label.
        token: String,
        /// PKCS#11's name of the mechanism.
        mechanism: String,
    },
    /// No private key of that CKA_ID.
    #[error("the token {token:?} holds no private key with the CKA_ID {id}; was it deleted there?")]
    KeyMissing {
        /// The token's label.
        token: String,
        /// CKA_ID, hex.
        id: String,
    },
    /// Two private keys of one CKA_ID.
    #[error("the token {token:?} holds several private keys with the CKA_ID {id}; give each its own")]
    SeveralKeys {
        /// The token's label.
        token: String,
        /// CKA_ID, hex.
        id: String,
    },
    /// The key may not sign, or wants its PIN for every signature.
    #[error("the key {id} in the token {token:?} cannot be used here: {why}")]
    KeyUnfit {
        /// The token's label.
        token: String,
        /// CKA_ID, hex.
        id: String,
        /// What stands against it.
        why: &'static str,
    },
    /// The token does not tell the public half.
    #[error(
        "the token {token:?} holds neither a public key nor a certificate with the CKA_ID {id}; put one of them beside the private key"
    )]
    NoPublicKey {
        /// The token's label.
        token: String,
        /// CKA_ID, hex.
        id: String,
    },
    /// What the token signed does not fit the public key.
    #[error(
        "what the key {id} in the token {token:?} signs does not fit its public key: it is another key, or the token is faulty"
    )]
    Mismatch {
        /// The token's label.
        token: String,
        /// CKA_ID, hex.
        id: String,
    },
    /// A fresh key could be taken out of its token; it was destroyed again.
    #[error(
        "the token {token:?} does not keep new keys to itself (CKA_SENSITIVE, CKA_EXTRACTABLE); the key was destroyed again"
    )]
    NotKept {
        /// The token's label.
        token: String,
    },
    /// The token said no for a reason of its own.
    #[error("the token {token:?} refused to {act}: {text}")]
    Refused {
        /// The token's label.
        token: String,
        /// What was attempted.
        act: &'static str,
        /// What the library answered.
        text: String,
    },
    /// The disk: the PIN file, or the note of a PIN that was refused.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
    /// A thread could not be started.
    #[error("could not start a thread for the token: {text}")]
    Thread {
        /// The operating system's own words.
        text: String,
    },
}

impl TokenFailure {
    /// Whether it stands against every key of the token, and not only against one key or one algorithm.
    pub(crate) fn concerns_token(&self) -> bool {
        match self {
            Self::ModuleNotLoaded { .. }
            | Self::NotAModule { .. }
            | Self::ModuleNotStarted { .. }
            | Self::ModuleBusy { .. }
            | Self::Absent { .. }
            | Self::Several { .. }
            | Self::Lost { .. }
            | Self::Silent { .. }
            | Self::Sessions { .. }
            | Self::PinFile { .. }
            | Self::WrongPin { .. }
            | Self::PinFinalTry { .. }
            | Self::PinLocked { .. }
            | Self::PinExpired { .. }
            | Self::NoUserPin { .. }
            | Self::Storage(_)
            | Self::Thread { .. } => true,
            Self::NotConfigured { .. }
            | Self::Ambiguous { .. }
            | Self::Mechanism { .. }
            | Self::KeyMissing { .. }
            | Self::SeveralKeys { .. }
            | Self::KeyUnfit { .. }
            | Self::NoPublicKey { .. }
            | Self::Mismatch { .. }
            | Self::NotKept { .. }
            | Self::Refused { .. } => false,
        }
    }

    /// Whether a new session, or the library begun anew, can make it good.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Absent { .. } | Self::KeyMissing { .. })
    }

    /// One word for programs.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotConfigured { .. } => "not_configured",
            Self::Ambiguous { .. } => "ambiguous",
            Self::ModuleNotLoaded { .. } => "module_not_loaded",
            Self::NotAModule { .. } => "not_a_module",
            Self::ModuleNotStarted { .. } => "module_not_started",
            Self::ModuleBusy { .. } => "module_busy",
            Self::Absent { .. } => "absent",
            Self::Several { .. } => "several",
            Self::Lost { .. } => "lost",
            Self::Silent { .. } => "silent",
            Self::Sessions { .. } => "no_session",
            Self::PinFile { .. } | Self::Storage(_) => "pin_file",
            Self::WrongPin { .. } => "wrong_pin",
            Self::PinFinalTry { .. } => "pin_final_try",
            Self::PinLocked { .. } => "pin_locked",
            Self::PinExpired { .. } => "pin_expired",
            Self::NoUserPin { .. } => "no_user_pin",
            Self::Mechanism { .. } => "mechanism_missing",
            Self::KeyMissing { .. } => "key_missing",
            Self::SeveralKeys { .. } => "several_keys",
            Self::KeyUnfit { .. } => "key_unfit",
            Self::NoPublicKey { .. } => "no_public_key",
            Self::Mismatch { .. } => "mismatch",
            Self::NotKept { .. } => "not_kept",
            Self::Refused { .. } => "refused",
            Self::Thread { .. } => "thread",
        }
    }
}
