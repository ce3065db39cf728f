//! Taking over the keys of an X-Road server: its `keyconf.xml` and its software token (control-plane 5.2, 5.3).

use std::path::Path;

use trust::certificate::Certificate;

use super::Keystore;
use super::certificates::fitting_usage;
use super::change::Draft;
use crate::disk;
use crate::error::{KeyRefusal, StorageFailure, TakeOverRefusal};
use crate::held::{HeldCertificate, Left, Owner, TakenOver};
use crate::index::belongs;
use crate::key::{KeyId, KeyUsage};
use crate::keyconf::{self, Keyconf, Usage};
use crate::pin::Pin;
use crate::pkcs12::{self, Wanted};
use crate::private_key::PrivateKey;
use crate::softtoken;

const SOFT_TOKEN: &str = "softToken";
/// Member class under which a central server files its self-signed configuration signing certificates.
const SELF_SIGNED_CLASS: &str = "selfsigned";

/// A key ready to be added.
struct Ready {
    id: KeyId,
    key: PrivateKey,
    usage: KeyUsage,
    label: String,
    certificates: Vec<HeldCertificate>,
}

impl Keystore {
    /// Takes over all keys of a software token that `keyconf_xml` describes and whose files lie in `softtoken_dir`,
    /// with their names, usages, labels, certificates, members and active flags. A certificate that X-Road is about to
    /// give up (`deletion in progress`, `global error`, …: any status but `registered`) comes along switched off.
    /// A central server's self-signed keys become keys for configuration signing.
    ///
    /// # Errors
    /// [`TakeOverRefusal`]; nothing is taken then. A key that is already held refuses the whole.
    pub fn import_softtoken(
        &self,
        keyconf_xml: &[u8],
        softtoken_dir: impl AsRef<Path>,
        pin: &Pin,
    ) -> Result<TakenOver, TakeOverRefusal> {
        let dir = softtoken_dir.as_ref();
        let keyconf = Keyconf::read(keyconf_xml)?;
        softtoken::check_pin(dir, pin)?;
        let mut taken = TakenOver::default();
        let mut ready = Vec::new();
        for device in &keyconf.devices {
            for key in &device.keys {
                if device.device_type == SOFT_TOKEN {
                    ready.extend(prepare(dir, pin, key, &mut taken)?);
                } else {
                    let why = format!(
                        "it is on the token {}; take it over with `chhatra keystore import --token LABEL --id {}`",
                        device.device_type,
                        key.key_id.as_deref().unwrap_or("HEX")
                    );
                    leave(&mut taken, key, &why);
                }
            }
        }
        self.change(|draft| {
            for key in ready {
                take(draft, key, &mut taken)?;
            }
            Ok(taken)
        })
    }
}

fn name_of(key: &keyconf::Key) -> String {
    key.key_id.clone().or_else(|| key.label.clone()).unwrap_or_else(|| "(unnamed)".to_owned())
}

fn leave(taken: &mut TakenOver, key: &keyconf::Key, why: &str) {
    taken.left.push(Left { name: name_of(key), why: why.to_owned() });
}

fn prepare(
    dir: &Path,
    pin: &Pin,
    key: &keyconf::Key,
    taken: &mut TakenOver,
) -> Result<Option<Ready>, TakeOverRefusal> {
    let Some(id) = key.key_id.as_deref().and_then(|text| KeyId::parse(text).ok()) else {
        leave(taken, key, "its identifier is not that of a software key");
        return Ok(None);
    };
    let Some(usage) = usage_of(key) else {
        leave(taken, key, "nobody decided yet what it is for");
        return Ok(None);
    };
    let path = dir.join(format!("{id}.p12"));
    let Some(file) = disk::read_foreign(&path, softtoken::FILE_BYTES_MAX)? else {
        leave(taken, key, "its file is not in the software token");
        return Ok(None);
    };
    let refused = |refusal: KeyRefusal| TakeOverRefusal::Key { key: id.to_string(), refusal };
    let private = open(&file, pin, &id).map_err(refused)?;
    let public_key = private.public_key().map_err(refused)?;
    if key.public_key.as_ref().is_some_and(|described| *described != public_key) {
        return Err(TakeOverRefusal::AnotherKey { key: id.to_string() });
    }
    let certificates = certificates_of(key, usage, &public_key, taken);
    let label =
        key.friendly_name.iter().chain(&key.label).find(|text| super::change::check_label(text).is_ok());
    let label = label.cloned().unwrap_or_else(|| id.to_string());
    Ok(Some(Ready { id, key: private, usage, label, certificates }))
}

fn open(file: &[u8], pin: &Pin, id: &KeyId) -> Result<PrivateKey, KeyRefusal> {
    let mut contents = pkcs12::read(file, pin.text(), Wanted::Pairs)?;
    PrivateKey::read_pkcs8(&contents.take_key(Some(id.as_str()))?)
}

fn usage_of(key: &keyconf::Key) -> Option<KeyUsage> {
    let selfsigned =
        |cert: &keyconf::Cert| cert.member.as_ref().is_some_and(|member| member.class() == SELF_SIGNED_CLASS);
    match key.usage? {
        Usage::Authentication => Some(KeyUsage::Authentication),
        Usage::Signing if key.certificates.iter().any(selfsigned) => Some(KeyUsage::Configuration),
        Usage::Signing => Some(KeyUsage::Signing),
    }
}

fn certificates_of(
    key: &keyconf::Key,
    usage: KeyUsage,
    public_key: &[u8],
    taken: &mut TakenOver,
) -> Vec<HeldCertificate> {
    let mut fitting: Vec<HeldCertificate> = Vec::new();
    for cert in &key.certificates {
        let why = match Certificate::from_der(&cert.contents) {
            Err(e) => Some(e.to_string()),
            Ok(certificate) if !belongs(&certificate, public_key) => Some("it is for another key".to_owned()),
            Ok(certificate) if fitting_usage(&certificate, usage).is_err() => {
                Some(format!("it is not a certificate for {usage}"))
            }
            Ok(certificate) if fitting.iter().any(|held| held.certificate == certificate) => {
                Some("it is there twice".to_owned())
            }
            Ok(certificate) => {
                let active = cert.active && cert.status.as_deref() == Some("registered");
                let owner = Owner { member: cert.member.clone(), server: None };
                fitting.push(HeldCertificate { certificate, owner, active });
                None
            }
        };
        if let Some(why) = why {
            let name =
                format!("certificate {} of key {}", cert.id.as_deref().unwrap_or("(unnamed)"), name_of(key));
            taken.left.push(Left { name, why });
        }
    }
    fitting
}

fn take(draft: &mut Draft, ready: Ready, taken: &mut TakenOver) -> Result<(), TakeOverRefusal> {
    let Ready { id, key, usage, label, certificates } = ready;
    let added = draft.add(key, usage, &label, Some(id.clone()));
    let added = added.map_err(|refusal| TakeOverRefusal::Key { key: id.to_string(), refusal })?;
    taken.certificates = taken.certificates.saturating_add(certificates.len());
    let held = draft.key(&added).ok_or(StorageFailure::Cryptography { what: "adding a key" })?;
    held.certificates = certificates;
    taken.keys.push(added);
    Ok(())
}
