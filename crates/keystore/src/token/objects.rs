//! Keys as a token holds them: found by CKA_ID, made, read, destroyed.

use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::slot::Slot;
use trust::certificate::Certificate;

use super::Token;
use super::connect::Live;
use super::module::Inside;
use crate::asn1::Fields;
use crate::der_out::{self, sequence};
use crate::error::{KeyRefusal, TokenFailure};
use crate::key::KeyAlgorithm;

/// Longest attribute or certificate that is looked at.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// 65537.
const PUBLIC_EXPONENT: [u8; 3] = [1, 0, 1];
const P256_POINT_BYTES: usize = 65;

/// A private key's public half, as the token tells it.
#[derive(Debug)]
pub(crate) struct PublicHalf {
    pub(crate) algorithm: KeyAlgorithm,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) spki: Vec<u8>,
    /// Whether the token would let the private half out.
    pub(crate) extractable: bool,
}

impl Token {
    /// The private key of a CKA_ID.
    pub(crate) fn private_key(&self, live: &mut Live, id: &[u8]) -> Result<ObjectHandle, TokenFailure> {
        if let Some(handle) = live.handles.get(id) {
            return Ok(*handle);
        }
        let (token, shown) = (self.label(), hex::encode(id));
        let found = self.find(live, ObjectClass::PRIVATE_KEY, id)?;
        match found.as_slice() {
            [one] => {
                live.handles.insert(id.to_vec(), *one);
                Ok(*one)
            }
            [] => Err(TokenFailure::KeyMissing { token, id: shown }),
            _ => Err(TokenFailure::SeveralKeys { token, id: shown }),
        }
    }

    fn find(&self, live: &Live, class: ObjectClass, id: &[u8]) -> Result<Vec<ObjectHandle>, TokenFailure> {
        let template = [Attribute::Token(true), Attribute::Class(class), Attribute::Id(id.to_vec())];
        live.session.find_objects(&template).map_err(|error| self.failure("look for a key", &error))
    }

    /// Attributes of an object; those that the token does not tell are left out.
    fn attributes(
        &self,
        live: &Live,
        object: ObjectHandle,
        wanted: &[AttributeType],
    ) -> Result<Vec<Attribute>, TokenFailure> {
        live.session.get_attributes(object, wanted).map_err(|error| self.failure("describe a key", &error))
    }

    /// What a private key's public half is, and whether the key is one to sign with here.
    pub(crate) fn public_half(&self, live: &mut Live, id: &[u8]) -> Result<PublicHalf, KeyRefusal> {
        let private = self.private_key(live, id)?;
        let unfit = |why| TokenFailure::KeyUnfit { token: self.label(), id: hex::encode(id), why };
        let described = self.attributes(
            live,
            private,
            &[
                AttributeType::Sign,
                AttributeType::AlwaysAuthenticate,
                AttributeType::Extractable,
                AttributeType::Modulus,
                AttributeType::PublicExponent,
            ],
        )?;
        if described.contains(&Attribute::Sign(false)) {
            return Err(unfit("it may not sign (CKA_SIGN)").into());
        }
        if described.contains(&Attribute::AlwaysAuthenticate(true)) {
            return Err(unfit("it wants its PIN for every signature (CKA_ALWAYS_AUTHENTICATE)").into());
        }
        let extractable = described.contains(&Attribute::Extractable(true));
        let mut spki = None;
        for object in self.find(live, ObjectClass::PUBLIC_KEY, id)? {
            let wanted = [
                AttributeType::Modulus,
                AttributeType::PublicExponent,
                AttributeType::EcParams,
                AttributeType::EcPoint,
            ];
            spki = spki.or(spki_of(&self.attributes(live, object, &wanted)?));
        }
        // RSA keys often tell their public half themselves.
        spki = spki.or_else(|| spki_of(&described));
        if spki.is_none() {
            spki = self.spki_of_certificate(live, id)?;
        }
        let spki =
            spki.ok_or_else(|| TokenFailure::NoPublicKey { token: self.label(), id: hex::encode(id) })?;
        Ok(PublicHalf { algorithm: kind(&spki)?, spki, extractable })
    }

