//! Every entry of the shared vectors about key configuration and PINs.

use std::path::Path;

use keystore::keyconf::{Keyconf, Usage};
use keystore::{KeyRefusal, P12Refusal, Pin, check_policy, softtoken};
use serde_json::Value;
use trust::certificate::Certificate;

use crate::common::vectors;

fn file(dir: &Path, entry: &Value, role: &str) -> Vec<u8> {
    let files = entry["files"].as_array().unwrap();
    let found = files.iter().find(|f| f["role"] == role).unwrap_or_else(|| panic!("{entry}: no {role}"));
    std::fs::read(dir.join(found["path"].as_str().unwrap())).unwrap()
}

#[test]
fn every_entry_of_the_manifest_is_as_it_says() {
    let Some(dir) = vectors() else { return };
    let manifest = std::fs::read(dir.join("keyconf-signer/manifest.json")).unwrap();
    let entries: Vec<Value> = serde_json::from_slice(&manifest).unwrap();
    let (mut checked, mut later) = (0, 0);
    for entry in &entries {
        let id = entry["id"].as_str().unwrap();
        match entry["operation"].as_str().unwrap() {
            "pin-policy" => pin_policy(entry),
            "read-keyconf" => read_keyconf(&dir, entry),
            "open-softtoken-key" => open_softtoken_key(&dir, entry),
            "merge-keyconf" => {
                // The files read; merging them is for a cluster's second node.
                Keyconf::read(&file(&dir, entry, "keyconf")).unwrap();
                println!("later: {id} (cluster)");
                later += 1;
                continue;
            }
            other => panic!("{id}: the operation {other} is unknown"),
        }
        println!("checked: {id}");
        checked += 1;
    }
    println!("{checked} checked, {later} later");
    assert_eq!(checked + later, entries.len());
}

fn pin_policy(entry: &Value) {
    // An absent PIN is as good as an empty one.
    let pin = Pin::new(entry["input"].as_str().unwrap_or(""));
    assert_eq!(check_policy(&pin).is_ok(), entry["expect"]["valid"].as_bool().unwrap(), "{entry}");
}

fn read_keyconf(dir: &Path, entry: &Value) {
    let keyconf = Keyconf::read(&file(dir, entry, "keyconf")).unwrap();
    let expect = &entry["expect"];
    let tokens = expect["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), keyconf.devices.len());
    for (token, device) in tokens.iter().zip(&keyconf.devices) {
        assert_eq!(token["id"], device.id.as_str());
        assert_eq!(token["type"], device.device_type.as_str());
        assert_eq!(token["friendly_name"].as_str(), device.friendly_name.as_deref());
    }
    let keys: Vec<_> = keyconf.devices.iter().flat_map(|device| &device.keys).collect();
    assert_eq!(expect["keys"].as_array().unwrap().len(), keys.len());
    for expected in expect["keys"].as_array().unwrap() {
        let key = keys.iter().find(|key| key.key_id.as_deref() == expected["id"].as_str()).unwrap();
        let usage = match key.usage.unwrap() {
            Usage::Signing => "SIGNING",
            Usage::Authentication => "AUTHENTICATION",
        };
        assert_eq!(expected["usage"], usage);
        assert_eq!(expected["certs"], key.certificates.len());
        assert_eq!(expected["sign_mechanism"].as_str(), key.sign_mechanism.as_deref());
        for cert in &key.certificates {
            assert_eq!(expected["member"].as_str(), cert.member.as_ref().map(ToString::to_string).as_deref());
            assert_eq!(expect["cert_status"].as_str(), cert.status.as_deref());
            assert_eq!(expect["cert_active"], cert.active);
            assert!(Certificate::from_der(&cert.contents).is_ok());
        }
    }
}

fn open_softtoken_key(dir: &Path, entry: &Value) {
    let pin = Pin::new(entry["input"]["pin"].as_str().unwrap());
    let expect = &entry["expect"];
    let p12 = file(dir, entry, "keystore");
    let path = entry["files"][0]["path"].as_str().unwrap();
    let key_id = Path::new(path).file_stem().unwrap().to_str().unwrap();
    let opened = softtoken::inspect(&p12, &pin, key_id);
    if expect["ok"] == false {
        assert_eq!(opened, Err(KeyRefusal::Sealed(P12Refusal::WrongPassword)));
        return;
    }
    let opened = opened.unwrap();
    assert_eq!(expect["key"], opened.algorithm.name());
    let keyconf = Path::new(path).parent().unwrap().parent().unwrap().join("keyconf.xml");
    let keyconf = Keyconf::read(&std::fs::read(dir.join(keyconf)).unwrap()).unwrap();
    let described = keyconf
        .devices
        .iter()
        .flat_map(|d| &d.keys)
        .find(|key| key.key_id.as_deref() == Some(key_id))
        .unwrap();
    assert_eq!(
        expect["public_key_equals_keyconf"],
        Some(&opened.public_key) == described.public_key.as_ref()
    );
    let holder = opened.holder.unwrap();
    assert_eq!(expect["certificate_subject"], holder.subject_rfc2253());
    let real = described.certificates.iter().any(|cert| cert.contents == holder.der());
    assert_eq!(expect["certificate_is_only_a_holder"], !real);
}
