//! The keystore itself: a directory, opened with a PIN.

mod change;
mod keys;
mod certificates;
mod take_over;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use identifier::MemberId;
use jiff::Timestamp;
use trust::algorithm::{EcdsaForm, SignatureAlgorithm};

use crate::disk::{self, Lock};
use crate::error::{OpenRefusal, SignFailure, StorageFailure};
use crate::held::{Credential, HeldKey};
use crate::index::{INDEX_BYTES_MAX, Index};
use crate::key::{KeyId, KeyUsage};
use crate::opened::Opened;
use crate::pin::Pin;
use crate::pool::{Pool, Work};
use crate::private_key::PrivateKey;
use crate::seal::{DataKey, PinFault, PinHardness, PinRecord};
use crate::signer::{Signer, Signing};
use crate::token::TokenSettings;
use crate::token::desk::Desk;

const INDEX_NAME: &str = "keystore.json";
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// How a keystore works while it is open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Signing threads; at least 1. By default as many as the machine runs at once, at most 16.
    pub sign_threads: usize,
    /// How many signatures may wait for a thread before callers wait for a place.
    pub sign_queue_max: usize,
    /// Longest wait for one signature, the wait for a place included.
    pub sign_timeout: Duration,
    /// What guessing the PIN costs. Used when a keystore is created or its PIN changed.
    pub pin_hardness: PinHardness,
    /// The tokens in which keys may live.
    pub tokens: Vec<TokenSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sign_threads: thread::available_parallelism().map_or(2, usize::from).min(16),
            sign_queue_max: 256,
            sign_timeout: Duration::from_secs(60),
            pin_hardness: PinHardness::default(),
            tokens: Vec::new(),
        }
    }
}

/// An open keystore. A clone is another handle on the same one.
///
/// All methods but signing read and write files and compute: they are for start-up, commands and blocking threads,
/// not for async threads.
#[derive(Clone, Debug)]
pub struct Keystore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    data_key: DataKey,
    settings: Settings,
    state: RwLock<State>,
    /// One change at a time within the process; [`Lock`] sees to other processes.
    changing: Mutex<()>,
    pool: Pool,
    desks: Desks,
}

/// One desk per configured token, in the order of the configuration.
type Desks = Vec<Arc<Desk>>;

/// What is in memory: the index, and every key of it, those in software opened and checked.
#[derive(Clone, Debug)]
struct State {
    index: Index,
    opened: BTreeMap<KeyId, Opened>,
}

impl Keystore {
    /// Makes an empty keystore in `dir`, which is created (mode 0700) if need be, and opens it.
    ///
    /// # Errors
    /// [`OpenRefusal::Exists`] when there is one; whatever the disk refuses. The PIN is taken as it is: ask
    /// [`crate::check_policy`] first.
    pub fn create(dir: impl AsRef<Path>, pin: &Pin) -> Result<Self, OpenRefusal> {
        Self::create_with(dir, pin, Settings::default())
    }

