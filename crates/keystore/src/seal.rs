//! What stands between the disk and a private key: the PIN opens the data key, the data key opens each key file.
//!
//! argon2id turns the PIN into 64 bytes. The first half seals the data key (AES-256-GCM); of the second half only the
//! SHA-256 is stored, so that a wrong PIN is recognised before any key is touched.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{OpenRefusal, StorageFailure};
use crate::key::{KeyAlgorithm, KeyId, KeyUsage};
use crate::pin::Pin;

const KEY_FILE_HEAD: &[u8] = b"chhatra key 1\n";
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// More memory than this is not given to a PIN record, whoever wrote it.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 16;

/// What guessing one PIN costs (argon2id). Stored beside the sealed data key; changing it needs the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinHardness {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl Default for PinHardness {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

/// The PIN's part of the index. Nothing in it opens anything without the PIN; but with it a PIN can be guessed at, so
/// `Debug` does not print it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinRecord {
    derivation: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    verifier: String,
    data_key: String,
}

impl std::fmt::Debug for PinRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PinRecord(…)")
    }
}

/// The key that seals the private keys. Zeroed when dropped.
pub(crate) struct DataKey(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Fills `bytes` from the operating system. Key material is the one place in the house that does not take its chance
/// from outside: a source that can be replaced is a way to learn every key.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), StorageFailure> {
    SystemRandom::new().fill(bytes).map_err(|_| StorageFailure::Cryptography { what: "random bytes" })
}

impl DataKey {
    /// A fresh key.
    pub(crate) fn generate() -> Result<Self, StorageFailure> {
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        random(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Seals a private key (PKCS#8 DER) into the content of its file. Name, usage and kind are sealed with it.
    pub(crate) fn seal_key(
        &self,
        id: &KeyId,
        usage: KeyUsage,
        algorithm: KeyAlgorithm,
        pkcs8: &[u8],
    ) -> Result<Vec<u8>, StorageFailure> {
        let mut file = KEY_FILE_HEAD.to_vec();
        file.extend_from_slice(&seal(&self.0, &key_context(id, usage, algorithm), pkcs8)?);
        Ok(file)
    }

    /// Opens what [`Self::seal_key`] made; `None` when one byte of it, or the context, is another.
    pub(crate) fn open_key(
        &self,
        id: &KeyId,
        usage: KeyUsage,
        algorithm: KeyAlgorithm,
        file: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.0, &key_context(id, usage, algorithm), file.strip_prefix(KEY_FILE_HEAD)?)
    }
}

fn key_context(id: &KeyId, usage: KeyUsage, algorithm: KeyAlgorithm) -> Vec<u8> {
    format!("chhatra key\0{id}\0{usage}\0{algorithm}").into_bytes()
}

impl PinRecord {
    /// Seals `data_key` under `pin`.
    pub(crate) fn seal(pin: &Pin, hardness: PinHardness, data_key: &DataKey) -> Result<Self, OpenRefusal> {
        let mut salt = [0_u8; SALT_BYTES];
        random(&mut salt)?;
        let mut record = Self {
            derivation: "argon2id".to_owned(),
            memory_kib: hardness.memory_kib,
            passes: hardness.passes,
            lanes: 1,
            salt: hex::encode(salt),
            verifier: String::new(),
            data_key: String::new(),
        };
        let derived = record.derive(pin)?;
        record.verifier = hex::encode(verifier_of(&derived.1));
        record.data_key = hex::encode(seal(&derived.0, &record.context(), data_key.0.as_slice())?);
        Ok(record)
    }

    /// Opens the data key. The PIN is judged by the verifier alone; only the right PIN reaches the data key.
    pub(crate) fn open(&self, pin: &Pin) -> Result<DataKey, PinFault> {
        let derived = self.derive(pin).map_err(PinFault::Refused)?;
        let expected =
            hex::decode(&self.verifier).map_err(|_| PinFault::Damaged("the verifier is not hexadecimal"))?;
        constant_time::verify_slices_are_equal(&verifier_of(&derived.1), &expected)
            .map_err(|_| PinFault::Refused(OpenRefusal::WrongPin))?;
        let sealed =
            hex::decode(&self.data_key).map_err(|_| PinFault::Damaged("the data key is not hexadecimal"))?;
        let opened = open(&derived.0, &self.context(), &sealed)
            .ok_or(PinFault::Damaged("the PIN fits, but the data key does not open"))?;
        let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(PinFault::Damaged("the data key has another length"));
        }
        key.copy_from_slice(&opened);
        Ok(DataKey(key))
    }

    fn context(&self) -> Vec<u8> {
        let Self { derivation, memory_kib, passes, lanes, salt, .. } = self;
        format!("chhatra data key\0{derivation}\0{memory_kib}\0{passes}\0{lanes}\0{salt}").into_bytes()
    }

    fn derive(&self, pin: &Pin) -> Result<Derived, OpenRefusal> {
        let out_of_bounds = |why: String| OpenRefusal::Hardness { why };
        if self.derivation != "argon2id" {
            return Err(out_of_bounds(format!("the derivation {:?} is unknown", self.derivation)));
        }
        if self.memory_kib > MEMORY_KIB_MAX || self.passes > PASSES_MAX || self.lanes > LANES_MAX {
            return Err(out_of_bounds(format!(
                "{} KiB, {} passes, {} lanes asked; at most {MEMORY_KIB_MAX}, {PASSES_MAX}, {LANES_MAX}",
                self.memory_kib, self.passes, self.lanes
            )));
        }
        let parameters = argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(2 * KEY_BYTES))
            .map_err(|e| out_of_bounds(e.to_string()))?;
        let salt =
            hex::decode(&self.salt).map_err(|_| out_of_bounds("the salt is not hexadecimal".to_owned()))?;
        // The library's own working memory would not be zeroed, and what comes out could be computed from it.
        let mut memory = Zeroizing::new(vec![argon2::Block::new(); parameters.block_count()]);
        let mut out = Zeroizing::new([0_u8; 2 * KEY_BYTES]);
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
            .hash_password_into_with_memory(
                pin.text().as_bytes(),
                &salt,
                out.as_mut_slice(),
                memory.as_mut_slice(),
            )
            .map_err(|e| out_of_bounds(e.to_string()))?;
        let (mut sealing, mut checking) =
            (Zeroizing::new([0_u8; KEY_BYTES]), Zeroizing::new([0_u8; KEY_BYTES]));
        let (first, second) = out.split_at(KEY_BYTES);
        sealing.copy_from_slice(first);
        checking.copy_from_slice(second);
        Ok((sealing, checking))
    }
}

