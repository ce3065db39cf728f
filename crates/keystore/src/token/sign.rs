//! A signature by a token: what it is given, and the proof that what came back is a signature of that key.

use aws_lc_rs::digest as aws;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use der::asn1::ObjectIdentifier;
use trust::algorithm::{DigestAlgorithm, EcdsaForm, SignatureAlgorithm, raw_to_der};
use trust::key::PublicKey;

use crate::der_out::{self, sequence};
use crate::error::SignFailure;
use crate::key::KeyAlgorithm;

const P256_BYTES: usize = 32;

/// A digest that we sign, under its three names.
struct Digest {
    oid: ObjectIdentifier,
    mechanism: MechanismType,
    mask: PkcsMgfType,
    ours: &'static aws::Algorithm,
    pkcs1: &'static dyn VerificationAlgorithm,
    pss: &'static dyn VerificationAlgorithm,
}

impl Digest {
    fn of(algorithm: DigestAlgorithm) -> Result<Self, SignFailure> {
        Ok(match algorithm {
            DigestAlgorithm::Sha256 => Self {
                oid: ID_SHA_256,
                mechanism: MechanismType::SHA256,
                mask: PkcsMgfType::MGF1_SHA256,
                ours: &aws::SHA256,
                pkcs1: &RSA_PKCS1_2048_8192_SHA256,
                pss: &RSA_PSS_2048_8192_SHA256,
            },
            DigestAlgorithm::Sha384 => Self {
                oid: ID_SHA_384,
                mechanism: MechanismType::SHA384,
                mask: PkcsMgfType::MGF1_SHA384,
                ours: &aws::SHA384,
                pkcs1: &RSA_PKCS1_2048_8192_SHA384,
                pss: &RSA_PSS_2048_8192_SHA384,
            },
            DigestAlgorithm::Sha512 => Self {
                oid: ID_SHA_512,
                mechanism: MechanismType::SHA512,
                mask: PkcsMgfType::MGF1_SHA512,
                ours: &aws::SHA512,
                pkcs1: &RSA_PKCS1_2048_8192_SHA512,
                pss: &RSA_PSS_2048_8192_SHA512,
            },
            DigestAlgorithm::Sha1 | DigestAlgorithm::Sha224 => {
                return Err(SignFailure::WeakDigest { digest: algorithm.name().to_owned() });
            }
        })
    }
}

/// The mechanisms that we use; the library's own type cannot be handed to another thread.
#[derive(Clone, Copy)]
enum Raw {
    RsaPkcs,
    RsaPss(PkcsPssParams),
    Ecdsa,
}

/// A signature to be asked of a token.
pub(crate) struct Request {
    raw: Raw,
    /// What the mechanism is applied to.
    pub(crate) input: Vec<u8>,
    verification: &'static dyn VerificationAlgorithm,
    digest: aws::Digest,
}

impl Request {
    /// Checks what is asked as the software keys do, and prepares the token's part: the digest is ours, so the token gets raw
    /// mechanisms (control-plane 5.4 names them).
    pub(crate) fn new(
        key: KeyAlgorithm,
        algorithm: SignatureAlgorithm,
        digest_value: &[u8],
    ) -> Result<Self, SignFailure> {
        let kind = algorithm.digest();
        let digest = Digest::of(kind)?;
        let expected = kind.output_bytes();
        if digest_value.len() != expected {
            return Err(SignFailure::DigestLength { expected, found: digest_value.len() });
        }
        let import = |bytes: &[u8], algorithm| {
            aws::Digest::import_less_safe(bytes, algorithm).map_err(|_| SignFailure::Cryptography)
        };
        match (key.is_rsa(), algorithm) {
            (true, SignatureAlgorithm::RsaPkcs1(_)) => Ok(Self {
                raw: Raw::RsaPkcs,
                input: digest_info(digest.oid, digest_value),
                verification: digest.pkcs1,
                digest: import(digest_value, digest.ours)?,
            }),
            (true, SignatureAlgorithm::RsaPss(_)) => Ok(Self {
                raw: Raw::RsaPss(PkcsPssParams {
                    hash_alg: digest.mechanism,
                    mgf: digest.mask,
                    s_len: expected.try_into().map_err(|_| SignFailure::Cryptography)?,
                }),
                input: digest_value.to_vec(),
                verification: digest.pss,
                digest: import(digest_value, digest.ours)?,
            }),
            (false, SignatureAlgorithm::Ecdsa(_)) => {
                // Some tokens cut a longer digest themselves, others refuse it (FIPS 186-5, 6.4.1).
                let leftmost = digest_value.get(..P256_BYTES).ok_or(SignFailure::Cryptography)?;
                Ok(Self {
                    raw: Raw::Ecdsa,
                    input: leftmost.to_vec(),
                    verification: &ECDSA_P256_SHA256_FIXED,
                    digest: import(leftmost, &aws::SHA256)?,
                })
            }
            (true | false, _) => {
                Err(SignFailure::WrongAlgorithm { algorithm: key, asked: algorithm.uri().to_owned() })
            }
        }
    }

    /// What the token applies to [`Self::input`].
    pub(crate) fn mechanism(&self) -> Mechanism<'static> {
        match self.raw {
            Raw::RsaPkcs => Mechanism::RsaPkcs,
            Raw::RsaPss(parameters) => Mechanism::RsaPkcsPss(parameters),
            Raw::Ecdsa => Mechanism::Ecdsa,
        }
    }

    /// PKCS#11's name of what the token must have.
    pub(crate) fn mechanism_name(&self) -> String {
        self.mechanism().mechanism_type().to_string()
    }

    /// The value in the form that is wanted, if it is a signature by this key: a token is another's machine, and what does not
    /// verify shall fail here and not at the peer.
    pub(crate) fn accept(&self, value: Vec<u8>, public_key: &PublicKey, form: EcdsaForm) -> Option<Vec<u8>> {
        let key = UnparsedPublicKey::new(self.verification, public_key.key_bits());
        key.verify_digest(&self.digest, &value).ok()?;
        match (self.raw, form) {
            (Raw::Ecdsa, EcdsaForm::Der) => raw_to_der(&value),
            (Raw::Ecdsa, EcdsaForm::Raw) | (Raw::RsaPkcs | Raw::RsaPss(_), _) => Some(value),
        }
    }
}

/// DigestInfo (RFC 8017, 9.2): which digest, and its value.
fn digest_info(oid: ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    let algorithm = sequence(&[&der_out::oid(oid), &[0x05, 0x00]]);
    sequence(&[&algorithm, &der_out::element(der_out::OCTET_STRING, &[value])])
}
