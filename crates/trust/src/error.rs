//! Every refusal of this room: a verdict with its evidence.

use jiff::Timestamp;

use crate::algorithm::SignatureAlgorithm;
pub use crate::asn1::Malformed;

/// A signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureMismatch {
    /// The value is not a signature over these bytes by this key.
    #[error("the signature value does not fit the signed bytes and the key")]
    Value,
    /// The algorithm rests on a digest that is no longer enough.
    #[error("{0} is not accepted here")]
    LegacyAlgorithm(SignatureAlgorithm),
    /// The algorithm cannot be used with this kind or size of key.
    #[error("{algorithm} cannot be used with this key")]
    WrongKey {
        /// The algorithm that was asked for.
        algorithm: SignatureAlgorithm,
    },
    /// The algorithm has no name that we know.
    #[error("the signature algorithm is unknown")]
    UnknownAlgorithm,
}

/// Bytes that should be a certificate are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableCertificate {
    /// More bytes than we read.
    #[error("a certificate of {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// The size given.
        bytes: usize,
        /// The size allowed.
        bytes_max: usize,
    },
    /// PEM text that is broken, empty, or holds too many certificates.
    #[error("the PEM text holds no certificate that can be read")]
    Pem,
    /// The DER is something else.
    #[error("not a certificate: {0}")]
    Structure(#[from] Malformed),
}

/// A certificate's subject does not name a member (data-plane 5.7). X-Road's code: `incorrect_certificate`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectRefusal {
    /// The profile needs this attribute.
    #[error("the subject {subject} has no {attribute}")]
    Missing {
        /// The certificate's subject.
        subject: String,
        /// The attribute that is missing.
        attribute: &'static str,
    },
    /// The country is fixed by the profile.
    #[error("the subject {subject} names country {found}; the profile requires {required}")]
    Country {
        /// The certificate's subject.
        subject: String,
        /// The country that the profile requires.
        required: &'static str,
        /// The country found.
        found: String,
    },
    /// The serial number attribute is not in the profile's form.
    #[error("the serial number {serial_number} in the subject is not in the form that the profile requires")]
    SerialNumber {
        /// The value found.
        serial_number: String,
    },
    /// The global configuration names a profile that we do not know.
    #[error("the certificate profile {class_name} is unknown")]
    UnknownProfile {
        /// The Java class in the global configuration.
        class_name: String,
    },
    /// The parts do not make an identifier.
    #[error("the subject {subject} does not give a member identifier")]
    Identifier {
        /// The certificate's subject.
        subject: String,
    },
}

/// No valid path leads from a certificate to an approved CA (data-plane 4.2, 5.6 step 8).
/// X-Road's code: `cannot_create_cert_path`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    /// No approved CA and no certificate at hand has the issuer's name.
    #[error(
        "{subject} is issued by {issuer}, which is neither an approved CA nor among the certificates given"
    )]
    NoIssuer {
        /// The certificate whose issuer is missing.
        subject: String,
        /// The name that was looked for.
        issuer: String,
    },
    /// A certificate with the issuer's name is there, but its key did not sign.
    #[error("{subject} is not signed by {issuer}: {cause}")]
    WrongSignature {
        /// The certificate that does not verify.
        subject: String,
        /// The issuer by name.
        issuer: String,
        /// What is wrong with the signature.
        cause: SignatureMismatch,
    },
    /// A certificate of the path begins later.
    #[error("{subject} is valid from {not_before}; the time in question is {at}")]
    NotYetValid {
        /// The certificate.
        subject: String,
        /// Its first instant.
        not_before: Timestamp,
        /// The instant asked for.
        at: Timestamp,
    },
    /// A certificate of the path has ended.
    #[error("{subject} was valid until {not_after}; the time in question is {at}")]
    Expired {
        /// The certificate.
        subject: String,
        /// Its last instant.
        not_after: Timestamp,
        /// The instant asked for.
        at: Timestamp,
    },
    /// An issuer that basicConstraints does not call a CA.
    #[error("{subject} issued a certificate but is no CA")]
    NotACa {
        /// The issuer.
        subject: String,
    },
    /// An issuer whose keyUsage lacks keyCertSign.
    #[error("{subject} issued a certificate but its key may not sign certificates")]
    MayNotSignCertificates {
        /// The issuer.
        subject: String,
    },
    /// More CAs below an issuer than its basicConstraints allow.
    #[error("{subject} allows {allowed} CAs below itself; there are {found}")]
    PathTooLong {
        /// The issuer.
        subject: String,
        /// pathLenConstraint.
        allowed: u64,
        /// How many there are.
        found: u64,
    },
    /// An extension that we do not process and may not ignore: a critical one, or name constraints.
    #[error("{subject} has the extension {oid}, which may not be ignored and is not processed here")]
    UnprocessedExtension {
        /// The certificate.
        subject: String,
        /// The extension.
        oid: String,
    },
    /// Too many certificates were given, or too many signatures had to be tried.
    #[error("more certificates than the {certificates_max} that are considered")]
    TooMany {
        /// The bound.
        certificates_max: usize,
    },
}

