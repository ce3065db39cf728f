//! The operator's keys: one file each, readable by its owner alone.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{KEY_ID_BYTES, hex};

const HEAD: &str = "chhatra-messagelog-key-1";
const KEY_ID: &[u8] = b"chhatra messagelog key id 1";
const SECRET_BYTES: usize = 32;
const FILE_BYTES_MAX: u64 = 256;

/// Keys for records: the first seals what is new, all open what is there. None: new records are kept open.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Vec<Arc<Key>>,
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    secret: Zeroizing<Vec<u8>>,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// The file.
    #[error("the key file {path} cannot be {act}: {reason}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What could not be done to it.
        act: &'static str,
        /// The operating system's words.
        reason: String,
    },
    /// Others than its owner may read or change it.
    #[error("the key file {path} is open to others than its owner (mode {mode:03o}); it must have mode 600")]
    Mode {
        /// Which one.
        path: PathBuf,
        /// The permissions found.
        mode: u32,
    },
    /// It holds no key.
    #[error("{path} is not a key file as `chhatra evidence key` makes it")]
    NoKey {
        /// Which one.
        path: PathBuf,
    },
    /// The same key twice.
    #[error("{path} holds the key {id}, which another file holds already")]
    Twice {
        /// The second file.
        path: PathBuf,
        /// The name of the key.
        id: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes, so no key was made")]
    NoChance,
}

impl Keys {
    /// Reads key files; the first one seals.
    ///
    /// # Errors
    /// A file that cannot be read, that others may read, or that holds no key.
    pub fn read(files: &[PathBuf]) -> Result<Self, KeyFault> {
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for path in files {
            let key = read(path)?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyFault::Twice { path: path.clone(), id: hex(&key.id) });
            }
            keys.push(Arc::new(key));
        }
        Ok(Self { keys })
    }

    /// Makes a key and writes it into a new file; gives its name. A crash in here may leave a part of a file, which is no key.
    ///
    /// # Errors
    /// The file is there, or cannot be written.
    pub fn make(path: &Path) -> Result<String, KeyFault> {
        let mut secret = Zeroizing::new(vec![0; SECRET_BYTES]);
        rand::fill(&mut secret).map_err(|_| KeyFault::NoChance)?;
        let line = Zeroizing::new(format!("{HEAD} {}\n", *Zeroizing::new(STANDARD.encode(&*secret))));
        let written =
            File::options().create_new(true).write(true).mode(0o600).open(path).and_then(|mut file| {
                file.write_all(line.as_bytes())?;
                file.sync_all()?;
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
            });
        written.map_err(|error| fault(path, "written", &error))?;
        Key::new(secret).map(|key| hex(&key.id)).ok_or(KeyFault::NoChance)
    }

    /// The names of the keys, the one that seals first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| hex(&key.id)).collect()
    }

    pub(super) fn current(&self) -> Option<([u8; KEY_ID_BYTES], &[u8])> {
        self.keys.first().map(|key| (key.id, key.secret.as_slice()))
    }

    pub(super) fn secret(&self, id: &[u8; KEY_ID_BYTES]) -> Option<&[u8]> {
        self.keys.iter().find(|key| key.id == *id).map(|key| key.secret.as_slice())
    }
}

impl Key {
    /// A key is named by what is made from it, so that no name can stand for two.
    fn new(secret: Zeroizing<Vec<u8>>) -> Option<Self> {
        let mut id = [0; KEY_ID_BYTES];
        let made = hkdf::Salt::new(hkdf::HKDF_SHA512, &[]).extract(&secret);
        made.expand(&[KEY_ID], Length).ok()?.fill(&mut id).ok()?;
        Some(Self { id, secret })
    }
}

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        KEY_ID_BYTES
    }
}

fn read(path: &Path) -> Result<Key, KeyFault> {
    let unreadable = |error| fault(path, "read", &error);
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFault::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
    let secret = text.trim_end().strip_prefix(HEAD).and_then(|rest| rest.strip_prefix(' '));
    let secret = secret.and_then(|secret| STANDARD.decode(secret).ok()).map(Zeroizing::new);
    let key = secret.filter(|secret| secret.len() == SECRET_BYTES).and_then(Key::new);
    key.ok_or_else(|| KeyFault::NoKey { path: path.to_owned() })
}

fn fault(path: &Path, act: &'static str, error: &std::io::Error) -> KeyFault {
    KeyFault::File { path: path.to_owned(), act, reason: error.to_string() }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for Keys {}
