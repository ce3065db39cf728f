//! Making one archive: chosen, written beside, flushed, read back, named; where it is sealed: chosen, written apart, read back, sealed
//! beside, flushed, read back, named.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek};
use std::path::{Path, PathBuf};

use identifier::{ClientId, MemberId};
use jiff::Timestamp;
use signature::archive::{
    ArchiveWriter, Before, CONTAINER_BYTES_MAX, Link, Refusal, WriteFailure, Written, file_name, verify,
};

use super::sealing::{Digesting, Open, Sealing};
use super::shelf::{Shelf, failed};
use super::{ArchiveFailure, Archiving, Few, Grouping};
use crate::error::ReadFailure;
use crate::export::{Exported, Exporter};
use crate::reader::Reader;
use crate::record::RecordId;
use crate::store::archive::{LookedAt, NewArchive, Party};

/// The name of an archive that is being written: there is one at a time, and the next one takes the place of what a crash has left.
const UNFINISHED: &str = "mlog.part";
/// The name that an open archive has for a moment where archives are sealed, in another folder.
const SCRATCH: &str = "archive.open";
/// Numbers of records that are held at a time.
const PAGE: usize = 1000;

/// Whose records stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// `instance/class/code[/subsystem]`; nothing when all stand together.
    pub(super) name: Option<String>,
    /// Whose they are, unless all stand together.
    pub(super) member: Option<MemberId>,
    pub(super) parties: Vec<Party>,
}

/// How far the records of a group have been looked at in a round: so that each is looked at once, whatever becomes of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    /// Which of the group's parties.
    party: usize,
    /// Behind which of its records.
    after: RecordId,
}

impl Position {
    pub(super) const START: Self = Self { party: 0, after: RecordId(0) };
}

/// The archive that is to be made.
pub(super) struct Task {
    pub(super) group: Group,
    /// Where it begins.
    pub(super) from: Position,
    /// The last record with a time-stamp, when the round began.
    pub(super) through: RecordId,
    pub(super) settings: Archiving,
    pub(super) now: Timestamp,
    /// Whether bodies may be cut: then one that is not as it was signed is no sign of damage.
    pub(super) cuts: bool,
}

impl Task {
    fn sealing(&self) -> Option<&Sealing> {
        self.settings.sealing.as_deref()
    }

    /// Where the archive is written to first.
    fn unfinished(&self) -> PathBuf {
        match self.sealing() {
            Some(sealing) => sealing.scratch.join(SCRATCH),
            None => self.settings.directory.join(UNFINISHED),
        }
    }

    /// Makes that file, if what will be written there can be sealed.
    fn create(&self, shelf: &dyn Shelf) -> Result<File, ArchiveFailure> {
        let path = self.unfinished();
        let made = if let Some(sealing) = self.sealing() {
            sealing.keys.check(self.group.member.as_ref(), self.now).map_err(|why| {
                let group = self.group.name.clone().unwrap_or_else(|| "all clients".to_owned());
                ArchiveFailure::NotSealable { group, why }
            })?;
            shelf.scratch(&path)
        } else {
            // A crash from here on leaves an unfinished file under a name that no archive has.
            shelf.create(&path)
        };
        made.map_err(|error| failed(&path, "made", &error))
    }
}

/// What has become of it.
pub(super) struct Made {
    /// Nothing when there was nothing to archive.
    pub(super) archive: Option<Built>,
    /// Where the next one begins.
    pub(super) until: Position,
    /// Records that could not be rebuilt.
    pub(super) withheld: Few<ReadFailure>,
    /// Records in it without a body that is not as it was signed.
    pub(super) left_out: Few<RecordId>,
}

/// An archive that is on the disk and was verified.
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) archive: NewArchive,
}

/// The groups, in the order of their members and subsystems.
pub(super) fn groups(reader: &Reader, grouping: Grouping) -> Result<Vec<Group>, ReadFailure> {
    let mut groups: Vec<Group> = Vec::new();
    for party in reader.tables().parties()? {
        let name = group_name(&party.client, grouping);
        match groups.last_mut().filter(|group| group.name == name) {
            Some(group) => group.parties.push(party),
            None => {
                let member = name.is_some().then(|| party.client.member());
                groups.push(Group { name, member, parties: vec![party] });
            }
        }
    }
    Ok(groups)
}

