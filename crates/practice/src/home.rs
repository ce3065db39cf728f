//! The directory in which the authority lives: keys and certificates minted once, numbers that never repeat.

use crate::authority::Settings;
use crate::certificate::Purpose;
use crate::error::{OpenFailure, StoreFailure};
use crate::key::{Key, KeyKind};
use crate::party::{Party, Validity};
use crate::pem;
use crate::register::{Entry, Profile, Register, Status};
use clock::Chance;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MANIFEST: &str = "authority.json";
const REGISTER: &str = "issued.jsonl";
const NUMBERS: &str = "tsa-number";
/// How many time-stamp numbers are taken from the disk at once.
const NUMBERS_AT_ONCE: u64 = 1000;

const ROOT_DAYS: i64 = 7300;
const OWN_DAYS: i64 = 3650;

/// What is fixed at the first start. It is written last: where it is missing, nothing has begun.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    name: String,
    keys: KeyKind,
    intermediate: bool,
}

/// The authority's keys and what it remembers.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) root: Party,
    pub(crate) issuing: Option<Party>,
    /// Answers for what the issuing authority issued; without one, for the root's.
    pub(crate) ocsp: Party,
    /// Answers for the root, when there is an issuing authority below it.
    pub(crate) root_ocsp: Option<Party>,
    pub(crate) tsa: Party,
    pub(crate) register: Register,
    pub(crate) numbers: Numbers,
    /// Held for as long as the authority lives, so that no second process writes the same files.
    _lock: Lock,
}

/// Lets go explicitly: closing the file would not do while a child process, just being started, still has it open.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // When this fails the process is ending or the file is gone; either lets go.
        let _ = self.0.unlock();
    }
}

/// Mints or opens.
pub(crate) fn open(
    directory: &Path,
    settings: &Settings,
    now: Timestamp,
    chance: &Chance,
) -> Result<Home, OpenFailure> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(file(directory, "made"))?;
    let lock = lock(directory)?;
    let manifest_path = directory.join(MANIFEST);
    let manifest = match fs::read(&manifest_path) {
        Ok(bytes) => {
            serde_json::from_slice::<Manifest>(&bytes).map_err(|error| damaged(&manifest_path, &error))?
        }
        Err(error) if error.kind() == ErrorKind::NotFound => mint(directory, settings, now, chance)?,
        Err(error) => return Err(file(&manifest_path, "read")(error).into()),
    };
    if manifest.version != 1 {
        return Err(damaged(&manifest_path, &"another version of this program wrote it"));
    }
    let party = |role| read_party(directory, role, manifest.keys);
    let below = |role| manifest.intermediate.then(|| party(role)).transpose();
    Ok(Home {
        root: party("root")?,
        issuing: below("issuing")?,
        ocsp: party("ocsp")?,
        root_ocsp: below("root-ocsp")?,
        tsa: party("tsa")?,
        register: Register::open(&directory.join(REGISTER))?,
        numbers: Numbers::open(&directory.join(NUMBERS))?,
        _lock: lock,
    })
}

fn lock(directory: &Path) -> Result<Lock, OpenFailure> {
    let path = directory.join("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let lock = lock.map_err(file(&path, "opened"))?;
    lock.try_lock().map_err(|_| OpenFailure::InUse(directory.to_owned()))?;
    Ok(Lock(lock))
}

/// Makes all keys and certificates. A crash before the last line leaves files that the next start overwrites:
/// without a manifest nobody has seen any of them.
fn mint(
    directory: &Path,
    settings: &Settings,
    now: Timestamp,
    chance: &Chance,
) -> Result<Manifest, OpenFailure> {
    let name = settings.name.as_str();
    let party = |title: &str, purpose, days, issuer: Option<&Party>| {
        let validity = Validity { now, days };
        Party::mint(settings.keys, (name, &format!("{name} {title}")), purpose, validity, issuer, chance)
            .map_err(|_| OpenFailure::Crypto)
    };
    let subordinates = u8::from(settings.intermediate);
    let root = party("Practice Root CA", Purpose::Authority { subordinates }, ROOT_DAYS, None)?;
    let mut minted = Vec::new();
    if settings.intermediate {
        let authority = Purpose::Authority { subordinates: 0 };
        let issuing = party("Practice Issuing CA", authority, ROOT_DAYS, Some(&root))?;
        minted.push(("ocsp", party("Practice OCSP", Purpose::OcspSigner, OWN_DAYS, Some(&issuing))?, false));
        let root_ocsp = party("Practice Root OCSP", Purpose::OcspSigner, OWN_DAYS, Some(&root))?;
        minted.push(("issuing", issuing, true));
        minted.push(("root-ocsp", root_ocsp, true));
    } else {
        minted.push(("ocsp", party("Practice OCSP", Purpose::OcspSigner, OWN_DAYS, Some(&root))?, true));
    }
    minted.push(("tsa", party("Practice TSA", Purpose::TimeStamper, OWN_DAYS, Some(&root))?, true));

    let register_path = directory.join(REGISTER);
    write_file(&register_path, b"")?;
    let mut register = Register::open(&register_path)?;
    write_party(directory, "root", &root)?;
    for (role, party, by_root) in &minted {
        write_party(directory, role, party)?;
        register.issue(Entry {
            serial: hex::encode(party.serial()),
            profile: Profile::Own,
            by_root: *by_root,
            certificate: party.certificate.clone(),
            status: Status::Good,
        })?;
    }
    write_file(&directory.join(NUMBERS), b"1\n")?;
    let manifest = Manifest {
        version: 1,
        name: settings.name.clone(),
        keys: settings.keys,
        intermediate: settings.intermediate,
    };
    let path = directory.join(MANIFEST);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| damaged(&path, &error))?;
    write_file(&path, &text)?;
    Ok(manifest)
}

