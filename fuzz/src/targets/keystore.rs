//! The index and key files of a keystore: whatever is done to them, no key becomes another or gets another use.

use crate::seeds::{cut, join};
use crate::vectors;
use ::keystore::{Keystore, Pin, Settings};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The PIN of the keystore under `fuzz/fixtures`; what guessing it costs is as little as can be.
const PIN: &str = "Fuzz-1234-Pin";

/// The index, then the two key files in the order of their names.
pub(crate) fn run(octets: &[u8]) {
    let (known, bench) = (known(), bench());
    let documents = cut::<3>(octets);
    if too_dear(documents[0]) {
        return;
    }
    if let Some(found) = opened(bench, &documents) {
        for key in found {
            assert!(known.contains(&key), "the keystore never held {key}");
        }
    }
}

/// Memory and time that a PIN may cost are bounded, and the bounds too wide for a fuzzer.
fn too_dear(index: &[u8]) -> bool {
    let Ok(index) = serde_json::from_slice::<serde_json::Value>(index) else { return false };
    let over = |name: &str, most: u64| index["pin"][name].as_u64().is_some_and(|value| value > most);
    over("memory_kib", 256) || over("passes", 4) || over("lanes", 4)
}

/// The keys of a keystore of these files.
fn opened(bench: &Bench, documents: &[&[u8]; 3]) -> Option<Vec<String>> {
    for (path, octets) in bench.files.iter().zip(documents) {
        std::fs::write(path, octets).expect("a file of the keystore");
    }
    let settings = Settings { sign_threads: 1, ..Settings::default() };
    let keystore = Keystore::open_with(bench.directory.path(), &Pin::new(PIN), settings).ok()?;
    let told = |key: ::keystore::HeldKey| {
        format!("{} {} {} {:02x?}", key.id, key.usage, key.algorithm, key.public_key)
    };
    Some(keystore.list().into_iter().map(told).collect())
}

struct Bench {
    directory: TempDir,
    files: Vec<PathBuf>,
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = TempDir::new().expect("a folder for the keystore");
        let own = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        };
        own(directory.path(), 0o700);
        let mut files = Vec::new();
        for (name, octets) in fixture() {
            let path = directory.path().join(name);
            std::fs::write(&path, octets).expect("a file of the keystore");
            own(&path, 0o600);
            files.push(path);
        }
        Bench { directory, files }
    })
}

/// The index first, then the keys.
fn fixture() -> Vec<(String, Vec<u8>)> {
    let entries =
        std::fs::read_dir(vectors::project("fuzz/fixtures/keystore")).expect("the keystore for the fuzzer");
    let files =
        entries.flatten().map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let mut found: Vec<_> =
        files.map(|(name, path)| (name, std::fs::read(path).unwrap_or_default())).collect();
    found.sort_by_key(|(name, _)| (!name.ends_with(".json"), name.clone()));
    found
}

fn known() -> &'static BTreeSet<String> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let files = fixture();
        let documents: Vec<&[u8]> = files.iter().map(|(_, octets)| octets.as_slice()).collect();
        let keys = opened(bench(), &[documents[0], documents[1], documents[2]])
            .expect("the keystore of the fixture opens");
        assert_eq!(keys.len(), 2);
        keys.into_iter().collect()
    })
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let files = fixture();
    let documents: Vec<&[u8]> = files.iter().map(|(_, octets)| octets.as_slice()).collect();
    vec![join(&documents), join(&[documents[0], documents[2], documents[1]])]
}
