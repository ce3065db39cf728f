//! The seam behind which keys sign: a key in the keystore's memory or in a hardware token (PKCS#11).

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use trust::algorithm::{EcdsaForm, SignatureAlgorithm};

use crate::error::SignFailure;
use crate::key::KeyId;

/// A signature in the making. Must be awaited inside a tokio runtime with its timer on.
pub type Signing = Pin<Box<dyn Future<Output = Result<Vec<u8>, SignFailure>> + Send>>;

/// Whoever can sign with a key by its name.
///
/// The digest is computed by the caller with the algorithm's own hash; RSA PKCS#1 wraps it into a DigestInfo inside.
/// An implementation does work that takes longer than the way to another thread off the async threads, bounds how much may wait, and
/// answers within a bounded time.
pub trait Signer: fmt::Debug + Send + Sync {
    /// Signs `digest`; an ECDSA signature comes in `form`.
    fn sign_digest_as(
        &self,
        key: &KeyId,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        form: EcdsaForm,
    ) -> Signing;

    /// Signs `digest`; an ECDSA signature is raw `r ‖ s`, as XML signatures carry it (data-plane 5.2).
    fn sign_digest(&self, key: &KeyId, algorithm: SignatureAlgorithm, digest: &[u8]) -> Signing {
        self.sign_digest_as(key, algorithm, digest, EcdsaForm::Raw)
    }
}
