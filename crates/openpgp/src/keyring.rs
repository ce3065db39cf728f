//! The keys of one server: the one that signs, and those of everybody who reads.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use identifier::MemberId;
use jiff::Timestamp;

use crate::fault::{KeyFault, SealFailure};
use crate::keys::{Recipient, Signer};
use crate::sealing::seal;
use crate::settings::Settings;

/// Who signs, and who can open. What is a member's is for its own keys alone, where it has any, as with X-Road.
#[derive(Debug)]
pub struct Keyring {
    signer: Signer,
    recipients: Vec<Recipient>,
    members: BTreeMap<MemberId, Vec<Recipient>>,
}

impl Keyring {
    /// Reads all the keys.
    ///
    /// # Errors
    /// A [`KeyFault`], also where a key cannot be used now.
    pub fn read(settings: &Settings, now: Timestamp) -> Result<Self, KeyFault> {
        let read = |files: &[PathBuf]| -> Result<Vec<Recipient>, KeyFault> {
            files.iter().map(|path| Recipient::read(path, now)).collect()
        };
        let signer = Signer::read(&settings.signing_key_file, now)?;
        let mut recipients = read(&settings.recipient_key_files)?;
        if recipients.is_empty() {
            recipients.push(signer.recipient(now)?);
        }
        let members = settings.member.iter().map(|keys| Ok((keys.member.clone(), read(&keys.key_files)?)));
        Ok(Self { signer, recipients, members: members.collect::<Result<_, KeyFault>>()? })
    }

    /// Whether something can be sealed now: of this member, or of all together.
    ///
    /// # Errors
    /// Which key cannot be used, and why.
    pub fn check(&self, member: Option<&MemberId>, now: Timestamp) -> Result<(), KeyFault> {
        self.signer.check(now)?;
        self.recipients(member).iter().try_for_each(|recipient| recipient.check(now).map(drop))
    }

    /// As [`seal`], for whoever may read what is this member's, or what is of all together.
    ///
    /// # Errors
    /// As [`seal`].
    pub fn seal(
        &self,
        from: impl Read,
        to: impl Write,
        member: Option<&MemberId>,
        now: Timestamp,
    ) -> Result<(), SealFailure> {
        seal(from, to, &self.signer, self.recipients(member), now)
    }

    /// The fingerprint of the key that signs.
    #[must_use]
    pub fn signs(&self) -> String {
        self.signer.fingerprint()
    }

    /// Which of the keys ends first, and when; nothing when none does.
    #[must_use]
    pub fn first_end(&self, now: Timestamp) -> Option<(Timestamp, &Path)> {
        let recipients = self.recipients.iter().chain(self.members.values().flatten());
        let recipients = recipients.map(|key| (key.check(now), key.path()));
        let ends = [(self.signer.check(now), self.signer.path())].into_iter().chain(recipients);
        ends.filter_map(|(until, path)| Some((until.ok()??, path))).min()
    }

    fn recipients(&self, member: Option<&MemberId>) -> &[Recipient] {
        member.and_then(|member| self.members.get(member)).unwrap_or(&self.recipients)
    }
}
