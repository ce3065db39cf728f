//! What a crash, a bad disk or a meddler leaves, and what opening says about it.

use keystore::{KeyAlgorithm, KeyUsage, Keystore, OpenRefusal, StorageFailure};

use crate::common::{Room, pin, room, settings};

fn filled() -> Room {
    let room = room();
    room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "one").unwrap();
    room.keystore.generate(KeyUsage::Authentication, KeyAlgorithm::EcP256, "two").unwrap();
    room
}

fn key_files(room: &Room) -> Vec<std::path::PathBuf> {
    let keys = room.keystore.list();
    keys.iter().map(|key| room.path().join(format!("{}.key", key.id))).collect()
}

fn is_damage(result: Result<Keystore, OpenRefusal>) -> bool {
    matches!(result, Err(OpenRefusal::Storage(StorageFailure::Damaged { .. })))
}

#[test]
fn a_key_file_cut_at_any_byte_or_changed_in_any_byte_is_told() {
    let room = filled();
    let path = &key_files(&room)[0];
    let whole = std::fs::read(path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(path, &whole[..length]).unwrap();
        assert!(is_damage(room.open_again()), "cut at {length}");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        std::fs::write(path, &changed).unwrap();
        assert!(is_damage(room.open_again()), "byte {at} changed");
    }
    std::fs::write(path, &whole).unwrap();
    assert!(room.open_again().is_ok());
}

#[test]
fn an_index_cut_at_any_byte_is_told() {
    let room = filled();
    let path = room.path().join("keystore.json");
    let whole = std::fs::read(&path).unwrap();
    // The last byte is the line end, without which the index is still whole.
    for length in 0..whole.len() - 1 {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(is_damage(room.open_again()), "cut at {length}");
    }
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(room.open_again().is_ok());
}

#[test]
fn an_index_that_says_something_else_than_the_files_is_told() {
    let room = filled();
    let path = room.path().join("keystore.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let (first, second) = (room.keystore.list()[0].clone(), room.keystore.list()[1].clone());
    let edits = [
        (first.id.as_str(), second.id.as_str()),
        ("EC-P256", "RSA-2048"),
        ("\"format\": 1", "\"format\": 2"),
        ("\"format\": 1", "\"format\": 1, \"more\": 1"),
        ("\"public_key\": \"", "\"public_key\": \"A"),
        ("\"usage\": \"signing\"", "\"usage\": \"everything\""),
    ];
    for (from, to) in edits {
        let edited = whole.replacen(from, to, 1);
        assert_ne!(edited, whole, "{from}");
        std::fs::write(&path, edited).unwrap();
        assert!(is_damage(room.open_again()), "{from} → {to}");
    }
}

#[test]
fn key_files_that_are_missing_or_exchanged_are_told() {
    let room = filled();
    let files = key_files(&room);
    let (one, two) = (std::fs::read(&files[0]).unwrap(), std::fs::read(&files[1]).unwrap());
    std::fs::write(&files[0], &two).unwrap();
    std::fs::write(&files[1], &one).unwrap();
    assert!(is_damage(room.open_again()));
    std::fs::write(&files[0], &one).unwrap();
    std::fs::remove_file(&files[1]).unwrap();
    assert!(is_damage(room.open_again()));
    std::fs::create_dir(&files[1]).unwrap();
    let expected = StorageFailure::NotAFile { path: files[1].clone() };
    assert_eq!(room.open_again().unwrap_err(), OpenRefusal::Storage(expected));
}

#[test]
fn a_key_file_of_another_keystore_is_told() {
    let (room, other) = (filled(), filled());
    std::fs::copy(&key_files(&other)[0], &key_files(&room)[0]).unwrap();
    assert!(is_damage(room.open_again()));
}

#[test]
fn what_an_unfinished_change_leaves_behind_is_harmless() {
    let room = filled();
    let before = room.keystore.list();
    // Cut short while writing a file, and between a key's file and the index that names it.
    std::fs::write(room.path().join("keystore.json.unfinished"), b"{\"format\"").unwrap();
    let orphan = room.path().join(format!("{}.key", "A".repeat(40)));
    std::fs::write(orphan, b"half").unwrap();
    let again = room.open_again().unwrap();
    assert_eq!(again.list(), before);
    again.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "three").unwrap();
    assert_eq!(room.open_again().unwrap().list().len(), 3);
    assert!(!room.path().join("keystore.json.unfinished").exists());
}

#[test]
fn a_directory_left_by_an_unfinished_creation_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    drop(Keystore::create_with(&path, &pin(), settings()).unwrap());
    std::fs::rename(path.join("keystore.json"), path.join("keystore.json.unfinished")).unwrap();
    assert!(matches!(Keystore::open_with(&path, &pin(), settings()), Err(OpenRefusal::Absent { .. })));
    assert!(Keystore::create_with(&path, &pin(), settings()).is_ok());
}

#[test]
fn a_handle_keeps_signing_when_the_directory_is_spoiled_under_it() {
    let room = filled();
    let key = room.keystore.list()[0].id.clone();
    std::fs::write(room.path().join("keystore.json"), b"").unwrap();
    assert!(matches!(room.keystore.reload(), Err(StorageFailure::Damaged { .. })));
    assert!(room.keystore.generate(KeyUsage::Signing, KeyAlgorithm::EcP256, "no").is_err());
    assert_eq!(std::fs::read(room.path().join("keystore.json")).unwrap(), b"");
    let algorithm = trust::algorithm::SignatureAlgorithm::Ecdsa(trust::algorithm::DigestAlgorithm::Sha256);
    let form = trust::algorithm::EcdsaForm::Raw;
    assert!(room.keystore.sign_digest_blocking(&key, algorithm, &[1; 32], form).is_ok());
}