    fn spki_of_certificate(&self, live: &Live, id: &[u8]) -> Result<Option<Vec<u8>>, TokenFailure> {
        for object in self.find(live, ObjectClass::CERTIFICATE, id)? {
            for attribute in self.attributes(live, object, &[AttributeType::Value])? {
                let Attribute::Value(der) = attribute else { continue };
                if der.len() > VALUE_BYTES_MAX {
                    continue;
                }
                if let Ok(certificate) = Certificate::from_der(&der) {
                    return Ok(Some(certificate.public_key().spki().to_vec()));
                }
            }
        }
        Ok(None)
    }

    /// Refuses when the token lacks one of these.
    pub(crate) fn must_have(
        &self,
        inside: &Inside<'_>,
        slot: Slot,
        needed: &[MechanismType],
    ) -> Result<(), TokenFailure> {
        let listed = inside.library.get_mechanism_list(slot);
        let listed = listed.map_err(|error| self.failure("list its mechanisms", &error))?;
        match needed.iter().find(|mechanism| !listed.contains(mechanism)) {
            Some(missing) => {
                Err(TokenFailure::Mechanism { token: self.label(), mechanism: missing.to_string() })
            }
            None => Ok(()),
        }
    }

    /// Makes a pair in the token that signs and does nothing else, and that the token never lets out.
    pub(crate) fn generate(
        &self,
        inside: &Inside<'_>,
        live: &mut Live,
        algorithm: KeyAlgorithm,
        id: &[u8],
        label: &str,
    ) -> Result<PublicHalf, KeyRefusal> {
        let (slot, _) = self.locate(inside)?;
        let (mechanism, signing, parameters) = match algorithm {
            KeyAlgorithm::Rsa2048 => rsa(2048),
            KeyAlgorithm::Rsa3072 => rsa(3072),
            KeyAlgorithm::Rsa4096 => rsa(4096),
            KeyAlgorithm::EcP256 => {
                let curve = vec![Attribute::EcParams(der_out::oid(SECP_256_R_1))];
                (Mechanism::EccKeyPairGen, MechanismType::ECDSA, curve)
            }
        };
        self.must_have(inside, slot, &[mechanism.mechanism_type(), signing])?;
        let named = || [Attribute::Token(true), Attribute::Id(id.to_vec()), Attribute::Label(label.into())];
        let mut public = parameters;
        public.extend(named());
        public.extend([Attribute::Private(false), Attribute::Verify(true)]);
        let mut private = vec![
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            // Left out, these are as the token likes.
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
        ];
        if !algorithm.is_rsa() {
            private.push(Attribute::Derive(false));
        }
        private.extend(named());
        let (_, made) = live
            .session
            .generate_key_pair(&mechanism, &public, &private)
            .map_err(|error| self.failure("make a key", &error))?;
        let outcome = self.kept(live, made).map_err(KeyRefusal::from);
        let outcome = outcome.and_then(|()| self.public_half(live, id));
        if outcome.is_err() {
            // Nobody knows of it: what stays when this fails as well is an unused pair.
            let _destroyed = self.destroy(live, id);
        }
        outcome
    }

    /// Whether a fresh key is what was asked for.
    fn kept(&self, live: &Live, key: ObjectHandle) -> Result<(), TokenFailure> {
        let told = self.attributes(live, key, &[AttributeType::Sensitive, AttributeType::Extractable])?;
        let has = |wanted: &Attribute| told.contains(wanted);
        if has(&Attribute::Sensitive(true)) && has(&Attribute::Extractable(false)) {
            return Ok(());
        }
        Err(TokenFailure::NotKept { token: self.label() })
    }

    /// Destroys the private key of a CKA_ID, and the public key beside it.
    pub(crate) fn destroy(&self, live: &mut Live, id: &[u8]) -> Result<(), TokenFailure> {
        live.handles.remove(id);
        for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
            for object in self.find(live, class, id)? {
                let destroyed = live.session.destroy_object(object);
                destroyed.map_err(|error| self.failure("destroy a key", &error))?;
            }
        }
        Ok(())
    }
}

fn rsa(bits: u32) -> (Mechanism<'static>, MechanismType, Vec<Attribute>) {
    let size = cryptoki::types::Ulong::new(bits.into());
    let parameters = vec![Attribute::ModulusBits(size), Attribute::PublicExponent(PUBLIC_EXPONENT.to_vec())];
    (Mechanism::RsaPkcsKeyPairGen, MechanismType::RSA_PKCS, parameters)
}