fn group_name(client: &ClientId, grouping: Grouping) -> Option<String> {
    let member = client.member();
    let member = [member.instance(), member.class(), member.code()].join("/");
    match (grouping, client.subsystem()) {
        (Grouping::None, _) => None,
        (Grouping::Subsystem, Some(subsystem)) => Some(format!("{member}/{subsystem}")),
        (Grouping::Member | Grouping::Subsystem, _) => Some(member),
    }
}

/// The next archive of a group. When this has answered, its file stands in its place on the disk, whole and read back; the log does not
/// know of it yet.
pub(super) fn build(reader: &Reader, task: &Task, shelf: &dyn Shelf) -> Result<Made, ArchiveFailure> {
    let directory = &task.settings.directory;
    let previous = reader.tables().last_link(task.group.name.as_deref())?;
    let mut filling = Filling::new(task, previous.clone());
    filling.fill(reader, task, || task.create(shelf))?;
    let Filling { writer, contents, until, withheld, left_out, unfinished, .. } = filling;
    let Some((writer, (first, last))) = writer.zip(contents.times) else {
        return Ok(Made { archive: None, until, withheld, left_out });
    };
    let written = writer.finish(last).map_err(|failure| unwritten(&unfinished, failure))?;
    let Written { out, digest, bytes } = written;
    let out = out.into_inner().map_err(|error| failed(&unfinished, "written", error.error()))?;
    let expected = Expected { previous, digest, containers: contents.count };
    let beside = directory.join(UNFINISHED);
    let bytes = if let Some(sealing) = task.sealing() {
        let open = Open { digest: out.digest(), file: out.inner, path: unfinished };
        expected.check(&open.path, open.reread())?;
        sealing.seal(shelf, &open, task.group.member.as_ref(), &beside, task.now)?
    } else {
        shelf.flush(&out.inner).map_err(|error| failed(&beside, "flushed", &error))?;
        drop(out);
        expected.check(&beside, shelf.reopen(&beside))?;
        bytes
    };
    let is_sealed = task.sealing().is_some();
    let name = file_name(task.group.name.as_deref(), first, last, &expected.digest, is_sealed);
    let path = directory.join(&name);
    // A crash before the directory is flushed leaves the archive under either name. One of the same name that is there already is a crash's
    // too, and holds the same.
    shelf.rename(&beside, &path).map_err(|error| failed(&path, "given its name", &error))?;
    shelf.flush_directory(directory).map_err(|error| failed(directory, "flushed", &error))?;
    let archive = NewArchive {
        group: task.group.name.clone().unwrap_or_default(),
        link: Link { digest: expected.digest, file_name: name },
        containers: contents.count,
        bytes,
        records: contents.records,
        looked_at: contents.looked_at,
        withheld: contents.withheld,
    };
    Ok(Made { archive: Some(Built { path, archive }), until, withheld, left_out })
}

/// What an archive was written as.
struct Expected {
    previous: Option<Link>,
    digest: String,
    containers: u64,
}

impl Expected {
    /// Whether a file holds what was written to it, all of it linked.
    fn check(&self, path: &Path, file: std::io::Result<impl Read + Seek>) -> Result<(), ArchiveFailure> {
        let file = file.map_err(|error| failed(path, "read back", &error))?;
        let before = self.previous.as_ref().map_or(Before::Nothing, |link| Before::Digest(&link.digest));
        let not_as_written = |refusal| ArchiveFailure::NotAsWritten { path: path.to_owned(), refusal };
        let found = verify(BufReader::new(file), before, |_, _| {}).map_err(not_as_written)?;
        if found.digest == self.digest
            && u64::try_from(found.containers) == Ok(self.containers)
            && found.previous == self.previous
        {
            return Ok(());
        }
        Err(not_as_written(Refusal::BadLinking("it is another archive's")))
    }
}

fn unwritten(path: &Path, failure: WriteFailure) -> ArchiveFailure {
    match failure {
        WriteFailure::File(error) => failed(path, "written", &error),
        WriteFailure::Full => failed(path, "written", &std::io::Error::other(failure.to_string())),
    }
}

/// What stands in an archive, for the log.
#[derive(Default)]
struct Contents {
    count: u64,
    records: Vec<RecordId>,
    /// Of the oldest and the newest record.
    times: Option<(Timestamp, Timestamp)>,
    looked_at: Vec<LookedAt>,
    withheld: Vec<(i64, RecordId)>,
}

