//! Certificates: asked for, imported, switched on and off.

use trust::certificate::Certificate;

use super::Keystore;
use super::change::Draft;
use crate::certify::{self, SelfSigned};
use crate::error::CertificateRefusal;
use crate::held::{CertificateRequest, HeldCertificate, HeldKey, HeldRequest, Owner};
use crate::index::{CERTIFICATES_MAX, belongs};
use crate::key::{KeyId, KeyUsage};
use crate::seal;
use crate::subject::{AlternativeName, Subject};

const CLIENT_AUTHENTICATION: &str = "1.3.6.1.5.5.7.3.2";

/// Whether a certificate can be one for `usage`, by the rules of control-plane 4.3. Certificates for internal TLS and
/// configuration signing are containers of a key: nothing in them is asked for.
pub(super) fn fitting_usage(certificate: &Certificate, usage: KeyUsage) -> Result<(), Misfit> {
    if !matches!(usage, KeyUsage::Signing | KeyUsage::Authentication) {
        return Ok(());
    }
    let bits = certificate.key_usage();
    let authentication = certificate.has_purpose(CLIENT_AUTHENTICATION)
        || bits.is_some_and(|b| b.digital_signature() || b.key_encipherment() || b.data_encipherment());
    let signing = bits.is_some_and(|b| b.non_repudiation());
    let found = match (signing, authentication) {
        (true, false) => KeyUsage::Signing,
        (false, true) => KeyUsage::Authentication,
        (both, _) => return Err(Misfit::Undecided { both }),
    };
    if found == usage { Ok(()) } else { Err(Misfit::Other(found)) }
}

/// Why a certificate does not fit a usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    Undecided { both: bool },
    Other(KeyUsage),
}

fn hex_of(sha256: &[u8; 32]) -> String {
    hex::encode(sha256)
}

fn key_of<'a>(draft: &'a mut Draft, key: &KeyId) -> Result<&'a mut HeldKey, CertificateRefusal> {
    draft.key(key).ok_or_else(|| CertificateRefusal::UnknownKey { key: key.clone() })
}

/// Adds a certificate that was checked.
fn add(
    held: &mut HeldKey,
    certificate: Certificate,
    owner: Owner,
    active: bool,
) -> Result<(), CertificateRefusal> {
    if held.certificates.iter().any(|c| c.certificate == certificate) {
        return Err(CertificateRefusal::AlreadyHeld { key: held.id.clone() });
    }
    if held.certificates.len() >= CERTIFICATES_MAX {
        return Err(CertificateRefusal::TooMany { certificates_max: CERTIFICATES_MAX });
    }
    held.certificates.push(HeldCertificate { certificate, owner, active });
    Ok(())
}

/// Finds a certificate, and lets `act` at it.
fn at_certificate(
    draft: &mut Draft,
    sha256: &[u8; 32],
    act: impl FnOnce(&mut HeldKey, usize) -> Result<(), CertificateRefusal>,
) -> Result<(), CertificateRefusal> {
    for held in &mut draft.keys {
        if let Some(at) = held.certificates.iter().position(|c| c.certificate.sha256() == *sha256) {
            return act(held, at);
        }
    }
    Err(CertificateRefusal::Unknown { sha256: hex_of(sha256) })
}

impl Keystore {
    /// Makes a certificate request for a key and notes it. The subject is written field by field as given; DNS names
    /// and addresses become subjectAltName; keyUsage is requested as control-plane 4.3 says.
    ///
    /// # Errors
    /// [`CertificateRefusal`].
    pub fn csr(
        &self,
        key: &KeyId,
        subject: &Subject,
        alternative_names: &[AlternativeName],
    ) -> Result<CertificateRequest, CertificateRefusal> {
        let private = self.opened(key)?;
        let held = self.find(key).ok_or_else(|| CertificateRefusal::UnknownKey { key: key.clone() })?;
        // Before the lock is taken: nobody shall wait for a token.
        let der = certify::request(&private, &held.public_key, held.usage, subject, alternative_names)?;
        self.change(|draft| {
            let held = key_of(draft, key)?;
            if held.requests.len() >= CERTIFICATES_MAX {
                return Err(CertificateRefusal::TooMany { certificates_max: CERTIFICATES_MAX });
            }
            held.requests.push(HeldRequest {
                subject: subject.to_string(),
                alternative_names: alternative_names.iter().map(ToString::to_string).collect(),
                der: der.clone(),
            });
            Ok(CertificateRequest { der })
        })
    }

