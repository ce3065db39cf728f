//! Opening a log, at a start as after a full disk: the one way in, with its checks.

use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use database::Url;

use crate::error::{OpenFailure, ReadFailure, StoreFault};
use crate::lock::lock;
use crate::place::Place;
use crate::reader::Reader;
use crate::seal::{KeyFault, Keys};
use crate::store::append::Sqlite;
use crate::store::{Acknowledged, Ends, Store, figures, schema, xroad};

/// What stands in the lock file.
const BEGUN: &[u8] = b"a message log was begun here\n";
/// Newest records that are rebuilt when the log is opened.
const REBUILT_AT_OPEN: usize = 16;
/// Free bytes without which a log that ran full is not even looked at: the next body would fill the disk again.
pub(super) const ROOM_BYTES: u64 = 64 << 20;

/// A log that is whole and nobody else's.
pub(super) struct Opened {
    pub(super) store: Box<dyn Store>,
    pub(super) ends: Ends,
    pub(super) lock: File,
}

/// Opens the log in a place, as [`super::MessageLog::open`] says.
pub(super) fn open(place: &Place, keys: &Keys) -> Result<Opened, OpenFailure> {
    open_with(place, keys, None)
}

fn open_with(place: &Place, keys: &Keys, acknowledged: Option<Acknowledged>) -> Result<Opened, OpenFailure> {
    if matches!(place, Place::Folder(_)) && keys.has_xroad() {
        return Err(KeyFault::NotXroads.into());
    }
    let folder = place.folder();
    make(folder).map_err(|error| unusable(folder, &error))?;
    let path = place.lock_file();
    let locked = lock(&path).map_err(|error| unusable(&path, &error))?;
    let mut lock = locked.ok_or(OpenFailure::InUse { path })?;
    let begun = lock.metadata().map_err(|error| unusable(folder, &error))?.len() > 0;
    let mut note = || {
        if begun {
            return Ok(());
        }
        // Before the first record: a crash up to here leaves an empty log that is begun once more.
        let noted = lock.write_all(BEGUN).and_then(|()| lock.sync_all());
        noted.map_err(|error| unusable(folder, &error))
    };
    let (store, ends): (Box<dyn Store>, Ends) = match place {
        Place::Folder(_) => open_file(place, keys, begun, note)?,
        Place::Database { url, .. } => {
            let (store, ends) = xroad::open_for_writing(url, begun.then(|| place.lock_file()), acknowledged)?;
            note()?;
            check_newest(place, keys)?;
            (Box::new(store), ends)
        }
    };
    Ok(Opened { store, ends, lock })
}

/// What was found is flushed once more before anything is added to it: after a flush that failed, the system may show
/// what the disk does not hold, and records behind such a hole would be lost with it.
fn open_file(
    place: &Place,
    keys: &Keys,
    begun: bool,
    note: impl FnOnce() -> Result<(), OpenFailure>,
) -> Result<(Box<dyn Store>, Ends), OpenFailure> {
    let folder = place.folder();
    let connection = schema::open_for_writing(folder, begun)?;
    note()?;
    check_newest(place, keys)?;
    if !schema::settle(&connection)? {
        return Err(OpenFailure::InUse { path: schema::database(folder) });
    }
    let ends = figures::ends(&connection)?;
    Ok((Box::new(Sqlite::new(connection)?), ends))
}

/// Opens a log again that could not be written, when what was missing may be there.
pub(super) fn open_again(
    place: &Place,
    keys: &Keys,
    acknowledged: Acknowledged,
) -> Result<Opened, OpenFailure> {
    match place {
        Place::Folder(folder) => {
            prove_room(folder, ROOM_BYTES)?;
            open(place, keys)
        }
        Place::Database { url, .. } => {
            open_with(place, keys, Some(acknowledged)).map_err(|failure| passing(url, failure))
        }
    }
}

/// A server that is taken over by another passes through states that would be an operator's business at a start: nobody is let in yet, the
/// database is not there yet, it is a standby still. The log was open before, so they are waited for; what says that the log itself is
/// another one or damaged is not.
fn passing(url: &Url, failure: OpenFailure) -> OpenFailure {
    match failure {
        // Maybe by us: the server has not noticed yet that our last connection has ended.
        OpenFailure::InUse { .. } => StoreFault::Away(format!("{url} is in use")).into(),
        OpenFailure::Storage(StoreFault::ReadOnly(why) | StoreFault::Other(why)) => {
            StoreFault::Away(why).into()
        }
        OpenFailure::Storage(
            StoreFault::Full | StoreFault::Away(_) | StoreFault::Disk(_) | StoreFault::Damaged(_),
        )
        | OpenFailure::Directory { .. }
        | OpenFailure::Schema { .. }
        | OpenFailure::Foreign(_)
        | OpenFailure::Gone { .. }
        | OpenFailure::GoneAtServer { .. }
        | OpenFailure::NotBegun { .. }
        | OpenFailure::Layout(_)
        | OpenFailure::NoSchema { .. }
        | OpenFailure::Unfit(_)
        | OpenFailure::Lost { .. }
        | OpenFailure::Keys(_)
        | OpenFailure::NoKey { .. }
        | OpenFailure::Damaged(_) => failure,
    }
}

pub(super) fn unusable(path: &Path, error: &std::io::Error) -> OpenFailure {
    OpenFailure::Directory { path: path.to_owned(), reason: error.to_string() }
}

/// Whether so many bytes are free.
pub(super) fn prove_room(directory: &Path, bytes: u64) -> Result<(), OpenFailure> {
    let disk = rustix::fs::statvfs(directory).map_err(|error| unusable(directory, &error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < bytes { Err(StoreFault::Full.into()) } else { Ok(()) }
}

/// The directory, its place in the one above, and whatever had to be made above it are on the disk before anything is put there: with a
/// directory that a crash takes back goes everything that was flushed in it.
pub(crate) fn make(directory: &Path) -> std::io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = |path: &Path| path.parent().filter(|above| !above.as_os_str().is_empty()).map(Path::to_owned);
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let made: Vec<&Path> = directory.ancestors().skip(1).take_while(missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    for path in made.into_iter().chain([directory]) {
        File::open(above(path).unwrap_or_else(|| ".".into()))?.sync_all()?;
    }
    Ok(())
}

/// Rebuilds the newest records: what was written last is what a failing disk loses first.
fn check_newest(place: &Place, keys: &Keys) -> Result<(), OpenFailure> {
    let reader = Reader::open(place)?.with_keys(keys.clone());
    let rebuilt = reader.rebuild_newest(REBUILT_AT_OPEN);
    rebuilt.map_err(|failure| match &failure {
        ReadFailure::Storage(fault) => OpenFailure::Storage(fault.clone()),
        ReadFailure::NoKey { key, .. } => OpenFailure::NoKey { key: key.clone() },
        ReadFailure::NoSuchRecord(_)
        | ReadFailure::NoSuchAttachment { .. }
        | ReadFailure::Damaged { .. }
        | ReadFailure::NotExportable { .. }
        | ReadFailure::Output(_) => OpenFailure::Damaged(failure.to_string()),
    })
}
