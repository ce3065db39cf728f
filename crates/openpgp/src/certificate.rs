//! What a key says of itself: which of its parts are for what, and how long.
//!
//! Only signatures of the key's own count, and of those only what is signed in them. The newest one that is valid holds.

use std::cmp::Reverse;

use jiff::Timestamp;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{
    EcdhPublicParams, EcdsaPublicParams, EddsaLegacyPublicParams, Fingerprint, KeyDetails, KeyVersion,
    PublicParams, Tag,
};

use crate::fault::{Purpose, Unfit};

const RSA_BITS_MIN: u16 = 2048;

/// A key with its parts.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) key: SignedPublicKey,
    /// Something in its file would revoke it.
    pub(crate) is_revoked: bool,
}

/// The part that was chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'c> {
    Primary(&'c PublicKey),
    Sub(&'c PublicSubkey),
}

impl Part<'_> {
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Primary(key) => key.fingerprint(),
            Self::Sub(key) => key.fingerprint(),
        }
    }
}

/// A part that can be used, and until when (in seconds since 1970).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen<'c> {
    pub(crate) part: Part<'c>,
    until: Option<u32>,
}

impl Chosen<'_> {
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until.map(moment)
    }
}

/// As it is shown everywhere.
pub(crate) fn shown(fingerprint: &Fingerprint) -> String {
    format!("{fingerprint:X}")
}

/// In OpenPGP's seconds: outside of what they hold, at its end.
pub(crate) fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second()).unwrap_or(if at < Timestamp::UNIX_EPOCH { 0 } else { u32::MAX })
}

fn moment(seconds: u32) -> Timestamp {
    Timestamp::from_second(i64::from(seconds)).unwrap_or(Timestamp::MAX)
}

impl Certificate {
    pub(crate) fn name(&self) -> String {
        shown(&self.key.primary_key.fingerprint())
    }

    /// The newest part that is made for this and valid now: a subkey, or the key itself where there is none.
    pub(crate) fn choose(&self, purpose: Purpose, now: Timestamp) -> Result<Chosen<'_>, Unfit> {
        let now = seconds(now);
        let (flags, until) = self.primary(now)?;
        let mut why = Unfit::NothingFor { key: self.name(), purpose };
        let mut chosen: Option<(u32, Chosen<'_>)> = None;
        for subkey in &self.key.public_subkeys {
            let made = subkey.key.created_at().as_secs();
            match self.subkey(subkey, purpose, now) {
                Ok(Some(ends)) if chosen.is_none_or(|(newest, _)| made >= newest) => {
                    let until = earlier(until, ends);
                    chosen = Some((made, Chosen { part: Part::Sub(&subkey.key), until }));
                }
                Ok(_) => {}
                Err(unfit) => why = unfit,
            }
        }
        if let Some((_, chosen)) = chosen {
            return Ok(chosen);
        }
        if is_for(&flags, purpose) {
            let key = &self.key.primary_key;
            fits(key, purpose)?;
            return Ok(Chosen { part: Part::Primary(key), until });
        }
        Err(why)
    }

    /// What the key itself may be used for, and until when.
    fn primary(&self, now: u32) -> Result<(KeyFlags, Option<u32>), Unfit> {
        let (key, name) = (&self.key.primary_key, self.name());
        // What it signs is believed, so it must not be weak either. RSA is verified here, and that is no secret.
        if key.version() != KeyVersion::V4 {
            return Err(Unfit::Version { key: name });
        }
        if !matches!(key.public_params(), PublicParams::RSA(_)) {
            fits(key, Purpose::Signing)?;
        }
        strong(key)?;
        let made = key.created_at().as_secs();
        if made > now {
            return Err(Unfit::Early { key: name, at: moment(made) });
        }
        let details = &self.key.details;
        // One that is forged, or of a third who was given the right, counts too: whoever has the key can have it exported without.
        if self.is_revoked {
            return Err(Unfit::Revoked { key: name });
        }
        let of_users = details.users.iter().filter_map(|user| {
            let valid = |one: &&Signature| one.verify_certification(key, Tag::UserId, &user.id).is_ok();
            newest(user.signatures.iter().filter(|one| stands(one, now)).filter(valid))
        });
        let named = newest(of_users.filter(|one| one.typ() != Some(SignatureType::CertRevocation)));
        let of_users = || details.users.iter().flat_map(|user| &user.signatures);
        let named = named.ok_or_else(|| unbound(of_users(), key, &name))?;
        let direct = details.direct_signatures.iter().filter(|one| stands(one, now));
        let direct = newest(direct.filter(|one| one.verify_key(key).is_ok()));
        let mut until = None;
        for statement in [Some(named), direct].into_iter().flatten() {
            believed(statement, &name)?;
            until = earlier(until, end(made, statement));
        }
        in_time(until, now, name)?;
        Ok((named.key_flags(), until))
    }

