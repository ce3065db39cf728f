//! Keys come in, and the one door through which two kinds of them go out.

use trust::certificate::Certificate;
use zeroize::Zeroizing;

use super::certificates::fitting_usage;
use super::change::check_label;
use super::{Keystore, open_pkcs8};
use crate::error::KeyRefusal;
use crate::held::{HeldCertificate, ImportedKey, Owner};
use crate::index::belongs;
use crate::key::{KeyAlgorithm, KeyId, KeyUsage};
use crate::pin::Pin;
use crate::pkcs12::{self, Wanted};
use crate::private_key::PrivateKey;

impl Keystore {
    /// Makes a key. RSA takes up to some seconds.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub fn generate(
        &self,
        usage: KeyUsage,
        algorithm: KeyAlgorithm,
        label: &str,
    ) -> Result<KeyId, KeyRefusal> {
        check_label(label)?;
        // Before the lock is taken: nobody shall wait for the search for primes.
        let key = PrivateKey::generate(algorithm)?;
        self.change(|draft| draft.add(key, usage, label, None))
    }

    /// Takes in a private key from PEM or DER: PKCS#8, PKCS#1, SEC1, or PKCS#8 encrypted by PBES2 or 3DES under
    /// `passphrase`.
    ///
    /// # Errors
    /// [`KeyRefusal`]; a key that is already held is refused and keeps its usage and label.
    pub fn import_key(
        &self,
        bytes: &[u8],
        passphrase: Option<&Pin>,
        usage: KeyUsage,
        label: &str,
    ) -> Result<KeyId, KeyRefusal> {
        check_label(label)?;
        let key = PrivateKey::read(bytes, passphrase)?;
        self.change(|draft| draft.add(key, usage, label, None))
    }

    /// Takes in a private key from a PKCS#12 file: the one named `alias` (in any case), or the only one. Certificates
    /// in the file that belong to the key and fit its usage come along, inactive and of nobody; activate what is
    /// wanted.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub fn import_p12(
        &self,
        file: &[u8],
        password: &Pin,
        alias: Option<&str>,
        usage: KeyUsage,
        label: &str,
    ) -> Result<ImportedKey, KeyRefusal> {
        check_label(label)?;
        let mut contents = pkcs12::read(file, password.text(), Wanted::Pairs)?;
        let key = PrivateKey::read_pkcs8(&contents.take_key(alias)?)?;
        let public_key = key.public_key()?;
        let fitting: Vec<HeldCertificate> = contents
            .certificates
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok())
            .filter(|certificate| {
                belongs(certificate, &public_key) && fitting_usage(certificate, usage).is_ok()
            })
            .map(|certificate| HeldCertificate { certificate, owner: Owner::nobody(), active: false })
            .collect();
        self.change(|draft| {
            let id = draft.add(key, usage, label, None)?;
            let certificates = fitting.len();
            if let Some(held) = draft.key(&id) {
                held.certificates = fitting;
            }
            Ok(ImportedKey { key: id, certificates })
        })
    }

    /// Removes a key with its certificates and requests, for good; one in a token is destroyed there.
    ///
    /// Order, and what a crash leaves behind: the index first (a pair in the token that nobody uses), then the token.
    ///
    /// # Errors
    /// [`KeyRefusal::InUse`] while one of its certificates is active; [`KeyRefusal::Token`] when its token cannot be reached (nothing is
    /// deleted then).
    pub fn delete(&self, key: &KeyId) -> Result<(), KeyRefusal> {
        let in_token = self.reached_in_token(key)?;
        self.forget(key)?;
        in_token.map_or(Ok(()), |place| place.destroy())
    }

    /// As [`Self::delete`], but a token keeps what it has. For a key in software there is no difference.
    ///
    /// # Errors
    /// [`KeyRefusal::InUse`] while one of its certificates is active.
    pub fn forget(&self, key: &KeyId) -> Result<(), KeyRefusal> {
        self.change(|draft| {
            let held = draft.key(key).ok_or_else(|| KeyRefusal::Unknown { key: key.clone() })?;
            if held.certificates.iter().any(|c| c.active) {
                return Err(KeyRefusal::InUse { key: key.clone() });
            }
            draft.keys.retain(|held| held.id != *key);
            Ok(())
        })
    }

    /// **The one door out.** The private key as PKCS#8 DER, for a TLS library that must hold the key itself: OpenSSL
    /// on port 5500, rustls towards the member's systems. Only keys for authentication and internal TLS go through
    /// (X-Road keeps these on the software token only, control-plane 4.3). Which usage a key has is sealed with it: an
    /// edited index does not open the door.
    ///
    /// # Errors
    /// [`KeyRefusal::NeverLeaves`] for keys that sign.
    pub fn tls_key_der(&self, key: &KeyId) -> Result<Zeroizing<Vec<u8>>, KeyRefusal> {
        let held = self.find(key).ok_or_else(|| KeyRefusal::Unknown { key: key.clone() })?;
        match held.usage {
            KeyUsage::Authentication | KeyUsage::InternalTls => {}
            usage @ (KeyUsage::Signing | KeyUsage::Configuration) => {
                return Err(KeyRefusal::NeverLeaves { key: key.clone(), usage });
            }
        }
        Ok(open_pkcs8(&self.shared.dir, &self.shared.data_key, &held)?)
    }
}
