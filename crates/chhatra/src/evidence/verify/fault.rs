//! Why a container is refused, in three words for programs and two sentences for people: where the fault lies, and what to do.

use signature::container::ReadRefusal;
use signature::evidence::Refusal;
use signature::verify;
use trust::{PathRefusal, SignerRefusal, TimestampRefusal};

/// Where the fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file is not what a gateway wrote.
    File,
    /// The message given beside the file is not the file's.
    Message,
    /// It has no time-stamp yet.
    Early,
    /// Whoever signed did so in a way that proves nothing.
    Sender,
    /// The certificate was not shown to be good.
    Certificate,
    /// The global configuration given does not know whom the container relies on.
    Configuration,
}

impl Fault {
    /// The stable name in JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Message => "message",
            Self::Early => "no_time_stamp_yet",
            Self::Sender => "sender",
            Self::Certificate => "certificate",
            Self::Configuration => "configuration",
        }
    }

    pub(super) const fn lies(self) -> &'static str {
        match self {
            Self::File => "with the file; it was changed, cut or put together after the gateway wrote it",
            Self::Message => "with the message given beside the file",
            Self::Early => "with the time; nobody has stamped this record yet",
            Self::Sender => "with whoever signed; this was never good evidence",
            Self::Certificate => "with the signer's certificate, which is not shown to have been good then",
            Self::Configuration => {
                "with the configuration given here, or with an authority that was never approved"
            }
        }
    }

    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::File => {
                "take the container from the log or the archive again, on either side of the exchange"
            }
            Self::Message => {
                "give the whole message of this exchange, octet for octet as another party kept it"
            }
            Self::Early => "export it again after the gateway's next round of time-stamps",
            Self::Sender => "do not rely on it; ask the sender for the exchange's record on its side",
            Self::Certificate => {
                "do not rely on it; the authority that issued the certificate can say what its status was"
            }
            Self::Configuration => {
                "give with --globalconf the configuration of the exchange, of the time of the message"
            }
        }
    }
}

/// A container that cannot even be read.
pub(super) const fn of_file(refusal: &ReadRefusal) -> Fault {
    match refusal {
        ReadRefusal::NotZip(_)
        | ReadRefusal::Altered(_)
        | ReadRefusal::TooManyEntries { .. }
        | ReadRefusal::TooLarge { .. }
        | ReadRefusal::Duplicate { .. }
        | ReadRefusal::NoMimetype
        | ReadRefusal::OtherMimetype
        | ReadRefusal::NoMessage
        | ReadRefusal::NoSignature
        | ReadRefusal::NoChainResult { .. }
        | ReadRefusal::NoChain { .. }
        | ReadRefusal::NoTimeStamp => Fault::File,
    }
}

/// A container that proves nothing.
pub(super) const fn of(refusal: &Refusal) -> Fault {
    match refusal {
        Refusal::Signature(refusal) => of_signature(refusal),
        Refusal::NoTimeStamp => Fault::Early,
        Refusal::TimeStamp(TimestampRefusal::UnknownAuthority) | Refusal::UnknownInstance { .. } => {
            Fault::Configuration
        }
        Refusal::TimeStamp(_)
        | Refusal::TimeStampChain(_)
        | Refusal::Uncovered { .. }
        | Refusal::Unsealed { .. } => Fault::File,
        Refusal::Sender(_) => Fault::Sender,
    }
}

const fn of_signature(refusal: &verify::Refusal) -> Fault {
    match refusal {
        verify::Refusal::Signer(signer) => of_signer(signer),
        verify::Refusal::NoOcspResponse => Fault::Certificate,
        verify::Refusal::TooManyReferences
        | verify::Refusal::SigningCertificateV2
        | verify::Refusal::NoSigningCertificate
        | verify::Refusal::PropertiesNotCovered
        | verify::Refusal::Transformed { .. }
        | verify::Refusal::NothingCovered
        | verify::Refusal::CoveredTwice
        | verify::Refusal::DigestUnavailable { .. } => Fault::Sender,
        // A good signature never has these: somebody was at the file.
        verify::Refusal::Unreadable(_)
        | verify::Refusal::Malformed(_)
        | verify::Refusal::UnreadableCertificate(_)
        | verify::Refusal::OtherSigningCertificate
        | verify::Refusal::ExtraCertificateMissing { .. }
        | verify::Refusal::ExtraCertificateDiffers { .. }
        | verify::Refusal::UnreadableOcsp(_)
        | verify::Refusal::ReferencedTwice { .. }
        | verify::Refusal::PartTwice { .. }
        | verify::Refusal::UnknownReference { .. }
        | verify::Refusal::PartNotCovered { .. }
        | verify::Refusal::ChainNotReferenced
        | verify::Refusal::ChainMissing
        | verify::Refusal::ResultMissing
        | verify::Refusal::Chain(_)
        | verify::Refusal::PartTransformed { .. }
        | verify::Refusal::DigestDiffers { .. }
        | verify::Refusal::Canonical(_)
        | verify::Refusal::WrongValue(_) => Fault::File,
    }
}

const fn of_signer(refusal: &SignerRefusal) -> Fault {
    match refusal {
        SignerRefusal::UnknownIssuer { .. }
        | SignerRefusal::OtherInstance { .. }
        | SignerRefusal::Path(PathRefusal::NoIssuer { .. }) => Fault::Configuration,
        SignerRefusal::Path(_) | SignerRefusal::Status(_) => Fault::Certificate,
        SignerRefusal::NoKeyUsage { .. }
        | SignerRefusal::MayNotSign { .. }
        | SignerRefusal::Subject(_)
        | SignerRefusal::OtherMember { .. } => Fault::Sender,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_can_rely_on_the_names_and_people_are_told_what_to_do() {
        let all = [Fault::File, Fault::Early, Fault::Sender, Fault::Certificate, Fault::Configuration];
        let names = ["file", "no_time_stamp_yet", "sender", "certificate", "configuration"];
        assert_eq!(all.map(Fault::name), names);
        assert_eq!(of(&Refusal::NoTimeStamp), Fault::Early);
        assert_eq!(of(&TimestampRefusal::UnknownAuthority.into()), Fault::Configuration);
        assert_eq!(of(&TimestampRefusal::OtherImprint.into()), Fault::File);
        assert_eq!(of(&verify::Refusal::NoOcspResponse.into()), Fault::Certificate);
    }
}