    /// Until when a subkey can be used; nothing where it is made for something else.
    fn subkey(
        &self,
        subkey: &SignedPublicSubKey,
        purpose: Purpose,
        now: u32,
    ) -> Result<Option<Option<u32>>, Unfit> {
        let (primary, key) = (&self.key.primary_key, &subkey.key);
        let name = shown(&key.fingerprint());
        let valid = |one: &&Signature| one.verify_subkey_binding(primary, key).is_ok();
        let is_revocation = |one: &&Signature| one.typ() == Some(SignatureType::SubkeyRevocation);
        let standing = || subkey.signatures.iter().filter(|one| stands(one, now));
        // When it was made does not matter, as with gpg: a binding that is newer does not bring it back. Neither does whether it verifies,
        // which it never does with SHA-1.
        let is_revoked = subkey.signatures.iter().any(|one| is_revocation(&one));
        let Some(binding) = newest(standing().filter(|one| !is_revocation(one)).filter(valid)) else {
            return Err(unbound(standing(), primary, &name));
        };
        if !is_for(&binding.key_flags(), purpose) {
            return Ok(None);
        }
        if is_revoked {
            return Err(Unfit::Revoked { key: name });
        }
        believed(binding, &name)?;
        if key.version() != KeyVersion::V4 {
            return Err(Unfit::Version { key: name });
        }
        fits(key, purpose)?;
        if purpose == Purpose::Signing {
            // Else anybody could claim somebody else's key as a part of theirs.
            let back = binding.embedded_signature();
            let back = back.filter(|back| back.verify_primary_key_binding(key, primary).is_ok());
            believed(back.ok_or_else(|| Unfit::Unbound { key: name.clone() })?, &name)?;
        }
        let made = key.created_at().as_secs();
        if made > now {
            return Err(Unfit::Early { key: name, at: moment(made) });
        }
        let until = end(made, binding);
        in_time(until, now, name)?;
        Ok(Some(until))
    }
}

/// Signatures of one second: what takes away goes before what gives.
fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>) -> Option<&'s Signature> {
    signatures.max_by_key(|one| {
        let made = one.created().map(pgp::types::Timestamp::as_secs);
        let is_revocation = one.typ() == Some(SignatureType::CertRevocation);
        let lasts = one.key_expiration_time().map(|lasts| lasts.as_secs()).filter(|lasts| *lasts > 0);
        (made, is_revocation, Reverse(lasts.unwrap_or(u32::MAX)))
    })
}

/// Whether a signature speaks of now, and says nothing critical that nobody here understands.
fn stands(signature: &Signature, now: u32) -> bool {
    let Some(made) = signature.created().map(pgp::types::Timestamp::as_secs) else { return false };
    let unknown = signature.config().is_none_or(|config| {
        config.hashed_subpackets().any(|one| {
            one.is_critical
                && matches!(
                    one.data,
                    SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_)
                )
        })
    });
    made <= now && lapses(signature).is_none_or(|at| at > now) && !unknown
}

fn believed(signature: &Signature, name: &str) -> Result<(), Unfit> {
    match signature.hash_alg() {
        Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => Ok(()),
        _ => Err(Unfit::Digest { key: name.to_owned() }),
    }
}

/// Some algorithms do not even verify with such a digest.
fn unbound<'s>(mut signatures: impl Iterator<Item = &'s Signature>, key: &PublicKey, name: &str) -> Unfit {
    let own = key.legacy_key_id();
    let is_old = |one: &Signature| one.issuer_key_id().contains(&&own) && believed(one, name).is_err();
    let name = name.to_owned();
    if signatures.any(is_old) { Unfit::Digest { key: name } } else { Unfit::Unbound { key: name } }
}

/// When a key ends that was made then: by what is said of it, or because that is said no longer.
fn end(made: u32, statement: &Signature) -> Option<u32> {
    let lasts = statement.key_expiration_time().map(|lasts| lasts.as_secs()).filter(|lasts| *lasts > 0);
    earlier(lasts.map(|lasts| made.saturating_add(lasts)), lapses(statement))
}

/// When a signature itself ends.
fn lapses(signature: &Signature) -> Option<u32> {
    let lasts =
        signature.signature_expiration_time().map(|lasts| lasts.as_secs()).filter(|lasts| *lasts > 0)?;
    Some(signature.created()?.as_secs().saturating_add(lasts))
}

fn earlier(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    [one, other].into_iter().flatten().min()
}

fn in_time(until: Option<u32>, now: u32, key: String) -> Result<(), Unfit> {
    match until {
        Some(until) if until <= now => Err(Unfit::Expired { key, at: moment(until) }),
        _ => Ok(()),
    }
}

fn is_for(flags: &KeyFlags, purpose: Purpose) -> bool {
    match purpose {
        Purpose::Encrypting => flags.encrypt_comms() || flags.encrypt_storage(),
        Purpose::Signing => flags.sign(),
    }
}

/// What every `gpg` since 2.1 knows, and what is not weak.
fn fits(key: &impl KeyDetails, purpose: Purpose) -> Result<(), Unfit> {
    let fits = match (purpose, key.public_params()) {
        (Purpose::Encrypting, PublicParams::RSA(_)) => true,
        (Purpose::Encrypting, PublicParams::ECDH(params)) => matches!(
            params,
            EcdhPublicParams::Curve25519Legacy { .. }
                | EcdhPublicParams::P256 { .. }
                | EcdhPublicParams::P384 { .. }
                | EcdhPublicParams::P521 { .. }
        ),
        (Purpose::Signing, PublicParams::EdDSALegacy(params)) => {
            matches!(params, EddsaLegacyPublicParams::Ed25519 { .. })
        }
        (Purpose::Signing, PublicParams::ECDSA(params)) => matches!(
            params,
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. }
        ),
        _ => false,
    };
    if !fits {
        return Err(Unfit::Algorithm { key: shown(&key.fingerprint()), purpose });
    }
    strong(key)
}

fn strong(key: &impl KeyDetails) -> Result<(), Unfit> {
    let PublicParams::RSA(params) = key.public_params() else { return Ok(()) };
    // The modulus comes first, behind its length in bits.
    let octets = params.to_bytes().unwrap_or_default();
    let bits = octets.first_chunk::<2>().map(|bits| u16::from_be_bytes(*bits)).unwrap_or_default();
    if bits < RSA_BITS_MIN {
        return Err(Unfit::Weak { key: shown(&key.fingerprint()), bits });
    }
    Ok(())
}
