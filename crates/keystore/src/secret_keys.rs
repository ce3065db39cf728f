//! Secret keys in a PKCS#12 file, as Java's `keytool -genseckey` and `-importpassword` put them there: X-Road's log is encrypted under such
//! (data-plane 7.5).

use std::fmt;

use zeroize::Zeroizing;

use crate::asn1::Fields;
use crate::error::P12Refusal;
use crate::pin::Pin;
use crate::pkcs12::{self, Wanted};

/// Longest file that is read.
pub const FILE_BYTES_MAX: usize = pkcs12::P12_BYTES_MAX;

/// A secret with its name.
#[derive(Clone)]
pub struct SecretKey {
    /// Its name (alias), as it stands in the file; Java writes it in lower case.
    pub name: String,
    /// The secret: what was drawn, or the characters of the imported password.
    pub secret: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The secret keys of a file, in its order; private keys and certificates beside them are passed over. The file's checksum is verified
/// before anything is opened.
///
/// # Errors
/// A [`P12Refusal`]: not such a file, another password, more iterations than are computed, an entry without a name or twice.
pub fn read(file: &[u8], password: &Pin) -> Result<Vec<SecretKey>, P12Refusal> {
    let unreadable = |why: &str| P12Refusal::Unreadable { why: why.to_owned() };
    let mut found: Vec<SecretKey> = Vec::new();
    for key in pkcs12::read(file, password.text(), Wanted::Secrets)?.keys {
        let name = key.alias.ok_or_else(|| unreadable("a secret key has no name"))?;
        if found.iter().any(|other| other.name == name) {
            return Err(unreadable("two secret keys have the same name"));
        }
        found.push(SecretKey { name, secret: secret(&key.pkcs8)? });
    }
    Ok(found)
}

/// A secret key in the clothes of a private one. Which algorithm it calls itself is of no meaning: X-Road takes it as it is.
fn secret(pkcs8: &[u8]) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
    let mut fields = Fields::of_sequence(pkcs8)?;
    let version = fields.number()?;
    fields.algorithm()?;
    let secret = fields.octets()?;
    fields.end()?;
    if version != 0 || secret.is_empty() {
        return Err(P12Refusal::Unreadable { why: "a secret key is empty or of another version".to_owned() });
    }
    Ok(Zeroizing::new(secret.to_vec()))
}
