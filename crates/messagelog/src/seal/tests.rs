//! Keys and their files; what is sealed opens in its place only.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn keys(folder: &std::path::Path, names: &[&str]) -> Keys {
    let files: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    for file in files.iter().filter(|file| !file.exists()) {
        Keys::make(file).unwrap();
    }
    Keys::read(&files).unwrap()
}

#[test]
fn a_key_file_belongs_to_its_owner_alone_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let name = Keys::make(&path).unwrap();
    assert_eq!(Keys::read(std::slice::from_ref(&path)).unwrap().names(), vec![name.clone()]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Keys::make(&path), Err(KeyFault::File { act: "written", .. })));
    for mode in [0o640, 0o604, 0o620, 0o660] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = Keys::read(std::slice::from_ref(&path));
        assert_eq!(refused, Err(KeyFault::Mode { path: path.clone(), mode }));
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let twice = Keys::read(&[path.clone(), path.clone()]);
    assert_eq!(twice, Err(KeyFault::Twice { path: path.clone(), id: name }));
    let gone = Keys::read(&[folder.path().join("gone")]);
    assert!(matches!(gone, Err(KeyFault::File { act: "read", .. })), "{gone:?}");
    let held = format!("{:?}", Keys::read(std::slice::from_ref(&path)).unwrap());
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(!held.contains(secret.split(' ').nth(1).unwrap().trim()), "{held}");
}

#[test]
fn a_key_file_that_is_cut_anywhere_is_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, cut) = (folder.path().join("whole"), folder.path().join("cut"));
    Keys::make(&whole).unwrap();
    let text = std::fs::read(&whole).unwrap();
    for length in 0..text.len() - 1 {
        std::fs::write(&cut, &text[..length]).unwrap();
        std::fs::set_permissions(&cut, std::fs::Permissions::from_mode(0o600)).unwrap();
        let refused = Keys::read(std::slice::from_ref(&cut));
        assert_eq!(refused, Err(KeyFault::NoKey { path: cut.clone() }), "{length}");
    }
}

#[test]
fn what_is_sealed_opens_in_its_own_place_only() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path(), &["key"]);
    let sealer = Sealer::new(&keys, &[1; 64]).unwrap().unwrap();
    let again = Sealer::again(&keys, &sealer.column(), &[1; 64]).unwrap();
    let message = sealer.message(b"text").unwrap();
    assert_eq!(again.open_message(&message).unwrap(), b"text");
    let body = sealer.chunk(0, 4, b"text").unwrap();
    for (why, opened) in [
        ("a body for a message", again.open_message(&body)),
        ("a message for a body", again.opened(What::Body, 0, 4, &message)),
        ("another chunk", again.opened(What::Body, 1, 4, &body)),
        ("a body of another length", again.opened(What::Body, 0, 5, &body)),
        (
            "a record with another signature",
            Sealer::again(&keys, &sealer.column(), &[2; 64]).unwrap().open_message(&message),
        ),
        (
            "another record of the same signature",
            Sealer::new(&keys, &[1; 64]).unwrap().unwrap().open_message(&message),
        ),
        ("nothing", again.open_message(b"")),
    ] {
        assert_eq!(opened, Err(Unopened::Changed), "{why}");
    }
    for place in 0..message.len() {
        let mut changed = message.clone();
        changed[place] ^= 1;
        assert_eq!(again.open_message(&changed), Err(Unopened::Changed));
    }
    for place in 0..sealer.column().len() {
        let mut changed = sealer.column();
        changed[place] ^= 1;
        let opened = Sealer::again(&keys, &changed, &[1; 64]).and_then(|other| other.open_message(&message));
        assert!(opened.is_err(), "{place}");
    }
}

#[test]
fn a_key_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (keys(folder.path(), &["one"]), keys(folder.path(), &["other"]));
    let sealer = Sealer::new(&one, &[1; 64]).unwrap().unwrap();
    let refused = Sealer::again(&other, &sealer.column(), &[1; 64]);
    assert_eq!(refused.err(), Some(Unopened::NoKey(KeyName::Own(one.names()[0].clone()))));
    assert!(Sealer::again(&keys(folder.path(), &["other", "one"]), &sealer.column(), &[1; 64]).is_ok());
    assert!(Sealer::new(&Keys::default(), &[1; 64]).is_none());
}

#[test]
fn a_record_is_bound_to_its_signature_its_identifiers_and_its_direction() {
    let of =
        |digest: u8, query: &str, request: &str, direction| binding(&[digest; 64], query, request, direction);
    let bindings = [
        of(1, "query", "request", Direction::Request),
        of(2, "query", "request", Direction::Request),
        of(1, "query", "request", Direction::Response),
        of(1, "queryr", "equest", Direction::Request),
        of(1, "request", "query", Direction::Request),
        of(1, "", "queryrequest", Direction::Request),
    ];
    assert!(bindings.iter().enumerate().all(|(at, one)| one.len() == 64 && !bindings[..at].contains(one)));
}
