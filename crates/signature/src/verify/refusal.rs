//! The verdicts on a signature, each with X-Road's code.

use crate::canonical;
use crate::hashchain;
use crate::reading::{Misshapen, XmlRefusal};
use crate::structure::{self, REFERENCES_MAX};

/// Why a signature proves nothing. The code is X-Road's, without the prefix `signature_verification.`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The document is not XML that we read: `invalid_xml`.
    #[error("the signature cannot be read: {0}")]
    Unreadable(#[from] XmlRefusal),
    /// The document is not a signature as we know it: `malformed_signature`.
    #[error("the signature is malformed: {0}")]
    Malformed(#[from] Misshapen),
    /// More references than anybody may make: `internal_error`.
    #[error("the signature makes more than {REFERENCES_MAX} references")]
    TooManyReferences,
    /// `SigningCertificateV2` on the way: `malformed_signature` (data-plane E.1.5).
    #[error(
        "the signature names its certificate in the form SigningCertificateV2, which is not accepted online"
    )]
    SigningCertificateV2,
    /// `ds:KeyInfo` holds no certificate: `malformed_signature`.
    #[error("the signature carries no signing certificate")]
    NoSigningCertificate,
    /// A certificate in the signature cannot be read: `malformed_signature`.
    #[error("a certificate in the signature cannot be read: {0}")]
    UnreadableCertificate(#[from] trust::UnreadableCertificate),
    /// The certificate in `ds:KeyInfo` is not the one that was signed with: `malformed_signature`.
    #[error("the signed properties name another certificate than the one that is carried")]
    OtherSigningCertificate,
    /// A named extra certificate is not carried: `malformed_signature`.
    #[error("the certificate {uri} is named but not carried")]
    ExtraCertificateMissing {
        /// What it is called.
        uri: String,
    },
    /// A carried extra certificate is not the named one: `malformed_signature`.
    #[error("the certificate {uri} has another digest than the one named")]
    ExtraCertificateDiffers {
        /// What it is called.
        uri: String,
    },
    /// No OCSP response is carried: `malformed_signature`.
    #[error("the signature carries no OCSP response")]
    NoOcspResponse,
    /// A carried OCSP response cannot be read: `invalid_cert_path.incorrect_validation_info`.
    #[error("an OCSP response in the signature cannot be read: {0}")]
    UnreadableOcsp(#[from] trust::UnreadableOcsp),
    /// The signed properties are not referenced exactly once: `malformed_signature`.
    #[error("the signature does not reference its signed properties once")]
    PropertiesNotCovered,
    /// The same thing is referenced twice: `malformed_signature`.
    #[error("the signature references {uri} twice")]
    ReferencedTwice {
        /// What is referenced.
        uri: String,
    },
    /// The received parts themselves are ambiguous: `internal_error`.
    #[error("two parts are called {name}")]
    PartTwice {
        /// The name.
        name: String,
    },
    /// Something is referenced that is neither a part nor the signed properties: `invalid_signature_value`.
    #[error("the signature references {uri}, which is not here")]
    UnknownReference {
        /// What is referenced.
        uri: String,
    },
    /// The reference uses transforms that would leave octets uncovered: `malformed_signature`.
    #[error("the reference to {uri} uses transforms that are not accepted there")]
    Transformed {
        /// What is referenced.
        uri: String,
    },
    /// Neither the message nor a hash chain is referenced: `malformed_signature`.
    #[error("the signature references neither the message nor a hash chain")]
    NothingCovered,
    /// Both are: `malformed_signature`.
    #[error("the signature references a hash chain and parts of the message")]
    CoveredTwice,
    /// A received part is not covered: `malformed_signature`.
    #[error("the signature does not cover {name}")]
    PartNotCovered {
        /// The part's name.
        name: String,
    },
    /// A hash chain came along that the signature does not reference: `malformed_signature`.
    #[error("a hash chain came along that the signature does not reference")]
    ChainNotReferenced,
    /// The result came without its chain: `malformed_signature.invalid_reference`.
    #[error("the hash chain result came without its hash chain")]
    ChainMissing,
    /// The chain came without its result: `internal_error`.
    #[error("the hash chain came without its result")]
    ResultMissing,
    /// The hash chain proves nothing: `malformed_signature.` and the chain's own code.
    #[error(transparent)]
    Chain(#[from] hashchain::Refusal),
    /// A part of the chain is hashed in a transformed form, so that not every octet is covered:
    /// `malformed_signature.invalid_hash_chain_ref`.
    #[error("the hash chain covers only a transformed form of {name}")]
    PartTransformed {
        /// The part's name.
        name: String,
    },
    /// A referenced digest differs: `invalid_signature_value`.
    #[error("the digest of {uri} differs from the one that was signed")]
    DigestDiffers {
        /// What is referenced.
        uri: String,
    },
    /// A reference wants a digest that was not made and cannot be made any more: `invalid_signature_value`.
    #[error("the reference to {uri} uses a digest algorithm that cannot be checked here")]
    DigestUnavailable {
        /// What is referenced.
        uri: String,
    },
    /// The signed text cannot be canonicalised: `malformed_signature`.
    #[error("the signed text cannot be brought into canonical form: {0}")]
    Canonical(#[from] canonical::Refusal),
    /// The value does not verify: `invalid_signature_value`.
    #[error("the signature value does not verify: {0}")]
    WrongValue(trust::SignatureMismatch),
    /// The signer is not who is claimed, or the certificate is not accepted: the code of the cause.
    #[error(transparent)]
    Signer(#[from] trust::SignerRefusal),
}

impl Refusal {
    /// X-Road's code, without the prefix `signature_verification.`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "invalid_xml",
            Self::TooManyReferences | Self::ResultMissing | Self::PartTwice { .. } => "internal_error",
            Self::Malformed(_)
            | Self::SigningCertificateV2
            | Self::NoSigningCertificate
            | Self::UnreadableCertificate(_)
            | Self::OtherSigningCertificate
            | Self::ExtraCertificateMissing { .. }
            | Self::ExtraCertificateDiffers { .. }
            | Self::NoOcspResponse
            | Self::PropertiesNotCovered
            | Self::ReferencedTwice { .. }
            | Self::Transformed { .. }
            | Self::NothingCovered
            | Self::CoveredTwice
            | Self::PartNotCovered { .. }
            | Self::ChainNotReferenced
            | Self::Canonical(_) => "malformed_signature",
            Self::UnreadableOcsp(_) => "invalid_cert_path.incorrect_validation_info",
            Self::ChainMissing => "malformed_signature.invalid_reference",
            Self::Chain(refusal) => match refusal {
                hashchain::Refusal::Xml(_) | hashchain::Refusal::Malformed(_) => {
                    "malformed_signature.malformed_hash_chain"
                }
                hashchain::Refusal::UnknownPart { .. } | hashchain::Refusal::PartDiffers { .. } => {
                    "malformed_signature.invalid_hash_chain_ref"
                }
                hashchain::Refusal::ResultDiffers => "malformed_signature.invalid_hash_chain",
                hashchain::Refusal::UnusedInputs { .. } => "malformed_signature.hashchain_unused_inputs",
            },
            Self::PartTransformed { .. } => "malformed_signature.invalid_hash_chain_ref",
            Self::UnknownReference { .. }
            | Self::DigestDiffers { .. }
            | Self::DigestUnavailable { .. }
            | Self::WrongValue(_) => "invalid_signature_value",
            Self::Signer(refusal) => refusal.code(),
        }
    }
}

impl From<structure::UnreadableSignature> for Refusal {
    fn from(refusal: structure::UnreadableSignature) -> Self {
        match refusal {
            structure::UnreadableSignature::Xml(why) => Self::Unreadable(why),
            structure::UnreadableSignature::Malformed(why) => Self::Malformed(why),
            structure::UnreadableSignature::TooManyReferences => Self::TooManyReferences,
        }
    }
}
