//! Verifying a container years later, with nothing but the global configuration of its time (data-plane 7.8).
//!
//! Stricter than `asicverifier`: everything in the container must be covered. What no signature and no time-stamp
//! reaches (the manifests, the hash chains' own text, the frame around a signature with a single time-stamp) must
//! follow from what is covered, so that a single changed octet anywhere is noticed.

mod refusal;
mod sealed;
mod second;
mod sender;
mod stamp;

pub use refusal::Refusal;
pub use second::SecondStamp;
pub use stamp::StampKind;

use identifier::{ClientId, MemberId, ServiceId};
use jiff::Timestamp;
use trust::authorities::Authorities;
use trust::certificate::Certificate;

use crate::container::{AsicContainer, Direction};
use crate::timestamp::ALGORITHM;
use crate::verify::{self, CoveredPart, Kind, ReceivedPart, Setting};
use crate::xades::MESSAGE;

/// What a container proves. Only [`verify()`] makes one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// Whom the message names as its sender.
    pub sender: ClientId,
    /// Whether it is a request or a response.
    pub direction: Direction,
    /// The service that was asked for, or that answers, as far as the message can be read for it.
    pub service: Option<ServiceId>,
    /// The member that the signing certificate speaks for.
    pub member: MemberId,
    /// The signing certificate.
    pub signer: Certificate,
    /// The approved CA at the end of the signing certificate's path.
    pub anchor: Certificate,
    /// The revocation statements that were relied on, one for each certificate of the path.
    pub statuses: Vec<Status>,
    /// When the signer says it signed; nobody vouches for that.
    pub signing_time: Option<String>,
    /// When the signature demonstrably existed.
    pub time: Timestamp,
    /// The time-stamping authority.
    pub time_stamper: Certificate,
    /// Whether the time-stamp is the signature's own or a batch's.
    pub stamp: StampKind,
    /// How the parts are covered.
    pub kind: Kind,
    /// The parts; those that are not held are covered, but their octets are not in the container.
    pub parts: Vec<CoveredPart>,
    /// How many certificates travel inside the time-stamp token without anything here vouching for them.
    pub unvouched_certificates: usize,
    /// The time-stamp that general validators read, where the container has one.
    pub second_stamp: Option<SecondStamp>,
    /// Certificates that a validator needs who has no global configuration: up to the root, the responders', the time-stamper's issuers.
    pub chain: Vec<Certificate>,
}

/// One OCSP response that was relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The certificate's subject.
    pub subject: String,
    /// The responder.
    pub responder: String,
    /// When the response was made.
    pub produced_at: Timestamp,
}

/// Verifies a container: its time-stamp, its signature at the time of the time-stamp, that everything in it is covered.
///
/// `authorities` gives the authorities of an instance, `time_stampers` are those of all instances.
///
/// # Errors
/// A [`Refusal`], whose [`Refusal::code`] is X-Road's where X-Road has one.
pub fn verify<'a>(
    container: &AsicContainer,
    authorities: impl Fn(&str) -> Option<&'a Authorities>,
    time_stampers: &[Certificate],
) -> Result<Report, Refusal> {
    stamp::check_references(container)?;
    let stamp = stamp::verify(container, time_stampers)?;
    let sender::Named { direction, sender, service } = sender::read(&container.message)?;
    let trusted = authorities(sender.instance())
        .ok_or_else(|| Refusal::UnknownInstance { instance: sender.instance().to_owned() })?;
    let names: Vec<(String, &[u8], Vec<u8>)> = std::iter::once((MESSAGE.to_owned(), &container.message))
        .chain(container.attachments.iter().map(|(number, octets)| (format!("/attachment{number}"), octets)))
        .map(|(name, octets)| (name, octets.as_slice(), ALGORITHM.digest(octets)))
        .collect();
    let parts: Vec<ReceivedPart<'_>> = names
        .iter()
        .map(|(name, octets, digest)| ReceivedPart {
            name,
            algorithm: ALGORITHM,
            digest,
            bytes: Some(octets),
        })
        .collect();
    let verified =
        verify::check(&container.signed, &parts, &sender, trusted, stamp.time, Setting::Container, None)?;
    let unvouched = sealed::check(container, &verified, &stamp, trusted)?;
    let (second_stamp, more) = second::check(container, trusted, time_stampers)?.unzip();
    let statuses = verified.signer().statuses();
    Ok(Report {
        direction,
        service,
        chain: second::chain(&verified, &stamp.authority, trusted),
        second_stamp,
        signing_time: verified.signing_time().map(str::to_owned),
        member: verified.signer().member().clone(),
        signer: verified.signer().certificate().clone(),
        anchor: statuses.path().anchor().clone(),
        statuses: statuses
            .path()
            .certificates()
            .iter()
            .zip(statuses.responses())
            .map(|(certificate, response)| Status {
                subject: certificate.subject_rfc2253(),
                responder: response.responder(),
                produced_at: response.produced_at(),
            })
            .collect(),
        time: stamp.time,
        time_stamper: stamp.authority,
        stamp: stamp.kind,
        kind: verified.kind(),
        parts: verified.parts().to_vec(),
        unvouched_certificates: unvouched.saturating_add(more.unwrap_or_default()),
        sender,
    })
}
