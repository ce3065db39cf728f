//! `keystore.json`: everything about the keys except the keys.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use identifier::{MemberId, ServerId};
use serde::{Deserialize, Serialize};
use trust::certificate::Certificate;
use trust::key::PublicKey;

use crate::error::StorageFailure;
use crate::held::{HeldCertificate, HeldInToken, HeldKey, HeldRequest, Owner};
use crate::key::{KeyAlgorithm, KeyId, KeyUsage};
use crate::seal::PinRecord;

/// Longest index that is read.
pub(crate) const INDEX_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most keys of one keystore.
pub(crate) const KEYS_MAX: usize = 512;
/// Most certificates, and most requests, of one key.
pub(crate) const CERTIFICATES_MAX: usize = 64;
const FORMAT: u32 = 1;

/// The index in memory.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) pin: PinRecord,
    pub(crate) keys: Vec<HeldKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    pin: PinRecord,
    keys: Vec<FileKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    id: KeyId,
    label: String,
    usage: KeyUsage,
    algorithm: KeyAlgorithm,
    public_key: String,
    /// A version that does not know tokens refuses the index rather than look for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<FileToken>,
    certificates: Vec<FileCertificate>,
    requests: Vec<FileRequest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToken {
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCertificate {
    certificate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<MemberId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<ServerId>,
    active: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRequest {
    subject: String,
    alternative_names: Vec<String>,
    request: String,
}

impl Index {
    /// Reads an index. `path` is for the verdict only.
    pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Self, StorageFailure> {
        let damaged = |why: String| StorageFailure::damaged(path, why);
        let file: File = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        if file.format != FORMAT {
            return Err(damaged(format!("it is of format {}, this version reads {FORMAT}", file.format)));
        }
        if file.keys.len() > KEYS_MAX {
            return Err(damaged(format!("it names more than {KEYS_MAX} keys")));
        }
        let mut keys: Vec<HeldKey> = Vec::with_capacity(file.keys.len());
        for entry in file.keys {
            let id = entry.id.clone();
            let key = entry.into_held().map_err(|why| damaged(format!("key {id}: {why}")))?;
            if keys.iter().any(|k| k.id == key.id || k.public_key == key.public_key) {
                return Err(damaged(format!("key {id} is in it twice")));
            }
            keys.push(key);
        }
        Ok(Self { pin: file.pin, keys })
    }

    /// The bytes of the file.
    pub(crate) fn write(&self, path: &Path) -> Result<Vec<u8>, StorageFailure> {
        let file =
            File { format: FORMAT, pin: self.pin.clone(), keys: self.keys.iter().map(FileKey::of).collect() };
        let mut bytes =
            serde_json::to_vec_pretty(&file).map_err(|e| StorageFailure::damaged(path, e.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl FileKey {
    fn of(key: &HeldKey) -> Self {
        Self {
            id: key.id.clone(),
            label: key.label.clone(),
            usage: key.usage,
            algorithm: key.algorithm,
            public_key: STANDARD.encode(&key.public_key),
            token: key.token.as_ref().map(|token| FileToken {
                label: token.label.clone(),
                serial: token.serial.clone(),
                id: hex::encode_upper(&token.id),
            }),
            certificates: key
                .certificates
                .iter()
                .map(|held| FileCertificate {
                    certificate: STANDARD.encode(held.certificate.der()),
                    member: held.owner.member.clone(),
                    server: held.owner.server.clone(),
                    active: held.active,
                })
                .collect(),
            requests: key
                .requests
                .iter()
                .map(|held| FileRequest {
                    subject: held.subject.clone(),
                    alternative_names: held.alternative_names.clone(),
                    request: STANDARD.encode(&held.der),
                })
                .collect(),
        }
    }

    fn into_held(self) -> Result<HeldKey, String> {
        if self.certificates.len() > CERTIFICATES_MAX || self.requests.len() > CERTIFICATES_MAX {
            return Err(format!("it has more than {CERTIFICATES_MAX} certificates or requests"));
        }
        let public_key = base64("public key", &self.public_key)?;
        let token = self.token.map(FileToken::into_held).transpose()?;
        if token.is_some() && self.usage != KeyUsage::Signing {
            return Err(format!("it is for {}, and such keys do not live in tokens", self.usage));
        }
        let mut certificates: Vec<HeldCertificate> = Vec::with_capacity(self.certificates.len());
        for entry in self.certificates {
            let certificate = Certificate::from_der(&base64("certificate", &entry.certificate)?)
                .map_err(|e| e.to_string())?;
            if !belongs(&certificate, &public_key) {
                return Err("it has a certificate of another key".to_owned());
            }
            if certificates.iter().any(|held| held.certificate == certificate) {
                return Err("it has a certificate twice".to_owned());
            }
            let owner = Owner { member: entry.member, server: entry.server };
            certificates.push(HeldCertificate { certificate, owner, active: entry.active });
        }
        let requests = self.requests.into_iter().map(FileRequest::into_held).collect::<Result<_, _>>()?;
        Ok(HeldKey {
            id: self.id,
            label: self.label,
            usage: self.usage,
            algorithm: self.algorithm,
            public_key,
            token,
            certificates,
            requests,
        })
    }
}

impl FileToken {
    fn into_held(self) -> Result<HeldInToken, String> {
        let id = hex::decode(&self.id).map_err(|_| "its CKA_ID is not hexadecimal".to_owned())?;
        Ok(HeldInToken { label: self.label, serial: self.serial, id })
    }
}

impl FileRequest {
    fn into_held(self) -> Result<HeldRequest, String> {
        let der = base64("request", &self.request)?;
        Ok(HeldRequest { subject: self.subject, alternative_names: self.alternative_names, der })
    }
}

fn base64(what: &str, text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("its {what} is not base64"))
}

/// Whether the certificate is for the key of this SubjectPublicKeyInfo. Kind and key are compared, not the whole
/// structure, since not everybody writes the empty parameters of RSA.
pub(crate) fn belongs(certificate: &Certificate, public_key: &[u8]) -> bool {
    PublicKey::from_spki(public_key).is_ok_and(|ours| {
        let theirs = certificate.public_key();
        ours.kind() == theirs.kind() && ours.key_bits() == theirs.key_bits()
    })
}
