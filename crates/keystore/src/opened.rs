//! A key that is ready to sign: in memory, or in a token.

use std::sync::Arc;

use trust::algorithm::{EcdsaForm, SignatureAlgorithm};

use crate::error::{SignFailure, TokenFailure};
use crate::key::KeyAlgorithm;
use crate::private_key::PrivateKey;
use crate::token::KeyInToken;
use crate::token::desk::Desk;

/// A key by the place where its private half is.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    /// In memory.
    Software(Arc<PrivateKey>),
    /// In a token. Whether that is there shows when it shall sign.
    Token {
        /// The token's desk, if the token is configured.
        desk: Result<Arc<Desk>, TokenFailure>,
        key: KeyInToken,
    },
}

impl Opened {
    pub(crate) fn algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::Software(key) => key.algorithm(),
            Self::Token { key, .. } => key.algorithm,
        }
    }

    /// Signs a digest on the calling thread.
    pub(crate) fn sign_digest(
        &self,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        form: EcdsaForm,
    ) -> Result<Vec<u8>, SignFailure> {
        match self {
            Self::Software(key) => key.sign_digest(algorithm, digest, form),
            Self::Token { desk, key } => desk.clone()?.token.sign_blocking(key, algorithm, digest, form),
        }
    }
}
