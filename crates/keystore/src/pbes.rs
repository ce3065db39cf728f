//! Undoing password-based encryption: PBES2 (RFC 8018) and the 3DES method of old PKCS#12 files (RFC 7292).

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm as Cipher, DecryptionContext, PaddedBlockDecryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::iv::{FixedLength, IV_LEN_128_BIT};
use aws_lc_rs::{digest, hmac, pbkdf2};
use der::asn1::ObjectIdentifier;
use des::cipher::{BlockCipherDecrypt, KeyInit};
use zeroize::Zeroizing;

use crate::asn1::{Algorithm, Fault, Fields};
use crate::error::P12Refusal;

/// More rounds than this are not computed for anybody's file. X-Road writes 10 000, OpenSSL 2048.
pub(crate) const ITERATIONS_MAX: u32 = 2_000_000;

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
const AES_128_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES_192_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22");
const AES_256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const SHA1_3DES_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");

impl From<Fault> for P12Refusal {
    fn from(fault: Fault) -> Self {
        Self::Unreadable { why: fault.0 }
    }
}

/// Decrypts `sealed` by `method` under `password`. A wrong password is recognised by the padding at the latest, with
/// a chance of error of 1 in 256; whoever needs certainty checks a MAC first or the key that comes out.
pub(crate) fn open(
    method: &Algorithm<'_>,
    password: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
    match method.oid {
        PBES2 => open_pbes2(method, password, sealed),
        SHA1_3DES_CBC => open_triple_des(method, password, sealed),
        other => Err(P12Refusal::Unsupported { method: format!("the encryption {other}") }),
    }
}

/// Bounds an iteration count.
pub(crate) fn iterations(asked: u64) -> Result<NonZeroU32, P12Refusal> {
    let too_costly = P12Refusal::TooCostly { asked, iterations_max: ITERATIONS_MAX };
    let count = u32::try_from(asked).map_err(|_| too_costly.clone())?;
    if count > ITERATIONS_MAX {
        return Err(too_costly);
    }
    NonZeroU32::new(count).ok_or(P12Refusal::Unreadable { why: "it asks for no iterations".to_owned() })
}

fn open_pbes2(
    method: &Algorithm<'_>,
    password: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
    let mut parameters = method.parameters_sequence()?;
    let derivation = parameters.algorithm()?;
    let encryption = parameters.algorithm()?;
    parameters.end()?;
    let (cipher, key_bytes): (&'static Cipher, usize) = match encryption.oid {
        AES_128_CBC => (&AES_128, 16),
        AES_192_CBC => (&AES_192, 24),
        AES_256_CBC => (&AES_256, 32),
        other => {
            return Err(P12Refusal::Unsupported { method: format!("the cipher {other}") });
        }
    };
    let iv = encryption.parameters.map(|iv| iv.value()).and_then(|iv| <[u8; 16]>::try_from(iv).ok());
    let iv =
        iv.ok_or(P12Refusal::Unreadable { why: "the cipher's start value is not 16 bytes".to_owned() })?;
    let key = derive_pbkdf2(&derivation, password, key_bytes)?;

    let mut body = Zeroizing::new(sealed.to_vec());
    let context = DecryptionContext::Iv128(FixedLength::<IV_LEN_128_BIT>::from(iv));
    let length = UnboundCipherKey::new(cipher, &key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .and_then(|opening| opening.decrypt(&mut body, context).map(|plain| plain.len()))
        .map_err(|_| P12Refusal::WrongPassword)?;
    body.truncate(length);
    Ok(body)
}

fn derive_pbkdf2(
    derivation: &Algorithm<'_>,
    password: &str,
    key_bytes: usize,
) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
    if derivation.oid != PBKDF2 {
        return Err(P12Refusal::Unsupported { method: format!("the key derivation {}", derivation.oid) });
    }
    let mut fields: Fields<'_> = derivation.parameters_sequence()?;
    let salt = fields.octets()?;
    let rounds = iterations(fields.number()?)?;
    if fields.peek() == Some(der::Tag::Integer) {
        let asked = fields.number()?;
        if usize::try_from(asked) != Ok(key_bytes) {
            return Err(P12Refusal::Unreadable { why: "the key length does not fit the cipher".to_owned() });
        }
    }
    let function = if fields.is_empty() { HMAC_SHA1 } else { fields.algorithm()?.oid };
    fields.end()?;
    let function = match function {
        HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
        HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
        HMAC_SHA384 => pbkdf2::PBKDF2_HMAC_SHA384,
        HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
        other => {
            return Err(P12Refusal::Unsupported { method: format!("the pseudo-random function {other}") });
        }
    };
    let mut key = Zeroizing::new(vec![0_u8; key_bytes]);
    pbkdf2::derive(function, rounds, salt, password.as_bytes(), &mut key);
    Ok(key)
}

const TRIPLE_DES_BLOCK: usize = 8;

