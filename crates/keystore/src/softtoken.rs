//! Looking at an X-Road software token without taking anything out of it (control-plane 5.3).

use std::path::Path;

use trust::certificate::Certificate;

use crate::disk;
use crate::error::{KeyRefusal, P12Refusal, TakeOverRefusal};
use crate::index::belongs;
use crate::key::KeyAlgorithm;
use crate::pin::Pin;
use crate::pkcs12::{self, Wanted};
use crate::private_key::PrivateKey;

/// Longest file of a token that is read.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The files whose password is the PIN and nothing else; the second name is that of a copy made visible.
const PIN_FILES: [&str; 2] = [".softtoken.p12", "softtoken.p12"];

/// What can be said about one key file without its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftKey {
    /// Kind of key.
    pub algorithm: KeyAlgorithm,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// The certificate in the file, if one belongs to the key. In a software token it is a holder (`CN=KeyHolder`) that
    /// carries no meaning; the real certificates are in keyconf.xml.
    pub holder: Option<Certificate>,
}

/// Opens one key file of a software token, named `key_id`, and says what is in it.
///
/// # Errors
/// [`KeyRefusal`].
pub fn inspect(file: &[u8], pin: &Pin, key_id: &str) -> Result<SoftKey, KeyRefusal> {
    let mut contents = pkcs12::read(file, pin.text(), Wanted::Pairs)?;
    let key = PrivateKey::read_pkcs8(&contents.take_key(Some(key_id))?)?;
    let public_key = key.public_key()?;
    let holder = contents
        .certificates
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .find(|certificate| belongs(certificate, &public_key));
    Ok(SoftKey { algorithm: key.algorithm(), public_key, holder })
}

/// Judges the PIN by the token's PIN file, where there is one; otherwise the first key tells.
pub(crate) fn check_pin(dir: &Path, pin: &Pin) -> Result<(), TakeOverRefusal> {
    for name in PIN_FILES {
        let Some(file) = disk::read_foreign(&dir.join(name), FILE_BYTES_MAX)? else {
            continue;
        };
        return match pkcs12::check_password(&file, pin.text()) {
            Ok(()) => Ok(()),
            Err(P12Refusal::WrongPassword) => Err(TakeOverRefusal::WrongPin),
            Err(other) => Err(TakeOverRefusal::Key { key: name.to_owned(), refusal: other.into() }),
        };
    }
    Ok(())
}
