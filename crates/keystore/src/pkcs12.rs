//! Reading PKCS#12 (RFC 7292): the form of X-Road's software token and of Java key stores (control-plane 5.3).
//!
//! The checksum (MAC) is verified before anything is decrypted, and a file without one is refused. Certificates that
//! are encrypted by a method we do not have (old Java used 40-bit RC2 for them) are left out: they are public, and the
//! keys are what this is for.

use aws_lc_rs::{constant_time, digest, hmac};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::asn1::{Fault, Fields};
use crate::error::P12Refusal;
use crate::pbes::{self, Purpose};

/// Longest key file that is read.
pub(crate) const P12_BYTES_MAX: usize = 1024 * 1024;
const BAGS_MAX: usize = 256;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const SECRET_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.5");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// Which entries of a file are opened; the others are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Private keys and certificates.
    Pairs,
    /// The secret keys of Java.
    Secrets,
}

/// One key with the name it has in the file.
pub(crate) struct NamedKey {
    pub(crate) alias: Option<String>,
    /// A private key, or a secret one in the same clothes.
    pub(crate) pkcs8: Zeroizing<Vec<u8>>,
}

/// What a file holds.
#[derive(Default)]
pub(crate) struct P12 {
    pub(crate) keys: Vec<NamedKey>,
    /// Certificates, DER, in the file's order.
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl P12 {
    /// The key named `alias` (names are compared without regard to case, since Java stores them in lower case), or
    /// the only key when no name is given.
    pub(crate) fn take_key(&mut self, alias: Option<&str>) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
        let fits = |key: &NamedKey| match (alias, &key.alias) {
            (None, _) => true,
            (Some(asked), Some(found)) => asked.to_lowercase() == found.to_lowercase(),
            (Some(_), None) => false,
        };
        let mut fitting: Vec<NamedKey> = std::mem::take(&mut self.keys).into_iter().filter(fits).collect();
        match (fitting.pop(), fitting.len()) {
            (Some(key), 0) => Ok(key.pkcs8),
            (Some(_), others) => Err(P12Refusal::SeveralKeys { count: others.saturating_add(1) }),
            (None, _) => Err(P12Refusal::NoKey { alias: alias.map(str::to_owned) }),
        }
    }
}

/// Reads a file under its password.
pub(crate) fn read(file: &[u8], password: &str, wanted: Wanted) -> Result<P12, P12Refusal> {
    if file.len() > P12_BYTES_MAX {
        return Err(P12Refusal::TooLong { bytes: file.len(), bytes_max: P12_BYTES_MAX });
    }
    let content = checked_content(file, password)?;
    let mut found = P12::default();
    let open = Opening { password, wanted };
    let mut parts = Fields::of_sequence(content)?;
    while !parts.is_empty() {
        let mut part = parts.sequence()?;
        let kind = part.oid()?;
        let value = part.context(0)?;
        part.end()?;
        match kind {
            DATA => open.bags(only(value, Fields::octets)?, &mut found)?,
            ENCRYPTED_DATA => match open_encrypted(value, password) {
                Ok(opened) => open.bags(&opened, &mut found)?,
                Err(P12Refusal::Unsupported { .. }) => {}
                Err(other) => return Err(other),
            },
            other => {
                return Err(P12Refusal::Unsupported { method: format!("the content type {other}") });
            }
        }
    }
    Ok(found)
}

/// Verifies the checksum and nothing else: whether `password` is the file's.
pub(crate) fn check_password(file: &[u8], password: &str) -> Result<(), P12Refusal> {
    if file.len() > P12_BYTES_MAX {
        return Err(P12Refusal::TooLong { bytes: file.len(), bytes_max: P12_BYTES_MAX });
    }
    checked_content(file, password).map(|_| ())
}

/// The one element of `bytes`, read by `read`.
fn only<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Fields<'a>) -> Result<T, Fault>,
) -> Result<T, P12Refusal> {
    let mut fields = Fields::of(bytes)?;
    let value = read(&mut fields)?;
    fields.end()?;
    Ok(value)
}

fn checked_content<'a>(file: &'a [u8], password: &str) -> Result<&'a [u8], P12Refusal> {
    let mut fields = Fields::of_sequence(file)?;
    if fields.number()? != 3 {
        return Err(P12Refusal::Unreadable { why: "it is not version 3 of PKCS#12".to_owned() });
    }
    let mut content = fields.sequence()?;
    let kind = content.oid()?;
    if kind != DATA {
        return Err(P12Refusal::Unsupported { method: format!("the content type {kind}") });
    }
    let value = content.context(0)?;
    content.end()?;
    let content = only(value, Fields::octets)?;
    if fields.is_empty() {
        return Err(P12Refusal::NoChecksum);
    }
    let checksum = fields.sequence()?;
    fields.end()?;
    verify_checksum(checksum, content, password)?;
    Ok(content)
}