/// pbeWithSHAAnd3-KeyTripleDES-CBC, which Java wrote until 2021.
fn open_triple_des(
    method: &Algorithm<'_>,
    password: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, P12Refusal> {
    let mut fields = method.parameters_sequence()?;
    let salt = fields.octets()?;
    let rounds = iterations(fields.number()?)?;
    fields.end()?;
    let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    let key = derive_pkcs12(sha1, Purpose::Key, password, salt, rounds, 24);
    let mut previous = derive_pkcs12(sha1, Purpose::StartValue, password, salt, rounds, TRIPLE_DES_BLOCK);
    let cipher = des::TdesEde3::new_from_slice(&key).map_err(|_| P12Refusal::WrongPassword)?;

    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let mut blocks = sealed.chunks_exact(TRIPLE_DES_BLOCK);
    for block in &mut blocks {
        let mut opened = [0_u8; TRIPLE_DES_BLOCK];
        opened.copy_from_slice(block);
        cipher.decrypt_block((&mut opened).into());
        plain.extend(opened.iter().zip(previous.iter()).map(|(a, b)| a ^ b));
        previous.copy_from_slice(block);
    }
    if !blocks.remainder().is_empty() {
        return Err(P12Refusal::Unreadable { why: "its length is not a multiple of the block".to_owned() });
    }
    let padding = usize::from(plain.last().copied().unwrap_or(0));
    let padded = (1..=TRIPLE_DES_BLOCK).contains(&padding)
        && plain.iter().rev().take(padding).all(|b| usize::from(*b) == padding);
    let length = plain.len().checked_sub(padding).filter(|_| padded).ok_or(P12Refusal::WrongPassword)?;
    plain.truncate(length);
    Ok(plain)
}

/// What the PKCS#12 derivation is asked for (RFC 7292 B.3).
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Key,
    StartValue,
    Checksum,
}

/// The key derivation of PKCS#12 (RFC 7292 B.2), for the hashes that HMAC in `aws-lc-rs` has.
pub(crate) fn derive_pkcs12(
    hash: &'static digest::Algorithm,
    purpose: Purpose,
    password: &str,
    salt: &[u8],
    rounds: NonZeroU32,
    bytes: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let id = match purpose {
        Purpose::Key => 1_u8,
        Purpose::StartValue => 2,
        Purpose::Checksum => 3,
    };
    let diversifier = vec![id; block];
    let wide = wide(password);
    let mut input = Zeroizing::new(stretched(salt, block));
    input.extend_from_slice(&Zeroizing::new(stretched(&wide, block)));

    let mut out = Zeroizing::new(Vec::with_capacity(bytes.saturating_add(hash.output_len())));
    while out.len() < bytes {
        let mut context = digest::Context::new(hash);
        context.update(&diversifier);
        context.update(&input);
        let mut a = context.finish();
        for _ in 1..rounds.get() {
            a = digest::digest(hash, a.as_ref());
        }
        out.extend_from_slice(a.as_ref());
        for piece in input.chunks_mut(block) {
            add_one_more_than(piece, a.as_ref());
        }
    }
    out.truncate(bytes);
    out
}

/// The password as PKCS#12 wants it: UTF-16, big-endian, ended by two zero bytes.
fn wide(password: &str) -> Zeroizing<Vec<u8>> {
    let room = password.len().saturating_add(1).saturating_mul(2);
    let mut wide = Zeroizing::new(Vec::with_capacity(room));
    for unit in password.encode_utf16().chain([0]) {
        wide.extend_from_slice(&unit.to_be_bytes());
    }
    wide
}

/// `bytes` repeated until it fills whole blocks; nothing stays nothing.
fn stretched(bytes: &[u8], block: usize) -> Vec<u8> {
    let length = bytes.len().div_ceil(block.max(1)).saturating_mul(block);
    bytes.iter().copied().cycle().take(if bytes.is_empty() { 0 } else { length }).collect()
}

/// `piece` := `piece` + (`pattern` repeated) + 1, as big-endian numbers of the piece's length.
fn add_one_more_than(piece: &mut [u8], pattern: &[u8]) {
    let repeated: Vec<u8> = pattern.iter().copied().cycle().take(piece.len()).collect();
    let mut carry = 1_u16;
    for (byte, addend) in piece.iter_mut().rev().zip(repeated.iter().rev()) {
        let sum = u16::from(*byte).wrapping_add(u16::from(*addend)).wrapping_add(carry);
        let [high, low] = sum.to_be_bytes();
        *byte = low;
        carry = u16::from(high);
    }
}

/// The HMAC of a hash, where the library has one.
pub(crate) fn hmac_of(hash: &'static digest::Algorithm) -> hmac::Algorithm {
    [hmac::HMAC_SHA224, hmac::HMAC_SHA256, hmac::HMAC_SHA384, hmac::HMAC_SHA512]
        .into_iter()
        .find(|candidate| candidate.digest_algorithm() == hash)
        .unwrap_or(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)
}
