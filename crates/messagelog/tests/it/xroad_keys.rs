//! X-Road's keys: what of its key store is taken, and what is refused.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use clock::Clock;
use messagelog::{KeyFault, Keys, MessageLog, OpenFailure, Settings, XroadEncryption};

use crate::bench::{noon, place};

const STORE: &[u8] = include_bytes!("../fixtures/xroad.p12");
const ODD: &[u8] = include_bytes!("../fixtures/xroad-odd-name.p12");

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(store: &[u8], password: &str, mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("store"), store).unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, password).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, key: Option<&str>) -> Result<Keys, KeyFault> {
        Keys::default().with_xroad(&XroadEncryption {
            key_store: self.path("store"),
            password_file: self.path("password"),
            key: key.map(str::to_owned),
        })
    }
}

fn refused(store: &[u8], password: &str, mode: u32, key: Option<&str>) -> String {
    Files::new(store, password, mode).read(key).unwrap_err().to_string()
}

#[test]
fn what_is_no_key_store_or_not_opened_is_refused_in_words() {
    let files = Files::new(STORE, "practice-only\nanother line", 0o600);
    for key in [None, Some("key0"), Some("key1")] {
        let held = format!("{:?}", files.read(key).unwrap());
        assert_eq!(held, r#"["X-Road's key0", "X-Road's key1"]"#);
    }
    assert_ne!(files.read(None), files.read(Some("key0")));
    let named = KeyFault::NoSecretKey {
        path: files.path("store"),
        key: Some("KEY0".to_owned()),
        held: vec!["key0".to_owned(), "key1".to_owned()],
    };
    assert!(named.to_string().ends_with("holds no secret key KEY0; it holds: key0, key1"));
    assert_eq!(files.read(Some("KEY0")), Err(named));
    assert!(
        refused(STORE, "practice-0nly", 0o600, None).ends_with("the password does not open the key file")
    );
    for mode in [0o640, 0o604, 0o620] {
        assert!(refused(STORE, "practice-only", mode, None).contains("is open to others than its owner"));
    }
    for empty in ["", "\npractice-only"] {
        assert!(refused(STORE, empty, 0o600, None).contains("must be the password of X-Road's key store"));
    }
    assert!(refused(&STORE[..400], "practice-only", 0o600, None).contains("not a key file that can be read"));
    assert!(refused(&vec![0x30; 1 << 21], "practice-only", 0o600, None).contains("at most 1048576 are read"));
    assert!(refused(ODD, "practice-only", 0o600, None).contains("begins with chhatra-seal-1:"));
    std::fs::remove_file(files.path("store")).unwrap();
    assert!(matches!(files.read(None), Err(KeyFault::File { act: "read", .. })));
    std::fs::remove_file(files.path("password")).unwrap();
    assert!(matches!(files.read(None), Err(KeyFault::File { act: "read", .. })));
}

#[test]
fn a_key_store_without_a_secret_key_is_refused() {
    let files = Files::new(b"", "practice-only", 0o600);
    let made = Command::new("sh")
        .args(["-c", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout k -out c &&
                      openssl pkcs12 -export -inkey k -in c -passout pass:practice-only -out store"])
        .current_dir(files.folder.path())
        .output()
        .unwrap();
    assert!(made.status.success());
    let refused = files.read(None).unwrap_err().to_string();
    assert!(refused.contains("holds no secret key at all"), "{refused}");
}

#[test]
fn an_embedded_log_has_no_place_for_x_roads_form() {
    let (files, directory) = (Files::new(STORE, "practice-only", 0o600), tempfile::tempdir().unwrap());
    for key in [None, Some("key0")] {
        let settings = Settings { keys: files.read(key).unwrap(), ..Settings::default() };
        let opened = MessageLog::open(place(directory.path()), settings, Clock::fixed(noon()));
        assert_eq!(opened.err(), Some(OpenFailure::Keys(KeyFault::NotXroads)));
    }
    assert!(!directory.path().join("messagelog.db").exists());
}