fn verify_checksum(mut fields: Fields<'_>, content: &[u8], password: &str) -> Result<(), P12Refusal> {
    let mut expected = fields.sequence()?;
    let method = expected.algorithm()?;
    let value = expected.octets()?;
    expected.end()?;
    let salt = fields.octets()?;
    let rounds = pbes::iterations(if fields.is_empty() { 1 } else { fields.number()? })?;
    fields.end()?;
    // The checksum does not cover itself: what could be altered unseen in here has to have its one proper form.
    if method.parameters.is_some_and(|parameters| !parameters.is_null()) {
        return Err(P12Refusal::Unreadable { why: "the hash of the checksum has parameters".to_owned() });
    }
    let hash = match method.oid {
        SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        SHA512 => &digest::SHA512,
        other => {
            return Err(P12Refusal::Unsupported { method: format!("the checksum {other}") });
        }
    };
    let key = pbes::derive_pkcs12(hash, Purpose::Checksum, password, salt, rounds, hash.output_len());
    let computed = hmac::sign(&hmac::Key::new(pbes::hmac_of(hash), &key), content);
    constant_time::verify_slices_are_equal(computed.as_ref(), value).map_err(|_| P12Refusal::WrongPassword)
}

fn open_encrypted(value: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
    let mut fields = only(value, Fields::sequence)?;
    fields.number()?;
    let mut content = fields.sequence()?;
    content.oid()?;
    let method = content.algorithm()?;
    let sealed = content.context(0)?;
    pbes::open(&method, password, sealed)
}

/// How entries are opened, and which.
#[derive(Clone, Copy)]
struct Opening<'p> {
    password: &'p str,
    wanted: Wanted,
}

impl Opening<'_> {
    fn bags(self, bytes: &[u8], found: &mut P12) -> Result<(), P12Refusal> {
        let mut bags = Fields::of_sequence(bytes)?;
        while !bags.is_empty() {
            if found.keys.len().saturating_add(found.certificates.len()) >= BAGS_MAX {
                let why = format!("it holds more than {BAGS_MAX} entries");
                return Err(P12Refusal::Unreadable { why });
            }
            let mut bag = bags.sequence()?;
            let kind = bag.oid()?;
            let value = bag.context(0)?;
            let alias = if bag.is_empty() { None } else { friendly_name(bag.set()?)? };
            bag.end()?;
            match (kind, self.wanted) {
                (KEY_BAG, Wanted::Pairs) => {
                    found.keys.push(NamedKey { alias, pkcs8: Zeroizing::new(value.to_vec()) });
                }
                (SHROUDED_KEY_BAG, Wanted::Pairs) => {
                    found.keys.push(NamedKey { alias, pkcs8: self.shrouded(value)? });
                }
                (CERTIFICATE_BAG, Wanted::Pairs) => {
                    let mut certificate = only(value, Fields::sequence)?;
                    if certificate.oid()? == X509_CERTIFICATE {
                        found.certificates.push(only(certificate.context(0)?, Fields::octets)?.to_vec());
                    }
                }
                (SECRET_BAG, Wanted::Secrets) => {
                    found.keys.push(NamedKey { alias, pkcs8: self.secret(value)? });
                }
                // What is not wanted, revocation lists, nested bags.
                _ => {}
            }
        }
        Ok(())
    }

    /// What stands in a bag for shrouded keys.
    fn shrouded(self, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
        let mut shroud = only(value, Fields::sequence)?;
        let method = shroud.algorithm()?;
        let sealed = shroud.octets()?;
        shroud.end()?;
        pbes::open(&method, self.password, sealed)
    }

    /// RFC 7292 leaves to the writer what a secret bag holds; Java puts a shrouded key into it.
    fn secret(self, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
        let mut secret = only(value, Fields::sequence)?;
        let kind = secret.oid()?;
        let value = secret.context(0)?;
        secret.end()?;
        if kind != SHROUDED_KEY_BAG {
            return Err(P12Refusal::Unsupported { method: format!("a secret of the kind {kind}") });
        }
        self.shrouded(only(value, Fields::octets)?)
    }
}

fn friendly_name(mut attributes: Fields<'_>) -> Result<Option<String>, P12Refusal> {
    let mut name = None;
    while !attributes.is_empty() {
        let mut attribute = attributes.sequence()?;
        let kind = attribute.oid()?;
        let mut values = attribute.set()?;
        if kind == FRIENDLY_NAME {
            let value = values.element()?.value();
            let units = value.chunks_exact(2).map(|pair| {
                let (high, low) = (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
                u16::from_be_bytes([high, low])
            });
            name = Some(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect());
        }
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