    /// Has a key certify itself, keeps the certificate and activates it as [`Self::activate`] does.
    ///
    /// # Errors
    /// [`CertificateRefusal`]; only keys for internal TLS and for configuration signing do this, each in its shape.
    pub fn self_signed(&self, key: &KeyId, shape: &SelfSigned) -> Result<Certificate, CertificateRefusal> {
        let private = self.opened(key)?;
        let mut serial = [0_u8; 16];
        seal::random(&mut serial)?;
        self.change(|draft| {
            let held = key_of(draft, key)?;
            let der = certify::self_signed(&private, &held.public_key, held.usage, shape, &serial)?;
            let certificate =
                Certificate::from_der(&der).map_err(|e| CertificateRefusal::Encode { why: e.to_string() })?;
            add(held, certificate.clone(), Owner::nobody(), false)?;
            activate(draft, &certificate.sha256())?;
            Ok(certificate)
        })
    }

    /// Takes in a certificate (PEM or DER) for a key that is held. A signing certificate is active at once, as X-Road
    /// does it; all others wait for [`Self::activate`]. Whether its CA is approved and whom it names is for the
    /// caller to find out beforehand (crate `trust`).
    ///
    /// # Errors
    /// [`CertificateRefusal`]: no key for it, not for the key's usage, already held.
    pub fn import_certificate(&self, bytes: &[u8], owner: &Owner) -> Result<KeyId, CertificateRefusal> {
        let certificate = Certificate::from_der_or_pem(bytes)
            .map_err(|e| CertificateRefusal::Unreadable { why: e.to_string() })?;
        self.change(|draft| {
            let held = draft
                .keys
                .iter_mut()
                .find(|held| belongs(&certificate, &held.public_key))
                .ok_or_else(|| CertificateRefusal::NoKey { sha256: hex_of(&certificate.sha256()) })?;
            fitting_usage(&certificate, held.usage).map_err(|misfit| match misfit {
                Misfit::Undecided { both } => CertificateRefusal::Undecided { both },
                Misfit::Other(certificate_usage) => CertificateRefusal::WrongUsage {
                    key: held.id.clone(),
                    usage: held.usage,
                    certificate_usage,
                },
            })?;
            let active = held.usage == KeyUsage::Signing;
            add(held, certificate.clone(), owner.clone(), active)?;
            Ok(held.id.clone())
        })
    }

    /// Switches a certificate on. Of certificates for internal TLS one is active at a time: the others are switched
    /// off.
    ///
    /// # Errors
    /// [`CertificateRefusal::Unknown`].
    pub fn activate(&self, certificate_sha256: &[u8; 32]) -> Result<(), CertificateRefusal> {
        self.change(|draft| activate(draft, certificate_sha256))
    }

    /// Switches a certificate off.
    ///
    /// # Errors
    /// [`CertificateRefusal::Unknown`].
    pub fn deactivate(&self, certificate_sha256: &[u8; 32]) -> Result<(), CertificateRefusal> {
        self.change(|draft| {
            at_certificate(draft, certificate_sha256, |held, at| {
                if let Some(certificate) = held.certificates.get_mut(at) {
                    certificate.active = false;
                }
                Ok(())
            })
        })
    }

    /// Says whose certificate it is.
    ///
    /// # Errors
    /// [`CertificateRefusal::Unknown`].
    pub fn set_owner(&self, certificate_sha256: &[u8; 32], owner: &Owner) -> Result<(), CertificateRefusal> {
        self.change(|draft| {
            at_certificate(draft, certificate_sha256, |held, at| {
                if let Some(certificate) = held.certificates.get_mut(at) {
                    certificate.owner = owner.clone();
                }
                Ok(())
            })
        })
    }

    /// Removes a certificate that is not active; its key stays.
    ///
    /// # Errors
    /// [`CertificateRefusal::Active`], [`CertificateRefusal::Unknown`].
    pub fn delete_certificate(&self, certificate_sha256: &[u8; 32]) -> Result<(), CertificateRefusal> {
        self.change(|draft| {
            at_certificate(draft, certificate_sha256, |held, at| {
                if held.certificates.get(at).is_some_and(|c| c.active) {
                    return Err(CertificateRefusal::Active);
                }
                held.certificates.remove(at);
                Ok(())
            })
        })
    }
}

fn activate(draft: &mut Draft, sha256: &[u8; 32]) -> Result<(), CertificateRefusal> {
    let mut usage = None;
    at_certificate(draft, sha256, |held, at| {
        if let Some(certificate) = held.certificates.get_mut(at) {
            certificate.active = true;
        }
        usage = Some(held.usage);
        Ok(())
    })?;
    if usage == Some(KeyUsage::InternalTls) {
        let others = draft.keys.iter_mut().filter(|held| held.usage == KeyUsage::InternalTls);
        for certificate in others.flat_map(|held| &mut held.certificates) {
            certificate.active = certificate.certificate.sha256() == *sha256;
        }
    }
    Ok(())
}