impl PathRefusal {
    /// X-Road's error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "cannot_create_cert_path"
    }
}

/// Bytes that should be an OCSP response are none, or the responder refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableOcsp {
    /// More bytes than we read.
    #[error("an OCSP response of {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// The size given.
        bytes: usize,
        /// The size allowed.
        bytes_max: usize,
    },
    /// The responder answers with an error: 1 malformedRequest, 2 internalError, 3 tryLater, 5 sigRequired,
    /// 6 unauthorized.
    #[error("the OCSP responder answered with status {status}")]
    NotSuccessful {
        /// OCSPResponseStatus.
        status: u64,
    },
    /// The DER is something else.
    #[error("not an OCSP response: {0}")]
    Structure(#[from] Malformed),
}

/// The status of a certificate is not shown to be good (data-plane 6.3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspRefusal {
    /// No response at hand is about this certificate.
    #[error("there is no OCSP response for {subject}, serial {serial}")]
    Missing {
        /// The certificate.
        subject: String,
        /// Its serial number.
        serial: String,
    },
    /// The response is about another certificate.
    #[error("the OCSP response is not about {subject}, serial {serial}")]
    OtherCertificate {
        /// The certificate asked about.
        subject: String,
        /// Its serial number.
        serial: String,
    },
    /// No certificate at hand belongs to the responder's name or key.
    #[error("the OCSP response for {subject} comes from a responder that is not known here")]
    UnknownResponder {
        /// The certificate asked about.
        subject: String,
    },
    /// The responder's signature does not hold.
    #[error("the OCSP response for {subject} is not signed by {responder}: {cause}")]
    WrongSignature {
        /// The certificate asked about.
        subject: String,
        /// The responder.
        responder: String,
        /// What is wrong with the signature.
        cause: SignatureMismatch,
    },
    /// The responder may not speak for this issuer.
    #[error(
        "{responder} may not give the status of {subject}: it is not listed for the issuer, is not the issuer, and has no valid delegation from it"
    )]
    NotAuthorised {
        /// The certificate asked about.
        subject: String,
        /// The responder.
        responder: String,
    },
    /// Older than the freshness that the global configuration requires.
    #[error(
        "the OCSP response for {subject} is of {this_update}; at {at} it may be {freshness_seconds} s old"
    )]
    Stale {
        /// The certificate asked about.
        subject: String,
        /// thisUpdate of the response.
        this_update: Timestamp,
        /// The instant asked for.
        at: Timestamp,
        /// The age allowed.
        freshness_seconds: u64,
    },
    /// A newer response should exist already.
    #[error("the OCSP response for {subject} was to be renewed at {next_update}; it is {at}")]
    NextUpdatePast {
        /// The certificate asked about.
        subject: String,
        /// nextUpdate of the response.
        next_update: Timestamp,
        /// The instant asked for.
        at: Timestamp,
    },
    /// It speaks about a time that has not come. The original accepts this; we do not.
    #[error("the OCSP response for {subject} is of {this_update}, which is after {at}")]
    FromTheFuture {
        /// The certificate asked about.
        subject: String,
        /// thisUpdate of the response.
        this_update: Timestamp,
        /// The instant asked for.
        at: Timestamp,
    },
    /// The certificate is revoked.
    #[error("{subject}, serial {serial}, is revoked since {revoked_at}")]
    Revoked {
        /// The certificate.
        subject: String,
        /// Its serial number.
        serial: String,
        /// Since when.
        revoked_at: Timestamp,
    },
    /// The responder does not know the certificate.
    #[error("{subject}, serial {serial}, is unknown to its issuer")]
    UnknownCertificate {
        /// The certificate.
        subject: String,
        /// Its serial number.
        serial: String,
    },
}

impl OcspRefusal {
    /// X-Road's error code: `cert_validation` or `incorrect_validation_info` (data-plane 6.3, E.2).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } | Self::Revoked { .. } | Self::UnknownCertificate { .. } => {
                "cert_validation"
            }
            Self::OtherCertificate { .. }
            | Self::UnknownResponder { .. }
            | Self::WrongSignature { .. }
            | Self::NotAuthorised { .. }
            | Self::Stale { .. }
            | Self::NextUpdatePast { .. }
            | Self::FromTheFuture { .. } => "incorrect_validation_info",
        }
    }
}

