//! From a file to the packets of one key: bounded, whole, and nothing in it that a key does not have.

use std::io::Read as _;

use pgp::armor::{Dearmor, DearmorOptions};
use pgp::packet::{Packet, PacketHeader};
use pgp::types::{PacketLength, Tag};
use zeroize::Zeroizing;

use crate::fault::Unfit;

/// Keys have a few kilobytes; with what many others signed, or with a picture, some more.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 10;
/// As many as anybody has: each may cost a verification.
const PACKETS_MAX: usize = 1000;
const ARMOUR: &[u8] = b"-----BEGIN PGP ";
/// Of signatures, and of the keys that `gpg` makes.
const VERSION: u8 = 4;
const EMBEDDED_SIGNATURE: u8 = 32;

/// Of a key, and of a subkey.
const REVOCATION: u8 = 0x20;
const SUBKEY_REVOCATION: u8 = 0x28;

/// What stands in the file of a key.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) packets: Vec<Packet>,
    /// There is a signature that would revoke the key, of whatever version, wherever it stands.
    pub(crate) is_revoked: bool,
}

/// The packets of the one key in a file, armoured or not.
pub(crate) fn packets(octets: &[u8]) -> Result<Found, Unfit> {
    if u64::try_from(octets.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(Unfit::TooLong { max: FILE_BYTES_MAX });
    }
    if octets.first().is_some_and(|first| first & 0x80 != 0) {
        return read(octets);
    }
    // The reader of armour stops behind the first block, and would overlook a second key.
    match octets.windows(ARMOUR.len()).filter(|window| *window == ARMOUR).count() {
        0 => return Err(Unfit::NoKey),
        1 => {}
        _ => return Err(Unfit::Several),
    }
    // Its checksum is not looked at: what matters in a key is signed.
    let options = DearmorOptions::new().set_limit(octets.len());
    let mut plain = Zeroizing::new(Vec::with_capacity(octets.len()));
    let mut armour = Dearmor::with_options(octets, options);
    armour.read_to_end(&mut plain).map_err(|_| Unfit::Damaged)?;
    read(&plain)
}

fn read(mut rest: &[u8]) -> Result<Found, Unfit> {
    let mut found = Found::default();
    let mut in_subkey = false;
    while !rest.is_empty() {
        let header = PacketHeader::try_from_reader(&mut rest).map_err(|_| Unfit::Damaged)?;
        // No other length is allowed for what stands in a key.
        let PacketLength::Fixed(length) = header.packet_length() else { return Err(Unfit::Damaged) };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (body, behind) = rest.split_at_checked(length).ok_or(Unfit::Damaged)?;
        rest = behind;
        let is_first = found.packets.is_empty();
        let tag = header.tag();
        let begins = matches!(tag, Tag::PublicKey | Tag::SecretKey);
        if begins && !is_first {
            return Err(Unfit::Several);
        }
        if matches!(tag, Tag::SecretKey | Tag::SecretSubkey) {
            // In other versions the algorithm may stand elsewhere; no secret RSA key may pass here.
            let version = *body.first().ok_or(Unfit::Damaged)?;
            if version != VERSION {
                return Err(Unfit::SecretVersion { version });
            }
            if is_rsa(body) {
                return Err(Unfit::SecretRsa);
            }
        }
        if is_first && !begins {
            return Err(Unfit::NoKey);
        }
        let is_signature = matches!(tag, Tag::Signature);
        in_subkey |= matches!(tag, Tag::PublicSubkey | Tag::SecretSubkey);
        found.is_revoked |= is_signature && revokes(body, in_subkey);
        // What others signed, in the form of old; what a key says of itself has this version.
        let is_old = is_signature && body.first() != Some(&VERSION);
        if is_old || matches!(tag, Tag::Marker | Tag::Padding | Tag::Trust | Tag::UnassignedNonCritical(_)) {
            continue;
        }
        let names = matches!(tag, Tag::PublicSubkey | Tag::SecretSubkey | Tag::UserId | Tag::UserAttribute);
        // A signature that stands in another one stands in a signature of the key's own, and in none that stands in another one itself.
        if !(begins || names || is_signature) || (is_signature && nests(body)) {
            return Err(Unfit::Damaged);
        }
        if found.packets.len() >= PACKETS_MAX {
            return Err(Unfit::TooMany { max: PACKETS_MAX });
        }
        found.packets.push(Packet::from_reader(header, body).map_err(|_| Unfit::Damaged)?);
    }
    if found.packets.is_empty() { Err(Unfit::NoKey) } else { Ok(found) }
}

/// Whether a signature would revoke the key. One on a subkey is judged with the subkey that it stands behind; where there is none, or where
/// it is too old to be read there, it counts against the key.
fn revokes(signature: &[u8], in_subkey: bool) -> bool {
    let (is_old, kind) = match signature {
        // Behind the length of what is hashed.
        [2 | 3, _, kind, ..] => (true, *kind),
        [version, kind, ..] => (*version != VERSION, *kind),
        _ => return false,
    };
    kind == REVOCATION || (kind == SUBKEY_REVOCATION && (is_old || !in_subkey))
}

/// Version, four octets of time, and the algorithm: 1 to 3 are RSA.
fn is_rsa(key: &[u8]) -> bool {
    matches!(key, [VERSION, _, _, _, _, 1..=3, ..])
}

/// Whether a signature stands in a signature that stands in this one. The library goes down as deep as there is something, on the stack.
fn nests(signature: &[u8]) -> bool {
    embedded(signature)
        .into_iter()
        .any(|inner| inner.first() != Some(&VERSION) || !embedded(inner).is_empty())
}

/// The signatures that stand in one of version 4. Where its form is broken nothing more is found, and the library refuses it.
fn embedded(signature: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    // Version, type, two algorithms; then two areas, each behind its length.
    let mut rest = signature.get(4..).unwrap_or_default();
    for _ in 0..2 {
        let Some((length, behind)) = rest.split_first_chunk::<2>() else { break };
        let Some((mut area, behind)) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        else {
            break;
        };
        rest = behind;
        while let Some((body, behind)) = subpacket(area) {
            area = behind;
            // The highest bit says that it is critical.
            if let Some((kind, inner)) = body.split_first()
                && kind & 0x7f == EMBEDDED_SIGNATURE
            {
                found.push(inner);
            }
        }
    }
    found
}

/// The first one of an area, and what follows it.
fn subpacket(area: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, behind) = match area {
        [255, a, b, c, d, behind @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]), behind),
        [first @ 192..=254, second, behind @ ..] => {
            let high = u32::from(first.saturating_sub(192)) << 8;
            (high.saturating_add(192).saturating_add(u32::from(*second)), behind)
        }
        [first, behind @ ..] => (u32::from(*first), behind),
        [] => return None,
    };
    behind.split_at_checked(usize::try_from(length).ok()?)
}
