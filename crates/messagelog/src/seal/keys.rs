//! The operator's keys: one file each, readable by its owner alone; and those of X-Road, in its key store.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keystore::{P12Refusal, Pin, secret_keys};
use thiserror::Error;
use zeroize::Zeroizing;

use super::xroad::XroadKey;
use super::{KEY_ID_BYTES, KeyName, Unopened};

const HEAD: &str = "chhatra-messagelog-key-1";
const KEY_ID: &[u8] = b"chhatra messagelog key id 1";
const SECRET_BYTES: usize = 32;
const FILE_BYTES_MAX: u64 = 256;
/// Longest file of a password that is read.
const PASSWORD_BYTES_MAX: u64 = 4096;
/// Characters of a name that the column `keyid` takes.
const NAME_CHARS_MAX: usize = 255;
/// What no name of X-Road's begins with: in that column it says that a record is sealed in our form.
pub(crate) const OWN_MARK: &str = "chhatra-seal-1:";

/// Keys for records: the first seals what is new, all open what is there. None: new records are kept open. Where one of X-Road's is named
/// for new records, the others only open.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Vec<Arc<Key>>,
    xroad: BTreeMap<String, Arc<XroadKey>>,
    xroad_for_new: Option<Arc<XroadKey>>,
}

/// Where X-Road's keys are, for a log in PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XroadEncryption {
    /// `messagelog-keystore`: PKCS#12 with secret keys.
    pub key_store: PathBuf,
    /// A file whose first line is its password.
    pub password_file: PathBuf,
    /// `messagelog-key-id`: under which new records are encrypted; none: what is there is read, and nothing is encrypted.
    pub key: Option<String>,
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    secret: Zeroizing<Vec<u8>>,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// The file.
    #[error("{path} cannot be {act}: {reason}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What could not be done to it.
        act: &'static str,
        /// The operating system's words.
        reason: String,
    },
    /// Others than its owner may read or change it.
    #[error("{path} is open to others than its owner (mode {mode:03o}); it must have mode 600")]
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
    /// There is no password in its file.
    #[error("the first line of {path} must be the password of X-Road's key store")]
    NoPassword {
        /// Which one.
        path: PathBuf,
    },
    /// X-Road's key store does not open.
    #[error("X-Road's key store {path}: {refusal}")]
    KeyStore {
        /// Which one.
        path: PathBuf,
        /// Why.
        refusal: P12Refusal,
    },
    /// It holds no secret key, or not the one that is named.
    #[error("X-Road's key store {path} holds no secret key {}; it holds: {}", key.as_deref().unwrap_or("at all"), held.join(", "))]
    NoSecretKey {
        /// Which one.
        path: PathBuf,
        /// The name asked for.
        key: Option<String>,
        /// The names in it.
        held: Vec<String>,
    },
    /// A secret key has a name that a log cannot hold.
    #[error(
        "X-Road's key store {path} holds a secret key whose name is longer than {NAME_CHARS_MAX} characters or begins with {OWN_MARK}"
    )]
    KeyName {
        /// Which one.
        path: PathBuf,
    },
    /// X-Road's keys were given for a log that is not laid out as X-Road's.
    #[error(
        "xroad_encryption is for a log in PostgreSQL, and this one is kept under state_dir: leave it out; key_files seal there"
    )]
    NotXroads,
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
                return Err(KeyFault::Twice { path: path.clone(), id: hex::encode(key.id) });
            }
            keys.push(Arc::new(key));
        }
        Ok(Self { keys, ..Self::default() })
    }

    /// The same with X-Road's.
    ///
    /// # Errors
    /// A file that cannot be read, a password that others may read or that does not open the key store, a key that is not in it.
    pub fn with_xroad(mut self, at: &XroadEncryption) -> Result<Self, KeyFault> {
        let path = || at.key_store.clone();
        let password = own_text(&at.password_file, PASSWORD_BYTES_MAX)?;
        let password = Pin::of_first_line(password.to_string());
        let password = password.ok_or_else(|| KeyFault::NoPassword { path: at.password_file.clone() })?;
        let unreadable = |error| fault(&at.key_store, "read", &error);
        let file = File::open(&at.key_store).map_err(unreadable)?;
        let mut octets = Vec::new();
        let bytes_max = u64::try_from(secret_keys::FILE_BYTES_MAX).unwrap_or(u64::MAX);
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut octets).map_err(unreadable)?;
        let found = secret_keys::read(&octets, &password)
            .map_err(|refusal| KeyFault::KeyStore { path: path(), refusal })?;
        for secret_keys::SecretKey { name, secret } in found {
            if name.chars().count() > NAME_CHARS_MAX || name.starts_with(OWN_MARK) {
                return Err(KeyFault::KeyName { path: path() });
            }
            let key = XroadKey::new(name.clone(), &secret).ok_or(KeyFault::NoChance)?;
            self.xroad.insert(name, Arc::new(key));
        }
        let named = at.key.as_ref().map(|key| self.xroad.get(key).cloned());
        if self.xroad.is_empty() || matches!(named, Some(None)) {
            let held = self.xroad.keys().cloned().collect();
            return Err(KeyFault::NoSecretKey { path: path(), key: at.key.clone(), held });
        }
        self.xroad_for_new = named.flatten();
        Ok(self)
    }

    /// Whether there are some of X-Road's.
    pub(crate) fn has_xroad(&self) -> bool {
        !self.xroad.is_empty()
    }

    pub(crate) fn of_xroad(&self, name: &str) -> Result<&XroadKey, Unopened> {
        let key = self.xroad.get(name).map(AsRef::as_ref);
        key.ok_or_else(|| Unopened::NoKey(KeyName::Xroad(name.to_owned())))
    }

    pub(super) fn of_xroad_for_new(&self) -> Option<&Arc<XroadKey>> {
        self.xroad_for_new.as_ref()
    }

    /// Whether a record that needs this key can be opened.
    pub(crate) fn holds(&self, key: &KeyName) -> bool {
        match key {
            KeyName::Own(name) => self.names().contains(name),
            KeyName::Xroad(name) => self.xroad.contains_key(name),
        }
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
        Key::new(secret).map(|key| hex::encode(key.id)).ok_or(KeyFault::NoChance)
    }

    /// The names of the keys, the one that seals first.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| hex::encode(key.id)).collect()
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
    let text = own_text(path, FILE_BYTES_MAX)?;
    let secret = text.trim_end().strip_prefix(HEAD).and_then(|rest| rest.strip_prefix(' '));
    let secret = secret.and_then(|secret| STANDARD.decode(secret).ok()).map(Zeroizing::new);
    let key = secret.filter(|secret| secret.len() == SECRET_BYTES).and_then(Key::new);
    key.ok_or_else(|| KeyFault::NoKey { path: path.to_owned() })
}

/// What stands in a file that nobody else may read.
fn own_text(path: &Path, bytes_max: u64) -> Result<Zeroizing<String>, KeyFault> {
    let unreadable = |error| fault(path, "read", &error);
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFault::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(bytes_max).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

fn fault(path: &Path, act: &'static str, error: &std::io::Error) -> KeyFault {
    KeyFault::File { path: path.to_owned(), act, reason: error.to_string() }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let xroad = self.xroad.keys().map(|name| format!("X-Road's {name}"));
        f.debug_list().entries(self.names()).entries(xroad).finish()
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let new = |keys: &Self| keys.xroad_for_new.as_ref().map(|key| key.name().to_owned());
        self.names() == other.names() && self.xroad.keys().eq(other.xroad.keys()) && new(self) == new(other)
    }
}

impl Eq for Keys {}