/// A signing certificate is not accepted for the member that it is to speak for (data-plane 5.6 steps 4, 5, 8).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerRefusal {
    /// There is no keyUsage extension. X-Road's code: `internal_error`.
    #[error("the signing certificate {subject} has no keyUsage")]
    NoKeyUsage {
        /// The certificate.
        subject: String,
    },
    /// keyUsage lacks nonRepudiation. X-Road's code: `malformed_signature`.
    #[error("the key of {subject} may not sign for others to rely on")]
    MayNotSign {
        /// The certificate.
        subject: String,
    },
    /// No approved CA has the issuer's name, so that no profile tells whom the certificate is about; or one has the name,
    /// but another with the same name signed.
    #[error("{subject} is issued by {issuer}, which is no approved CA")]
    UnknownIssuer {
        /// The certificate.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// The subject does not name a member. X-Road's code: `incorrect_certificate`.
    #[error("the signing certificate names no member: {0}")]
    Subject(#[from] SubjectRefusal),
    /// It is somebody else's certificate. X-Road's code: `incorrect_certificate`.
    #[error("the signing certificate belongs to {named}; the message claims to be from {claimed}")]
    OtherMember {
        /// The member that the certificate names, in short form.
        named: String,
        /// The client or service that the message names, in short form.
        claimed: String,
    },
    /// The authorities that were asked are those of another instance than the sender's.
    #[error("the authorities of {instance} do not decide about {claimed}")]
    OtherInstance {
        /// Whose authorities they are.
        instance: String,
        /// The client or service that the message names, in short form.
        claimed: String,
    },
    /// No valid path.
    #[error("the signing certificate is not trusted: {0}")]
    Path(#[from] PathRefusal),
    /// Not shown to be good.
    #[error("the status of the signing certificate is not good: {0}")]
    Status(#[from] OcspRefusal),
}

impl SignerRefusal {
    /// X-Road's error code, below `signature_verification.`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKeyUsage { .. } | Self::UnknownIssuer { .. } => "internal_error",
            Self::MayNotSign { .. } => "malformed_signature",
            Self::Subject(_) | Self::OtherMember { .. } | Self::OtherInstance { .. } => {
                "incorrect_certificate"
            }
            Self::Path(refusal) => refusal.code(),
            Self::Status(refusal) => match refusal.code() {
                "cert_validation" => "invalid_cert_path.cert_validation",
                _ => "invalid_cert_path.incorrect_validation_info",
            },
        }
    }
}

/// A peer's TLS certificate is not accepted (data-plane 4.2 steps 1–4, 4.3). X-Road's code:
/// `ssl_authentication_failed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerRefusal {
    /// The peer presented no certificate.
    #[error("the peer presented no certificate")]
    NoCertificate,
    /// The certificate is not one for authentication.
    #[error("{subject} is not a certificate for authentication")]
    NotForAuthentication {
        /// The certificate.
        subject: String,
    },
    /// Not one OCSP response came with it.
    #[error("no OCSP response for the peer's certificate was received")]
    NoStatus,
    /// No valid path.
    #[error("the peer's certificate is not trusted: {0}")]
    Path(#[from] PathRefusal),
    /// Not shown to be good.
    #[error("the status of the peer's certificate is not good: {0}")]
    Status(#[from] OcspRefusal),
}

impl PeerRefusal {
    /// X-Road's error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "ssl_authentication_failed"
    }
}

/// A time-stamp token or a time-stamp authority's answer is not accepted (data-plane 7.4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampRefusal {
    /// More bytes than we read.
    #[error("a time-stamp of {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// The size given.
        bytes: usize,
        /// The size allowed.
        bytes_max: usize,
    },
    /// The DER is something else.
    #[error("not a time-stamp: {0}")]
    Structure(#[from] Malformed),
    /// The authority answers with an error.
    #[error("the time-stamp authority answered with status {status}: {text}")]
    NotGranted {
        /// PKIStatus: 2 rejection, 3 waiting, 4 and 5 revocation notices.
        status: u64,
        /// What it says, as far as it is text.
        text: String,
    },
    /// Granted, but without a token.
    #[error("the time-stamp authority granted the request but sent no token")]
    NoToken,
    /// The stamp is over other data.
    #[error("the time-stamp is over another digest than that of the data")]
    OtherImprint,
    /// The answer carries a nonce although none was sent.
    #[error("the time-stamp answers another request: it has a nonce, and none was sent")]
    UnexpectedNonce,
    /// No listed authority's certificate belongs to the signer. X-Road's code: `mlog.tsp_certificate_not_found`.
    #[error("the time-stamp is signed by an authority that is not listed")]
    UnknownAuthority,
    /// The signed attributes do not name the authority's certificate.
    #[error("the time-stamp does not name the certificate of {authority} as its signer's")]
    OtherCertificate {
        /// The authority.
        authority: String,
    },
    /// The signed digest is not that of the token's content.
    #[error("the signed digest in the time-stamp is not that of its content")]
    OtherContent,
    /// The authority's signature does not hold.
    #[error("the time-stamp is not signed by {authority}: {cause}")]
    WrongSignature {
        /// The authority.
        authority: String,
        /// What is wrong with the signature.
        cause: SignatureMismatch,
    },
}