/// Sealing half and checking half of what the PIN derives to.
type Derived = (Zeroizing<[u8; KEY_BYTES]>, Zeroizing<[u8; KEY_BYTES]>);

/// Why a PIN record did not open.
#[derive(Debug)]
pub(crate) enum PinFault {
    Refused(OpenRefusal),
    Damaged(&'static str),
}

fn verifier_of(checking: &[u8; KEY_BYTES]) -> Vec<u8> {
    digest::digest(&digest::SHA256, checking).as_ref().to_vec()
}

fn cipher(key: &[u8; KEY_BYTES]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// nonce ‖ ciphertext ‖ tag.
fn seal(key: &[u8; KEY_BYTES], context: &[u8], plain: &[u8]) -> Result<Vec<u8>, StorageFailure> {
    const FAILED: StorageFailure = StorageFailure::Cryptography { what: "sealing" };
    let mut nonce = [0_u8; NONCE_LEN];
    random(&mut nonce)?;
    // Room for the tag at once: a vector that grows leaves a copy of the plain text behind.
    let mut body = Zeroizing::new(Vec::with_capacity(plain.len().saturating_add(TAG_BYTES)));
    body.extend_from_slice(plain);
    cipher(key)
        .ok_or(FAILED)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut *body)
        .map_err(|_| FAILED)?;
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn open(key: &[u8; KEY_BYTES], context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut body = Zeroizing::new(body.to_vec());
    let length = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut body)
        .ok()?
        .len();
    body.truncate(length);
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: PinHardness = PinHardness { memory_kib: 64, passes: 1 };

    fn id() -> KeyId {
        KeyId::from_bytes(&[7; 20])
    }

    #[test]
    fn a_sealed_key_opens_only_whole_and_in_its_context() {
        let data_key = DataKey::generate().unwrap();
        let (usage, algorithm) = (KeyUsage::Signing, KeyAlgorithm::EcP256);
        let file = data_key.seal_key(&id(), usage, algorithm, b"the secret").unwrap();
        assert_eq!(data_key.open_key(&id(), usage, algorithm, &file).unwrap().as_slice(), b"the secret");
        for length in 0..file.len() {
            assert!(data_key.open_key(&id(), usage, algorithm, &file[..length]).is_none(), "cut at {length}");
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(data_key.open_key(&id(), usage, algorithm, &changed).is_none(), "byte {at} changed");
        }
        assert!(data_key.open_key(&id(), KeyUsage::Authentication, algorithm, &file).is_none());
        assert!(data_key.open_key(&id(), usage, KeyAlgorithm::Rsa2048, &file).is_none());
        assert!(data_key.open_key(&KeyId::from_bytes(&[8; 20]), usage, algorithm, &file).is_none());
        assert!(DataKey::generate().unwrap().open_key(&id(), usage, algorithm, &file).is_none());
    }

    #[test]
    fn two_sealings_of_one_key_differ() {
        let data_key = DataKey::generate().unwrap();
        let seal = || data_key.seal_key(&id(), KeyUsage::Signing, KeyAlgorithm::EcP256, b"x").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_wrong_pin_is_told_from_a_damaged_record() {
        let data_key = DataKey::generate().unwrap();
        let record = PinRecord::seal(&Pin::new("right"), QUICK, &data_key).unwrap();
        assert_eq!(record.open(&Pin::new("right")).unwrap().0, data_key.0);
        assert!(matches!(record.open(&Pin::new("wrong")), Err(PinFault::Refused(OpenRefusal::WrongPin))));
        let mut damaged = record.clone();
        damaged.data_key.replace_range(0..2, if damaged.data_key.starts_with("00") { "01" } else { "00" });
        assert!(matches!(damaged.open(&Pin::new("right")), Err(PinFault::Damaged(_))));
        let mut cut = record;
        cut.data_key.truncate(10);
        assert!(matches!(cut.open(&Pin::new("right")), Err(PinFault::Damaged(_))));
    }

    #[test]
    fn a_pin_record_may_not_ask_for_endless_work() {
        let record = PinRecord::seal(&Pin::new("right"), QUICK, &DataKey::generate().unwrap()).unwrap();
        let asks = [
            PinRecord { memory_kib: u32::MAX, ..record.clone() },
            PinRecord { passes: u32::MAX, ..record.clone() },
            PinRecord { lanes: 1000, ..record.clone() },
            PinRecord { derivation: "none".to_owned(), ..record.clone() },
            PinRecord { salt: "ab".to_owned(), ..record },
        ];
        for asked in asks {
            assert!(matches!(
                asked.open(&Pin::new("right")),
                Err(PinFault::Refused(OpenRefusal::Hardness { .. }))
            ));
        }
    }
}
