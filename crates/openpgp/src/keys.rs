//! Keys from files: those that are encrypted to, and the one that signs.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pgp::composed::{SignedPublicKey, SignedPublicKeyParser, SignedSecretKey, SignedSecretKeyParser};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::Packet;
use pgp::types::{KeyDetails as _, Password, SecretParams, SigningKey, VerifyingKey as _};
use zeroize::Zeroizing;

use crate::certificate::{Certificate, Chosen, Part, shown};
use crate::fault::{KeyFault, Purpose, Unfit};
use crate::packets::{FILE_BYTES_MAX, Found, packets};

/// A public key to which files are encrypted.
#[derive(Clone)]
pub struct Recipient {
    path: PathBuf,
    certificate: Certificate,
}

/// A secret key that signs files.
pub struct Signer {
    path: PathBuf,
    certificate: Certificate,
    secret: SignedSecretKey,
}

impl Recipient {
    /// Reads a public key from its file.
    ///
    /// # Errors
    /// A [`KeyFault`], also where the key cannot be used now.
    pub fn read(path: &Path, now: Timestamp) -> Result<Self, KeyFault> {
        let octets = octets(path, false)?;
        Self::parse(&octets, path, now).map_err(|why| KeyFault::Unfit { path: path.to_owned(), why })
    }

    /// As [`Recipient::read`], from what stands in the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(octets: &[u8], path: &Path, now: Timestamp) -> Result<Self, Unfit> {
        let is_secret = |why: &Unfit| matches!(why, Unfit::SecretRsa | Unfit::SecretVersion { .. });
        let secret = |why| if is_secret(&why) { Unfit::Secret } else { why };
        let Found { packets, is_revoked } = packets(octets).map_err(secret)?;
        if packets.iter().any(|packet| matches!(packet, Packet::SecretKey(_) | Packet::SecretSubkey(_))) {
            return Err(Unfit::Secret);
        }
        let mut parser = SignedPublicKeyParser::from_packets(packets.into_iter().map(Ok).peekable());
        let key: SignedPublicKey = parser.next().ok_or(Unfit::NoKey)?.map_err(|_| Unfit::Damaged)?;
        let found = Self { path: path.to_owned(), certificate: Certificate { key, is_revoked } };
        found.certificate.choose(Purpose::Encrypting, now)?;
        Ok(found)
    }

    /// Whether it can be encrypted to now, and until when that will be so.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: Timestamp) -> Result<Option<Timestamp>, KeyFault> {
        Ok(self.chosen(now)?.until())
    }

    /// The fingerprint of the key, as `gpg` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.certificate.name()
    }

    /// The file that it came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn chosen(&self, now: Timestamp) -> Result<Chosen<'_>, KeyFault> {
        let chosen = self.certificate.choose(Purpose::Encrypting, now);
        chosen.map_err(|why| KeyFault::Unfit { path: self.path.clone(), why })
    }
}

impl Signer {
    /// Reads a secret key from its file, which nobody else may read. It has no passphrase.
    ///
    /// # Errors
    /// A [`KeyFault`], also where the key cannot be used now.
    pub fn read(path: &Path, now: Timestamp) -> Result<Self, KeyFault> {
        let octets = octets(path, true)?;
        Self::parse(&octets, path, now).map_err(|why| KeyFault::Unfit { path: path.to_owned(), why })
    }

    /// As [`Signer::read`], from what stands in the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(octets: &[u8], path: &Path, now: Timestamp) -> Result<Self, Unfit> {
        let Found { packets, is_revoked } = packets(octets)?;
        if !matches!(packets.first(), Some(Packet::SecretKey(_))) {
            return Err(Unfit::Public);
        }
        let mut parser = SignedSecretKeyParser::from_packets(packets.into_iter().map(Ok).peekable());
        let secret = parser.next().ok_or(Unfit::NoKey)?.map_err(|_| Unfit::Damaged)?;
        let certificate = Certificate { key: secret.to_public_key(), is_revoked };
        let found = Self { path: path.to_owned(), certificate, secret };
        found.prove(now)?;
        Ok(found)
    }

    /// Whether it can sign now, and until when that will be so.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: Timestamp) -> Result<Option<Timestamp>, KeyFault> {
        let chosen = self.chosen(now).map_err(|why| self.unfit(why))?;
        Ok(chosen.0.until())
    }

    /// The fingerprint of the key, as `gpg` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.certificate.name()
    }

    /// The file that it came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key as one to encrypt to.
    ///
    /// # Errors
    /// It is not made for that.
    pub fn recipient(&self, now: Timestamp) -> Result<Recipient, KeyFault> {
        let (path, certificate) = (self.path.clone(), self.certificate.clone());
        match certificate.choose(Purpose::Encrypting, now) {
            Ok(_) => Ok(Recipient { path, certificate }),
            Err(why) => Err(KeyFault::NoRecipient { path, why }),
        }
    }

    /// What signs now.
    pub(crate) fn key(&self, now: Timestamp) -> Result<&dyn SigningKey, KeyFault> {
        Ok(self.chosen(now).map_err(|why| self.unfit(why))?.1)
    }

    /// That the secret part fits the public one: else nobody could verify what it signs.
    fn prove(&self, now: Timestamp) -> Result<(), Unfit> {
        const HASH: HashAlgorithm = HashAlgorithm::Sha512;
        let digest = [7; 64];
        let (chosen, key) = self.chosen(now)?;
        let signature = key.sign(&Password::empty(), HASH, &digest).map_err(|_| Unfit::Damaged)?;
        let verified = match chosen.part {
            Part::Primary(public) => public.verify(HASH, &digest, &signature),
            Part::Sub(public) => public.verify(HASH, &digest, &signature),
        };
        verified.map_err(|_| Unfit::Damaged)
    }

    fn unfit(&self, why: Unfit) -> KeyFault {
        KeyFault::Unfit { path: self.path.clone(), why }
    }

    fn chosen(&self, now: Timestamp) -> Result<(Chosen<'_>, &dyn SigningKey), Unfit> {
        let chosen = self.certificate.choose(Purpose::Signing, now)?;
        let wanted = chosen.part.fingerprint();
        let locked = || Unfit::Locked { key: shown(&wanted) };
        let primary = &self.secret.primary_key;
        let (key, params): (&dyn SigningKey, &SecretParams) = if primary.fingerprint() == wanted {
            (primary, primary.secret_params())
        } else {
            let subkeys = &self.secret.secret_subkeys;
            let found =
                subkeys.iter().find(|subkey| subkey.key.fingerprint() == wanted).ok_or_else(locked)?;
            (&found.key, found.key.secret_params())
        };
        if params.is_encrypted() { Err(locked()) } else { Ok((chosen, key)) }
    }
}

fn octets(path: &Path, is_secret: bool) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let unreadable =
        |error: std::io::Error| KeyFault::File { path: path.to_owned(), reason: error.to_string() };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if is_secret && mode & 0o077 != 0 {
        return Err(KeyFault::Mode { path: path.to_owned(), mode });
    }
    // At once as long as it may become: what grows leaves copies behind.
    let room = usize::try_from(FILE_BYTES_MAX).unwrap_or_default().saturating_add(1);
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut octets).map_err(unreadable)?;
    Ok(octets)
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.fingerprint())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.fingerprint())
    }
}
