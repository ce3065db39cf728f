//! What a keystore holds, as anybody may see it: nothing here is secret.

use identifier::{MemberId, ServerId};
use trust::certificate::Certificate;

use crate::key::{KeyAlgorithm, KeyId, KeyUsage};

/// A key without its secret half.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldKey {
    /// Its name.
    pub id: KeyId,
    /// Its name for people: one line of 1 to 255 characters.
    pub label: String,
    /// What it is for.
    pub usage: KeyUsage,
    /// Of which kind it is.
    pub algorithm: KeyAlgorithm,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// Where its private half lives when that is a token; `None`: in a sealed file of the keystore.
    pub token: Option<HeldInToken>,
    /// Its certificates, in the order of import.
    pub certificates: Vec<HeldCertificate>,
    /// The certificate requests made for it, in order.
    pub requests: Vec<HeldRequest>,
}

/// A key's place in a PKCS#11 token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldInToken {
    /// The token's label.
    pub label: String,
    /// Its serial number when the key was made or taken over; it tells tokens of one label apart.
    pub serial: Option<String>,
    /// CKA_ID of the key.
    pub id: Vec<u8>,
}

/// A certificate of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// Whose it is.
    pub owner: Owner,
    /// Whether the operator switched it on.
    pub active: bool,
}

/// Whose certificate it is: what the CA's profile, or the operator, says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The member for whom a signing certificate signs.
    pub member: Option<MemberId>,
    /// The gateway that an authentication certificate stands for.
    pub server: Option<ServerId>,
}

impl Owner {
    /// Nobody in particular.
    pub fn nobody() -> Self {
        Self::default()
    }

    /// A member.
    pub fn member(member: MemberId) -> Self {
        Self { member: Some(member), server: None }
    }

    /// A gateway.
    pub fn server(server: ServerId) -> Self {
        Self { member: None, server: Some(server) }
    }
}

/// A certificate request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRequest {
    /// The subject, for people.
    pub subject: String,
    /// DNS names and addresses.
    pub alternative_names: Vec<String>,
    /// PKCS#10, DER.
    pub der: Vec<u8>,
}

/// A key together with a certificate that is active and in date: what signing or TLS needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// The key to sign with.
    pub key: KeyId,
    /// Its kind, which decides the signature algorithm.
    pub algorithm: KeyAlgorithm,
    /// The certificate to show.
    pub certificate: Certificate,
    /// Whose it is.
    pub owner: Owner,
}

/// A fresh certificate request, PKCS#10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    pub(crate) der: Vec<u8>,
}

impl CertificateRequest {
    /// DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// PEM (`BEGIN CERTIFICATE REQUEST`).
    pub fn pem(&self) -> String {
        crate::pem::armour("CERTIFICATE REQUEST", &self.der)
    }
}

/// What an import of a PKCS#12 file brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedKey {
    /// The key.
    pub key: KeyId,
    /// How many of the file's certificates belong to the key and fit its usage, and were taken (inactive). The holder
    /// certificate of an X-Road software token is not one of them.
    pub certificates: usize,
}

/// What a take-over of a key in a token brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKeyTaken {
    /// The key.
    pub key: KeyId,
    /// Whether the token would let its private half out: whoever made it did not forbid that.
    pub extractable: bool,
}

/// What was taken over from an X-Road server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOver {
    /// The keys, under the names they had.
    pub keys: Vec<KeyId>,
    /// How many certificates came along.
    pub certificates: usize,
    /// What was left behind, each with the reason: keys on hardware tokens, keys without a usage or a file,
    /// certificates that do not fit.
    pub left: Vec<Left>,
}

/// One thing left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Key or certificate, as keyconf.xml names it.
    pub name: String,
    /// Why.
    pub why: String,
}