struct Filling {
    previous: Option<Link>,
    bytes: u64,
    bytes_max: u64,
    unfinished: PathBuf,
    writer: Option<ArchiveWriter<BufWriter<Digesting<File>>>>,
    contents: Contents,
    until: Position,
    withheld: Few<ReadFailure>,
    cuts: bool,
    left_out: Few<RecordId>,
}

impl Filling {
    fn new(task: &Task, previous: Option<Link>) -> Self {
        Self {
            previous,
            bytes: 0,
            bytes_max: task.settings.file_bytes_max,
            unfinished: task.unfinished(),
            writer: None,
            contents: Contents::default(),
            until: task.from,
            withheld: Few::default(),
            cuts: task.cuts,
            left_out: Few::default(),
        }
    }

    /// Takes the group's records, party by party, until there are no more or the archive is long enough.
    fn fill(
        &mut self,
        reader: &Reader,
        task: &Task,
        create: impl Fn() -> Result<File, ArchiveFailure>,
    ) -> Result<(), ArchiveFailure> {
        let mut exporter = Exporter::new(reader);
        for (place, party) in task.group.parties.iter().enumerate().skip(task.from.party) {
            if place > self.until.party {
                self.until = Position { party: place, after: RecordId(0) };
            }
            loop {
                let page = reader.tables().waiting(party, self.until.after, task.through, PAGE)?;
                if page.is_empty() {
                    break;
                }
                for id in page {
                    if !self.take(&mut exporter, party.id, id, &create)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a record; whether another one may follow.
    fn take(
        &mut self,
        exporter: &mut Exporter<'_>,
        party: i64,
        id: RecordId,
        create: &impl Fn() -> Result<File, ArchiveFailure>,
    ) -> Result<bool, ArchiveFailure> {
        match exported(exporter, id, self.cuts) {
            Ok(exported) => {
                let writer = match &mut self.writer {
                    Some(writer) if !writer.has_room_for(&exported.bytes) => return Ok(false),
                    Some(writer) => writer,
                    none => {
                        let out = BufWriter::new(Digesting::new(create()?));
                        none.insert(ArchiveWriter::new(out, self.previous.as_ref()))
                    }
                };
                let added = writer.add(&exported.file_name, &exported.bytes, exported.time);
                added.map_err(|failure| unwritten(&self.unfinished, failure))?;
                self.contents.add(id, &exported);
                if exported.left_out {
                    self.left_out.push(id);
                }
                self.bytes =
                    self.bytes.saturating_add(u64::try_from(exported.bytes.len()).unwrap_or(u64::MAX));
            }
            // One that is damaged holds up no other, and stays where it is.
            Err(
                failure @ (ReadFailure::Damaged { .. }
                | ReadFailure::NotExportable { .. }
                | ReadFailure::NoKey { .. }),
            ) => {
                self.contents.withheld.push((party, id));
                self.withheld.push(failure);
            }
            Err(failure) => return Err(failure.into()),
        }
        match self.contents.looked_at.last_mut().filter(|known| known.party == party) {
            Some(known) => known.through = id,
            None => self.contents.looked_at.push(LookedAt { party, after: self.until.after, through: id }),
        }
        self.until.after = id;
        Ok(self.bytes <= self.bytes_max)
    }
}

impl Contents {
    fn add(&mut self, id: RecordId, exported: &Exported) {
        self.records.push(id);
        let (first, last) = self.times.unwrap_or((exported.time, exported.time));
        self.times = Some((first.min(exported.time), last.max(exported.time)));
        self.count = self.count.saturating_add(1);
    }
}

/// A container that an archive can hold.
fn exported(exporter: &mut Exporter<'_>, id: RecordId, cuts: bool) -> Result<Exported, ReadFailure> {
    let refused = |reason: &str| Err(ReadFailure::NotExportable { record: id, reason: reason.to_owned() });
    let exported = exporter.export(id)?;
    if exported.left_out && !cuts {
        let what = "a body is not the one that was signed".to_owned();
        return Err(ReadFailure::Damaged { record: id, what });
    }
    if !exported.stamped {
        return refused("its time-stamp is gone");
    }
    if u64::try_from(exported.bytes.len()).is_ok_and(|bytes| bytes < CONTAINER_BYTES_MAX) {
        return Ok(exported);
    }
    refused("its container is larger than an archive's may be")
}
