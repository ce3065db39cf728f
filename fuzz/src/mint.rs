//! A key with its certificate, so that what stands behind a signature is reached as well.

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::{X509Builder, X509NameBuilder};

/// A key on P-256, drawn anew in each process: nothing that is asserted depends on it.
pub(crate) struct Key {
    key: PKey<Private>,
    /// Its certificate, DER.
    pub(crate) certificate: Vec<u8>,
}

impl Key {
    pub(crate) fn new() -> Self {
        Self::drawn().expect("OpenSSL makes keys")
    }

    fn drawn() -> Result<Self, openssl::error::ErrorStack> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let mut name = X509NameBuilder::new()?;
        name.append_entry_by_nid(Nid::COMMONNAME, "fuzz")?;
        let name = name.build();
        let mut builder = X509Builder::new()?;
        builder.set_version(2)?;
        builder.set_serial_number(BigNum::from_u32(1)?.to_asn1_integer()?.as_ref())?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_not_before(Asn1Time::from_unix(0)?.as_ref())?;
        builder.set_not_after(Asn1Time::from_unix(4_000_000_000)?.as_ref())?;
        builder.set_pubkey(&key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build().to_der()?;
        Ok(Self { key, certificate })
    }

    /// ECDSA with SHA-512, in its ASN.1 form.
    pub(crate) fn sign(&self, octets: &[u8]) -> Vec<u8> {
        Signer::new(MessageDigest::sha512(), &self.key)
            .and_then(|mut signer| signer.sign_oneshot_to_vec(octets))
            .expect("OpenSSL signs")
    }
}