    /// [`Self::create`] with settings.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_with(dir: impl AsRef<Path>, pin: &Pin, settings: Settings) -> Result<Self, OpenRefusal> {
        let dir = dir.as_ref().to_path_buf();
        disk::make_private_directory(&dir)?;
        let _lock = Lock::take(&dir)?;
        let path = dir.join(INDEX_NAME);
        if path.symlink_metadata().is_ok() {
            return Err(OpenRefusal::Exists { dir });
        }
        let data_key = DataKey::generate()?;
        let index = Index { pin: PinRecord::seal(pin, settings.pin_hardness, &data_key)?, keys: Vec::new() };
        // A crash before this line's rename leaves a directory without a keystore, which `create` takes again.
        disk::replace(&path, &index.write(&path)?)?;
        let desks = tokens::desks(&settings, &dir);
        Self::start(dir, data_key, settings, State { index, opened: BTreeMap::new() }, desks)
    }

    /// Opens the keystore in `dir`. The PIN is judged before any key is touched; then every key file is opened and
    /// compared with the index, so that a damaged keystore is told at the start and not at the first message.
    ///
    /// # Errors
    /// [`OpenRefusal`].
    pub fn open(dir: impl AsRef<Path>, pin: &Pin) -> Result<Self, OpenRefusal> {
        Self::open_with(dir, pin, Settings::default())
    }

    /// [`Self::open`] with settings.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(dir: impl AsRef<Path>, pin: &Pin, settings: Settings) -> Result<Self, OpenRefusal> {
        let dir = dir.as_ref().to_path_buf();
        if dir.join(INDEX_NAME).symlink_metadata().is_err() {
            return Err(OpenRefusal::Absent { dir });
        }
        disk::check_directory(&dir)?;
        // A key that another process removes between the reading of index and key files would look like damage.
        let _lock = Lock::take(&dir)?;
        let index = read_index(&dir)?;
        let data_key = index.pin.open(pin).map_err(|fault| pin_refusal(&dir, fault))?;
        let desks = tokens::desks(&settings, &dir);
        let opened = open_all(&dir, &data_key, &index, &BTreeMap::new(), &desks)?;
        Self::start(dir, data_key, settings, State { index, opened }, desks)
    }

    fn start(
        dir: PathBuf,
        data_key: DataKey,
        settings: Settings,
        state: State,
        desks: Desks,
    ) -> Result<Self, OpenRefusal> {
        let pool = Pool::start(settings.sign_threads, settings.sign_queue_max, settings.sign_timeout)?;
        let (state, changing) = (RwLock::new(state), Mutex::new(()));
        Ok(Self { shared: Arc::new(Shared { dir, data_key, settings, state, changing, pool, desks }) })
    }

    /// Where it lies.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// All keys, without anything secret, in the order of their making.
    pub fn list(&self) -> Vec<HeldKey> {
        self.read(|state| state.index.keys.clone())
    }

    /// One key.
    pub fn find(&self, key: &KeyId) -> Option<HeldKey> {
        self.read(|state| state.index.keys.iter().find(|held| held.id == *key).cloned())
    }

    /// What a member can sign with at `now`: active certificates of signing keys, in date, in the order of import.
    /// The first whose OCSP answer is good is the one to use (control-plane 5.5); that is for the caller to judge.
    pub fn active_signing(&self, member: &MemberId, now: Timestamp) -> Vec<Credential> {
        let mut found = self.active(KeyUsage::Signing, now);
        found.retain(|credential| credential.owner.member.as_ref() == Some(member));
        found
    }

    /// What the gateway can show to other gateways at `now`: active certificates of authentication keys, in date.
    pub fn active_authentication(&self, now: Timestamp) -> Vec<Credential> {
        self.active(KeyUsage::Authentication, now)
    }

    /// What the gateway can show to the member's own systems at `now`; at most one certificate is active.
    pub fn active_internal_tls(&self, now: Timestamp) -> Option<Credential> {
        self.active(KeyUsage::InternalTls, now).into_iter().next()
    }

    fn active(&self, usage: KeyUsage, now: Timestamp) -> Vec<Credential> {
        self.read(|state| {
            let keys = state.index.keys.iter().filter(|key| key.usage == usage);
            keys.flat_map(|key| key.certificates.iter().map(move |held| (key, held)))
                .filter(|(_, held)| held.active && held.certificate.is_valid_at(now))
                .map(|(key, held)| Credential {
                    key: key.id.clone(),
                    algorithm: key.algorithm,
                    certificate: held.certificate.clone(),
                    owner: held.owner.clone(),
                })
                .collect()
        })
    }

    /// Signs `digest` on the calling thread: for commands and blocking threads. Async code uses [`Signer`].
    ///
    /// # Errors
    /// [`SignFailure`].
    pub fn sign_digest_blocking(
        &self,
        key: &KeyId,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        form: EcdsaForm,
    ) -> Result<Vec<u8>, SignFailure> {
        self.opened(key)?.sign_digest(algorithm, digest, form)
    }

    /// Reads the directory again, to see what another process (a command) changed. What is in use stays usable when
    /// the directory does not read.
    ///
    /// # Errors
    /// [`StorageFailure`].
    pub fn reload(&self) -> Result<(), StorageFailure> {
        let _changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = Lock::take(&self.shared.dir)?;
        let fresh = self.fresh_state()?;
        self.adopt(fresh);
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn adopt(&self, state: State) {
        *self.shared.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn opened(&self, key: &KeyId) -> Result<Opened, SignFailure> {
        self.read(|state| state.opened.get(key).cloned())
            .ok_or_else(|| SignFailure::UnknownKey { key: key.clone() })
    }

    /// The state as the disk has it now. Keys already in memory are not opened again.
    fn fresh_state(&self) -> Result<State, StorageFailure> {
        let Shared { dir, data_key, desks, .. } = &*self.shared;
        disk::check_directory(dir)?;
        let index = read_index(dir)?;
        let known = self.read(|state| state.opened.clone());
        let opened = open_all(dir, data_key, &index, &known, desks)?;
        Ok(State { index, opened })
    }
}

impl Signer for Keystore {
    fn sign_digest_as(
        &self,
        key: &KeyId,
        algorithm: SignatureAlgorithm,
        digest: &[u8],
        form: EcdsaForm,
    ) -> Signing {
        match self.opened(key) {
            Ok(Opened::Software(opened)) => {
                let work = Work { key: opened, algorithm, digest: digest.to_vec(), form };
                if work.key.is_quick() {
                    return Box::pin(async move { work.sign() });
                }
                self.shared.pool.sign(key.clone(), work)
            }
            Ok(Opened::Token { desk: Ok(desk), key: in_token }) => {
                desk.sign(key.clone(), in_token, algorithm, digest, form)
            }
            Ok(Opened::Token { desk: Err(failure), .. }) => Box::pin(std::future::ready(Err(failure.into()))),
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    }
}

impl Keystore {
    /// Whether a key can sign as far as is known, so that work whose outcome must be signed is not begun in vain. A token is asked only
    /// if it or the key was gone.
    ///
    /// # Errors
    /// [`SignFailure`].
    pub async fn check_signer(&self, key: &KeyId) -> Result<(), SignFailure> {
        match self.opened(key)? {
            Opened::Software(_) => Ok(()),
            Opened::Token { desk, key: in_token } => desk?.check(key.clone(), in_token).await.map(drop),
        }
    }
}

fn pin_refusal(dir: &Path, fault: PinFault) -> OpenRefusal {
    match fault {
        PinFault::Refused(refusal) => refusal,
        PinFault::Damaged(why) => StorageFailure::damaged(&dir.join(INDEX_NAME), why).into(),
    }
}

fn read_index(dir: &Path) -> Result<Index, StorageFailure> {
    let path = dir.join(INDEX_NAME);
    let bytes = disk::read_private(&path, INDEX_BYTES_MAX)?
        .ok_or_else(|| StorageFailure::damaged(&path, "it is gone"))?;
    Index::read(&path, &bytes)
}

fn key_path(dir: &Path, id: &KeyId) -> PathBuf {
    dir.join(format!("{id}.key"))
}

/// Opens the file of every key in the index and compares what comes out with what the index says.
fn open_all(
    dir: &Path,
    data_key: &DataKey,
    index: &Index,
    known: &BTreeMap<KeyId, Opened>,
    desks: &[Arc<Desk>],
) -> Result<BTreeMap<KeyId, Opened>, StorageFailure> {
    let mut opened = BTreeMap::new();
    for held in &index.keys {
        let same = |key: &PrivateKey| key.public_key().is_ok_and(|spki| spki == held.public_key);
        let key = match (&held.token, known.get(&held.id)) {
            (Some(place), _) => tokens::opened(desks, held, place)
                .map_err(|why| StorageFailure::damaged(&dir.join(INDEX_NAME), why))?,
            (None, Some(Opened::Software(key))) if same(key) => Opened::Software(Arc::clone(key)),
            (None, _) => Opened::Software(Arc::new(open_one(dir, data_key, held)?)),
        };
        opened.insert(held.id.clone(), key);
    }
    Ok(opened)
}

fn open_one(dir: &Path, data_key: &DataKey, held: &HeldKey) -> Result<PrivateKey, StorageFailure> {
    let path = key_path(dir, &held.id);
    let damaged = |why: &str| StorageFailure::damaged(&path, why);
    let pkcs8 = open_pkcs8(dir, data_key, held)?;
    let key = PrivateKey::read_pkcs8(&pkcs8).map_err(|_| damaged("it holds no key"))?;
    let public_key = key.public_key().map_err(|_| damaged("it holds no key"))?;
    if public_key != held.public_key || key.algorithm() != held.algorithm {
        return Err(damaged("it holds another key than the index says"));
    }
    Ok(key)
}

fn open_pkcs8(
    dir: &Path,
    data_key: &DataKey,
    held: &HeldKey,
) -> Result<zeroize::Zeroizing<Vec<u8>>, StorageFailure> {
    let path = key_path(dir, &held.id);
    let file = disk::read_private(&path, KEY_FILE_BYTES_MAX)?
        .ok_or_else(|| StorageFailure::damaged(&path, "it is missing"))?;
    data_key.open_key(&held.id, held.usage, held.algorithm, &file).ok_or_else(|| {
        StorageFailure::damaged(&path, "it does not open: cut short, altered, or of another keystore")
    })
}
