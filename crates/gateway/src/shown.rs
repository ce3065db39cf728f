//! What we show in a handshake of rustls: a chain and its key, of which no copy in the clear stays behind.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::sync::Arc;

/// The key is borrowed: rustls would not zero a copy of its own, and the keystore's is zeroed.
pub(crate) fn shown(
    chain: Vec<CertificateDer<'static>>,
    key_pkcs8: &[u8],
) -> Result<Arc<SingleCertAndKey>, rustls::Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_pkcs8));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)?;
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}