fn write_party(directory: &Path, role: &str, party: &Party) -> Result<(), OpenFailure> {
    let key = party.key.to_pkcs8().map_err(|_| OpenFailure::Crypto)?;
    write_file(&directory.join(format!("{role}.key")), pem::write("PRIVATE KEY", &key).as_bytes())?;
    let certificate = pem::write("CERTIFICATE", &party.certificate);
    write_file(&directory.join(format!("{role}.pem")), certificate.as_bytes())?;
    Ok(())
}

fn read_party(directory: &Path, role: &str, kind: KeyKind) -> Result<Party, OpenFailure> {
    let key_path = directory.join(format!("{role}.key"));
    let key = read_pem(&key_path, "PRIVATE KEY")?;
    let key = Key::from_pkcs8(kind, &key).map_err(|_| damaged(&key_path, &"not a private key"))?;
    let path = directory.join(format!("{role}.pem"));
    let certificate = read_pem(&path, "CERTIFICATE")?;
    Party::from_parts(key, certificate).ok_or_else(|| damaged(&path, &"not the certificate of its key"))
}

fn read_pem(path: &Path, label: &str) -> Result<Vec<u8>, OpenFailure> {
    let text = fs::read(path).map_err(file(path, "read"))?;
    pem::read(&text, &[label]).ok_or_else(|| damaged(path, &"not PEM"))
}

/// Replaces a file as a whole: a crash leaves the old one or the new one. Mode 0600 for all of them.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StoreFailure> {
    let fresh = path.with_extension("new");
    // The mode counts only for a file that is made: one left over from a crash might have another.
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(file(&fresh, "removed")(error));
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(file(&fresh, "made"))?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(file(&fresh, "written"))?;
    fs::rename(&fresh, path).map_err(file(path, "replaced"))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(file(directory, "synced"))
}

fn file(path: &Path, act: &'static str) -> impl FnOnce(std::io::Error) -> StoreFailure + use<> {
    let path = path.to_owned();
    move |error| StoreFailure::File { path, act, error }
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> OpenFailure {
    OpenFailure::Damaged { path: path.to_owned(), why: why.to_string() }
}

/// Serial numbers of time-stamps: counted up, taken from the disk in blocks before they are used. A crash wastes the
/// rest of a block and never repeats a number.
#[derive(Debug)]
pub(crate) struct Numbers {
    path: PathBuf,
    next: u64,
    taken_below: u64,
}

impl Numbers {
    fn open(path: &Path) -> Result<Self, OpenFailure> {
        let text = fs::read_to_string(path).map_err(file(path, "read"))?;
        let next = text.trim_end().parse().map_err(|error| damaged(path, &error))?;
        Ok(Self { path: path.to_owned(), next, taken_below: next })
    }

    pub(crate) fn draw(&mut self) -> Result<u64, StoreFailure> {
        if self.next >= self.taken_below {
            let bound = self.next.saturating_add(NUMBERS_AT_ONCE);
            write_file(&self.path, format!("{bound}\n").as_bytes())?;
            self.taken_below = bound;
        }
        let number = self.next;
        self.next = number.saturating_add(1);
        Ok(number)
    }
}