/// SubjectPublicKeyInfo, if the attributes are those of an RSA key or of one on P-256.
fn spki_of(attributes: &[Attribute]) -> Option<Vec<u8>> {
    let value = |of: fn(&Attribute) -> Option<&Vec<u8>>| attributes.iter().find_map(of);
    let modulus = value(|told| if let Attribute::Modulus(value) = told { Some(value) } else { None });
    let exponent = value(|told| if let Attribute::PublicExponent(value) = told { Some(value) } else { None });
    let curve = value(|told| if let Attribute::EcParams(value) = told { Some(value) } else { None });
    let point = value(|told| if let Attribute::EcPoint(value) = told { Some(value) } else { None });
    if let (Some(modulus), Some(exponent)) = (modulus, exponent) {
        if modulus.is_empty() || exponent.is_empty() || modulus.len() > VALUE_BYTES_MAX {
            return None;
        }
        let numbers = sequence(&[&positive(modulus), &positive(exponent)]);
        let kind = sequence(&[&der_out::oid(RSA_ENCRYPTION), &[0x05, 0x00]]);
        return Some(sequence(&[&kind, &der_out::bits(&numbers)]));
    }
    let (curve, point) = (curve?, point?);
    let kind = sequence(&[&der_out::oid(ID_EC_PUBLIC_KEY), curve]);
    Some(sequence(&[&kind, &der_out::bits(bare_point(point))]))
}

/// The standard wraps a point into an OCTET STRING; not every token does.
fn bare_point(point: &[u8]) -> &[u8] {
    if point.len() == P256_POINT_BYTES {
        return point;
    }
    let unwrapped = Fields::of(point).and_then(|mut fields| fields.octets());
    unwrapped.unwrap_or(point)
}

/// An unsigned number as an INTEGER.
fn positive(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    der_out::element(der_out::INTEGER, &[sign, digits])
}

/// Which of the kinds that we hold it is.
fn kind(spki: &[u8]) -> Result<KeyAlgorithm, KeyRefusal> {
    let mut fields = Fields::of_sequence(spki)?;
    let algorithm = fields.algorithm()?;
    if algorithm.oid == RSA_ENCRYPTION {
        let key = trust::key::PublicKey::from_spki(spki)
            .map_err(|error| KeyRefusal::Unreadable { why: error.to_string() })?;
        let modulus = Fields::of_sequence(key.key_bits())?.integer()?;
        return crate::private_key::rsa_length(modulus);
    }
    if algorithm.oid != ID_EC_PUBLIC_KEY {
        return Err(KeyRefusal::UnsupportedKind { oid: algorithm.oid.to_string() });
    }
    let parameters = algorithm.parameters.ok_or(KeyRefusal::ForeignCurve { oid: "not named".to_owned() })?;
    crate::private_key::check_curve(parameters)?;
    Ok(KeyAlgorithm::EcP256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_leading_zeros_and_positive() {
        assert_eq!(positive(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(positive(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(positive(&[0]), [2, 1, 0]);
    }

    #[test]
    fn a_point_is_taken_wrapped_and_bare() {
        let bare = [4_u8; P256_POINT_BYTES];
        assert_eq!(bare_point(&bare), bare);
        assert_eq!(bare_point(&der_out::element(der_out::OCTET_STRING, &[&bare])), bare);
    }

    #[test]
    fn only_keys_that_we_hold_have_a_kind() {
        let of = |modulus: usize| {
            let mut number = vec![0xff; modulus];
            number[0] = 0x80;
            kind(&spki_of(&[Attribute::Modulus(number), Attribute::PublicExponent(vec![1, 0, 1])]).unwrap())
        };
        assert_eq!(of(256), Ok(KeyAlgorithm::Rsa2048));
        assert_eq!(of(128), Err(KeyRefusal::Weak { bits: 1024 }));
        assert_eq!(of(257), Err(KeyRefusal::UnsupportedSize { bits: 2056 }));
        let p384 = der_out::oid(const_oid::db::rfc5912::SECP_384_R_1);
        let foreign = spki_of(&[Attribute::EcParams(p384), Attribute::EcPoint(vec![4; 97])]).unwrap();
        assert!(matches!(kind(&foreign), Err(KeyRefusal::ForeignCurve { .. })));
        assert_eq!(spki_of(&[Attribute::EcPoint(vec![4; 65])]), None);
    }
}
