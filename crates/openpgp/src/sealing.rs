//! Sealing: a file is signed and encrypted as it passes.

use std::io::{ErrorKind, Read, Write};

use jiff::Timestamp;
use pgp::composed::{MessageBuilder, SubpacketConfig};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::errors::Error;
use pgp::packet::{Subpacket, SubpacketData};
use pgp::types::{Password, SigningKey};
use rand_core::OsRng;

use crate::certificate::{Part, seconds};
use crate::fault::SealFailure;
use crate::keys::{Recipient, Signer};

/// What passes is held by so much, three times: in the text, the signature and the encryption.
const CHUNK_BYTES: u32 = 64 << 10;

/// Signs what is read and encrypts it to every one of the recipients, each of whom can open it alone. Nothing is flushed.
///
/// The name and the time of the file are left empty in the message, since its signature does not cover them; the signature has its own time.
///
/// # Errors
/// A [`SealFailure`]; then what was written is good for nothing.
pub fn seal(
    from: impl Read,
    to: impl Write,
    signer: &Signer,
    recipients: &[Recipient],
    now: Timestamp,
) -> Result<(), SealFailure> {
    if recipients.is_empty() {
        return Err(SealFailure::NoRecipient);
    }
    let key = signer.key(now)?;
    let mut from = Source { inner: from, has_failed: false };
    let mut builder = MessageBuilder::from_reader("", &mut from);
    builder.partial_chunk_size(CHUNK_BYTES).map_err(failure)?;
    let mut builder = builder.seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
    for recipient in recipients {
        let added = match recipient.chosen(now)?.part {
            Part::Primary(key) => builder.encrypt_to_key(OsRng, key),
            Part::Sub(key) => builder.encrypt_to_key(OsRng, key),
        };
        added.map_err(failure)?;
    }
    let subpackets = stated(key, now).map_err(failure)?;
    builder.sign_with_subpackets(key, Password::empty(), HashAlgorithm::Sha512, subpackets);
    match builder.to_writer(OsRng, to).map_err(failure) {
        Err(SealFailure::Write(error)) if from.has_failed => Err(SealFailure::Read(error)),
        done => done,
    }
}

/// Remembers that it failed: the library gives errors of both sides back in one form.
struct Source<R> {
    inner: R,
    has_failed: bool,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(octets);
        self.has_failed |= read.as_ref().is_err_and(|error| error.kind() != ErrorKind::Interrupted);
        read
    }
}

/// What the signature says of itself, with the time that was handed in.
fn stated(key: &dyn SigningKey, now: Timestamp) -> Result<SubpacketConfig, Error> {
    let made = pgp::types::Timestamp::from_secs(seconds(now));
    Ok(SubpacketConfig::UserDefined {
        hashed: vec![
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
            Subpacket::regular(SubpacketData::SignatureCreationTime(made))?,
        ],
        unhashed: vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?],
    })
}

fn failure(error: Error) -> SealFailure {
    if let Error::IO { source, .. } = error {
        return SealFailure::Write(source);
    }
    SealFailure::Library(error.to_string())
}
