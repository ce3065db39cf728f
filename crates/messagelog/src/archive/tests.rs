//! Rounds over a real log: what stands in which archive, what a failing step leaves, what is deleted.

mod sealed;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use clock::Clock;
use rusqlite::Connection;
use signature::archive::{Before, Verified, verify};
use tempfile::TempDir;

use super::*;
use crate::pack::Packed;
use crate::record::{Body, Direction, NewRecord, Search, Side};
use crate::settings::Settings;
use crate::store::{NewStamp, schema};
use identifier::{ClientId, ServiceId};

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

struct Bench {
    folder: TempDir,
    log: MessageLog,
    made: u64,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = opened(folder.path());
        Self { folder, log, made: 0 }
    }

    fn archives(&self) -> PathBuf {
        self.folder.path().join("archive")
    }

    async fn reopened(self) -> Self {
        self.log.close().await.unwrap();
        let log = opened(self.folder.path());
        Self { log, ..self }
    }

    async fn record(&mut self, owner: &str) {
        self.made = self.made.saturating_add(1);
        let owner = ClientId::parse_short(owner).unwrap();
        let record = NewRecord {
            query_id: format!("query-{}", self.made),
            request_id: "request".to_owned(),
            owner: owner.clone(),
            service: ServiceId::new(owner, "svc", None).unwrap(),
            side: Side::Consumer,
            direction: Direction::Request,
            message: b"GET\r\n/r1/EX/COM/1/sub/svc\r\n".to_vec(),
            body: Body::Bytes(vec![7; 1000].into()),
            signed: signature::SignedParts {
                signatures_xml: format!("<a><SigningTime>{}</SigningTime></a>", self.made).into_bytes(),
                hash_chain_result: None,
                hash_chain: None,
            },
        };
        self.log.record(record).await.unwrap();
    }

    /// A stamp over everything that has none; no authority has seen it.
    async fn stamp(&self) {
        let waiting = self.log.read(|reader| reader.unstamped(1000)).await.unwrap();
        let (first, last) = (waiting[0].0, waiting.last().unwrap().0);
        let records = waiting.iter().map(|(id, _)| *id).collect();
        let leaves = waiting.into_iter().flat_map(|(_, digest)| digest).collect();
        let raw = || Packed::Raw(b"<stamp/>".to_vec());
        let stamp = NewStamp { first, last, records, token: raw(), result: raw(), leaves };
        self.log.put_stamp(stamp).await.unwrap();
    }

    async fn stamped(owners: &[&str]) -> Self {
        let mut bench = Self::new();
        for owner in owners {
            bench.record(owner).await;
        }
        bench.stamp().await;
        bench
    }

    fn archivist(&self, change: impl FnOnce(&mut Archiving)) -> Archivist {
        let mut settings = Archiving { keep: None, ..Archiving::new(self.archives()) };
        change(&mut settings);
        Archivist::new(self.log.clone(), settings)
    }

    async fn round(&self, change: impl FnOnce(&mut Archiving)) -> ArchiveRound {
        self.archivist(change).round(noon(), || true).await.unwrap()
    }

    /// Numbers of the records that the log still has.
    async fn held(&self) -> BTreeSet<u64> {
        let found =
            self.log.read(|reader| reader.find(&Search { limit: 1000, ..Search::default() })).await.unwrap();
        found.into_iter().map(|entry| entry.id.0).collect()
    }

    fn database(&self) -> Connection {
        Connection::open(schema::database(self.folder.path())).unwrap()
    }
}

fn opened(folder: &Path) -> MessageLog {
    let log = MessageLog::open(folder, Settings::default(), Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    log
}

/// The numbers of the records in an archive, which is verified.
fn numbers(path: &Path, before: Before<'_>) -> (Verified, Vec<u64>) {
    numbers_in(File::open(path).unwrap(), before)
}

fn numbers_in(archive: impl std::io::Read + std::io::Seek, before: Before<'_>) -> (Verified, Vec<u64>) {
    let mut numbers = Vec::new();
    let verified = verify(archive, before, |name, _| {
        let number = name.strip_suffix(".asice").unwrap().rsplit('-').next().unwrap();
        numbers.push(u64::from_str_radix(number, 32).unwrap());
    });
    (verified.unwrap(), numbers)
}

/// All numbers along a chain that ends with this archive, each once.
fn along_the_chain(last: &Path) -> BTreeSet<u64> {
    let (mut all, mut at) = (BTreeSet::new(), Some(last.to_path_buf()));
    while let Some(path) = at {
        let (verified, numbers) = numbers(&path, Before::Anything);
        assert!(path.to_str().unwrap().ends_with(&format!("-{}.zip", &verified.digest[..16])));
        for number in numbers {
            assert!(all.insert(number), "{number} is twice in one chain");
        }
        at = verified.previous.map(|link| path.with_file_name(link.file_name));
    }
    all
}

const OWNERS: [&str; 6] = ["EX/COM/1/b", "EX/COM/1", "EX/COM/1/a", "EX/COM/1/b", "EX/GOV/2/a", "EX/COM/1/a"];

#[tokio::test]
async fn what_is_stamped_is_archived_once_in_the_order_of_its_owners() {
    let mut bench = Bench::stamped(&OWNERS).await;
    bench.record("EX/COM/1/a").await;
    let first = bench.round(|_| {}).await;
    assert_eq!((first.archives.len(), first.records), (1, 6));
    let (verified, found) = numbers(&first.archives[0], Before::Nothing);
    assert_eq!(found, [3, 6, 1, 4, 2, 5]);
    assert_eq!(bench.round(|_| {}).await, ArchiveRound::default());
    bench.stamp().await;
    let bench = bench.reopened().await;
    let second = bench.round(|_| {}).await;
    let (_, found) = numbers(&second.archives[0], Before::Digest(&verified.digest));
    assert_eq!(found, [7]);
    assert_eq!(bench.held().await.len(), 7);
    let mode = std::os::unix::fs::PermissionsExt::mode(&first.archives[0].metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn an_archive_ends_with_the_container_that_makes_it_long_enough() {
    let bench = Bench::stamped(&["EX/COM/1/a"; 5]).await;
    let round = bench.round(|settings| settings.file_bytes_max = 1).await;
    assert_eq!((round.archives.len(), round.records), (5, 5));
    assert_eq!(along_the_chain(&round.archives[4]).len(), 5);
    let mut sizes = Vec::new();
    verify(File::open(&round.archives[0]).unwrap(), Before::Nothing, |_, octets| sizes.push(octets.len()))
        .unwrap();
    // Two containers are as long as this, and three are longer.
    let long_enough = u64::try_from(sizes[0] * 2).unwrap();
    let bench = Bench::stamped(&["EX/COM/1/a"; 5]).await;
    let round = bench.round(|settings| settings.file_bytes_max = long_enough).await;
    let sizes: Vec<usize> =
        round.archives.iter().map(|path| numbers(path, Before::Anything).1.len()).collect();
    assert_eq!(sizes, [3, 2]);
}

#[tokio::test]
async fn each_group_has_its_own_archives_and_its_own_chain() {
    let mut bench = Bench::stamped(&OWNERS).await;
    let names = |round: &ArchiveRound| -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        round.archives.iter().map(name).map(|name| name.split("-2026").next().unwrap().to_owned()).collect()
    };
    let members = bench.round(|settings| settings.grouping = Grouping::Member).await;
    assert_eq!(names(&members), ["mlog-EX_COM_1", "mlog-EX_GOV_2"]);
    assert_eq!(numbers(&members.archives[0], Before::Nothing).1, [3, 6, 1, 4, 2]);
    for owner in OWNERS {
        bench.record(owner).await;
    }
    bench.stamp().await;
    let subsystems = bench.round(|settings| settings.grouping = Grouping::Subsystem).await;
    assert_eq!(
        names(&subsystems),
        ["mlog-EX_COM_1_a", "mlog-EX_COM_1_b", "mlog-EX_COM_1", "mlog-EX_GOV_2_a"]
    );
    // A member's own records go on where the group of that name ended.
    let before = numbers(&members.archives[0], Before::Nothing).0.digest;
    assert_eq!(numbers(&subsystems.archives[2], Before::Digest(&before)).1, [8]);
    for at in [0, 1, 3] {
        numbers(&subsystems.archives[at], Before::Nothing);
    }
    bench.record("EX/COM/1").await;
    bench.stamp().await;
    let all = bench.round(|_| {}).await;
    assert_eq!(numbers(&all.archives[0], Before::Nothing).1, [13]);
}

/// Does each step as the file system does, up to the one that fails.
#[derive(Debug)]
struct Failing {
    steps: AtomicUsize,
    fails_at: usize,
}

impl Failing {
    fn step(&self) -> std::io::Result<()> {
        if self.steps.fetch_add(1, Ordering::Relaxed) == self.fails_at {
            return Err(std::io::Error::other("as the test wants"));
        }
        Ok(())
    }
}

impl Shelf for Failing {
    fn create(&self, path: &Path) -> std::io::Result<File> {
        self.step()?;
        Directory.create(path)
    }
    fn flush(&self, file: &File) -> std::io::Result<()> {
        self.step()?;
        Directory.flush(file)
    }
    fn reopen(&self, path: &Path) -> std::io::Result<File> {
        self.step()?;
        Directory.reopen(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.step()?;
        Directory.rename(from, to)
    }
    fn flush_directory(&self, directory: &Path) -> std::io::Result<()> {
        self.step()?;
        Directory.flush_directory(directory)
    }
}

#[tokio::test]
async fn whichever_step_fails_nothing_is_lost_and_the_next_round_goes_on() {
    let mut failed = 0;
    // Three archives of five steps each, and one try without a failure.
    for fails_at in 0..=15 {
        let bench = Bench::stamped(&["EX/COM/1/a"; 3]).await;
        let everything_old = |settings: &mut Archiving| {
            settings.file_bytes_max = 1;
            settings.keep = Some(Duration::ZERO);
        };
        let shelf = Arc::new(Failing { steps: AtomicUsize::new(0), fails_at });
        let archivist = Archivist { shelf, ..bench.archivist(everything_old) };
        let later = noon() + SignedDuration::from_secs(1);
        let outcome = archivist.round(later, || true).await;
        failed += usize::from(matches!(outcome, Err(ArchiveFailure::File { .. })));
        let bench = bench.reopened().await;
        // What is not here any more is in an archive that verifies.
        let in_archives: BTreeSet<u64> = std::fs::read_dir(bench.archives())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "zip"))
            .flat_map(|path| numbers(&path, Before::Anything).1)
            .collect();
        let somewhere: BTreeSet<u64> = bench.held().await.union(&in_archives).copied().collect();
        assert_eq!(somewhere, BTreeSet::from([1, 2, 3]), "failed at step {fails_at}");
        assert_eq!(bench.held().await.is_empty(), outcome.is_ok());
        let again = bench.archivist(everything_old).round(later, || true).await.unwrap();
        let last = match (&outcome, again.archives.last()) {
            (_, Some(last)) => last.clone(),
            (Ok(first), None) => first.archives[2].clone(),
            (Err(why), None) => panic!("nothing was left to archive after {why}"),
        };
        assert_eq!(along_the_chain(&last), BTreeSet::from([1, 2, 3]), "failed at step {fails_at}");
        assert!(bench.held().await.is_empty());
    }
    assert_eq!(failed, 15);
}

/// A disk that holds something else than was written to it, or nothing at all.
#[derive(Debug)]
enum Bad {
    Changes(u64),
    /// What stood there before is read instead.
    Old(PathBuf),
    Full,
}

impl Shelf for Bad {
    fn create(&self, path: &Path) -> std::io::Result<File> {
        if matches!(self, Self::Full) {
            File::options().write(true).open("/dev/full")
        } else {
            Directory.create(path)
        }
    }
    fn reopen(&self, path: &Path) -> std::io::Result<File> {
        if let Self::Changes(at) = self {
            let file = File::options().read(true).write(true).open(path)?;
            let mut octet = [0];
            file.read_exact_at(&mut octet, *at)?;
            file.write_all_at(&[octet[0] ^ 0x10], *at)?;
        }
        Directory.reopen(if let Self::Old(other) = self { other } else { path })
    }
}

#[tokio::test]
async fn what_does_not_read_back_as_it_was_written_is_not_archived() {
    let bench = Bench::stamped(&OWNERS).await;
    let with = |shelf| Archivist {
        shelf: Arc::new(shelf),
        ..bench.archivist(|settings| settings.keep = Some(Duration::ZERO))
    };
    for at in [0, 100, 3_000, 9_000] {
        let refused = with(Bad::Changes(at)).round(noon(), || true).await;
        assert!(matches!(refused, Err(ArchiveFailure::NotAsWritten { .. })), "{at}: {refused:?}");
    }
    let other = Bench::stamped(&OWNERS[1..]).await;
    let old = other.round(|_| {}).await.archives.remove(0);
    let refused = with(Bad::Old(old)).round(noon(), || true).await;
    assert!(matches!(refused, Err(ArchiveFailure::NotAsWritten { .. })), "{refused:?}");
    let full = with(Bad::Full).round(noon(), || true).await;
    assert!(
        matches!(&full, Err(ArchiveFailure::File { reason, .. }) if reason.contains("space")),
        "{full:?}"
    );
    assert_eq!(bench.log.admits(), Ok(()));
    assert_eq!(bench.held().await.len(), 6);
    assert!(
        std::fs::read_dir(bench.archives()).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .ends_with(".zip"))
    );
    assert_eq!(bench.round(|_| {}).await.records, 6);
}

#[tokio::test]
async fn a_damaged_record_is_withheld_and_stays_until_it_can_be_archived() {
    let bench = Bench::stamped(&["EX/COM/1/a"; 4]).await;
    let digest: Vec<u8> = bench
        .database()
        .query_row("SELECT signature_digest FROM record WHERE id = 2", [], |row| row.get(0))
        .unwrap();
    bench.database().execute_batch("UPDATE record SET signature_digest = zeroblob(64) WHERE id = 2").unwrap();
    let everything_old = |settings: &mut Archiving| settings.keep = Some(Duration::ZERO);
    let later = noon() + SignedDuration::from_secs(1);
    let round = bench.archivist(everything_old).round(later, || true).await.unwrap();
    assert_eq!((round.records, round.deleted), (3, 3));
    assert!(
        matches!(round.withheld.first(), [ReadFailure::Damaged { record: RecordId(2), .. }]),
        "{round:?}"
    );
    let round = bench.archivist(everything_old).round(later, || true).await.unwrap();
    assert_eq!((round.records, round.deleted, round.withheld.count()), (0, 0, 1));
    assert_eq!(bench.held().await, BTreeSet::from([2]));
    bench.database().execute("UPDATE record SET signature_digest = ?1 WHERE id = 2", [digest]).unwrap();
    let round = bench.archivist(everything_old).round(later, || true).await.unwrap();
    assert_eq!((round.records, round.deleted, round.withheld.count()), (1, 1, 0));
    assert_eq!(along_the_chain(&round.archives[0]), BTreeSet::from([1, 2, 3, 4]));
}

#[tokio::test]
async fn what_is_withheld_is_looked_at_once_in_a_round_and_stays_whatever_archives_follow() {
    let bench = Bench::stamped(&["EX/COM/1/a", "EX/COM/1/b"].repeat(20)).await;
    bench
        .database()
        .execute_batch("UPDATE record SET signature_digest = zeroblob(64) WHERE id % 7 < 4")
        .unwrap();
    let damaged: BTreeSet<u64> = (1..=40).filter(|id| id % 7 < 4).collect();
    let one_to_a_file = |settings: &mut Archiving| {
        (settings.keep, settings.file_bytes_max) = (Some(Duration::ZERO), 1);
    };
    let later = noon() + SignedDuration::from_secs(1);
    for archived in [40 - damaged.len(), 0] {
        let round = bench.archivist(one_to_a_file).round(later, || true).await.unwrap();
        assert_eq!((round.archives.len(), round.deleted), (archived, u64::try_from(archived).unwrap()));
        assert_eq!(round.withheld.count(), u64::try_from(damaged.len()).unwrap());
        assert_eq!(round.withheld.first().len(), Few::<ReadFailure>::MAX);
        assert_eq!(round.withheld.more(), round.withheld.count() - 20);
        assert_eq!(bench.held().await, damaged);
    }
}

#[tokio::test]
async fn only_what_is_archived_and_old_is_deleted_and_numbers_go_on() {
    let mut bench = Bench::stamped(&["EX/COM/1/a", "EX/COM/1/b"]).await;
    for owner in ["EX/COM/1/a", "EX/COM/1/b", "EX/COM/1/a"] {
        bench.record(owner).await;
    }
    bench.stamp().await;
    let day = Duration::from_secs(86_400);
    let keep_a_day = |settings: &mut Archiving| settings.keep = Some(day);
    let after = |seconds: i64| noon() + SignedDuration::from_secs(seconds);
    assert_eq!(bench.archivist(keep_a_day).round(after(86_400), || true).await.unwrap().deleted, 0);
    bench.record("EX/COM/1/a").await;
    let round = bench.archivist(keep_a_day).round(after(86_401), || true).await.unwrap();
    assert_eq!((round.deleted, round.records), (5, 0));
    assert_eq!(bench.held().await, BTreeSet::from([6]));
    let figures = bench.log.read(|reader| reader.statistics()).await.unwrap();
    // The newest time-stamp says how far the log is stamped.
    assert_eq!((figures.records, figures.stamps, figures.bodies, figures.unstamped), (1, 1, 1, 1));
    let left: i64 = bench.database().query_row("SELECT count(*) FROM chunk", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
    bench.stamp().await;
    assert_eq!(bench.archivist(keep_a_day).round(after(86_401), || true).await.unwrap().deleted, 1);
    let mut bench = bench.reopened().await;
    assert_eq!((bench.log.health().last, bench.log.health().unstamped), (RecordId(6), 0));
    bench.record("EX/COM/1/b").await;
    assert_eq!(bench.held().await, BTreeSet::from([7]));
    bench.stamp().await;
    assert_eq!(bench.round(|_| {}).await.records, 1);
}

#[tokio::test]
async fn an_archive_is_untaken_until_somebody_takes_it() {
    let bench = Bench::stamped(&["EX/COM/1/a"; 2]).await;
    let archivist = bench.archivist(|settings| settings.file_bytes_max = 1);
    let made = archivist.round(noon(), || true).await.unwrap().archives;
    let untaken = archivist.untaken().await.unwrap();
    assert_eq!(untaken.iter().map(|archive| archive.path.clone()).collect::<Vec<_>>(), made);
    archivist.taken(&untaken[0]).await.unwrap();
    assert_eq!(archivist.untaken().await.unwrap(), untaken[1..]);
}

#[tokio::test]
async fn an_archive_that_was_cut_after_it_was_made_is_noticed() {
    let bench = Bench::stamped(&["EX/COM/1/a"]).await;
    let archivist = bench.archivist(|_| {});
    archivist.round(noon(), || true).await.unwrap();
    let archive = archivist.untaken().await.unwrap().remove(0);
    assert!(archive.is_whole().unwrap());
    let octets = std::fs::read(&archive.path).unwrap();
    for length in [0, 1, octets.len() - 1] {
        std::fs::write(&archive.path, &octets[..length]).unwrap();
        assert!(!archive.is_whole().unwrap(), "{length}");
    }
    std::fs::remove_file(&archive.path).unwrap();
    assert!(archive.is_whole().is_err());
}

#[tokio::test]
async fn whatever_becomes_of_an_archive_its_mark_says_that_it_is_elsewhere() {
    let bench = Bench::stamped(&["EX/COM/1/a"; 2]).await;
    let archivist = bench.archivist(|settings| settings.file_bytes_max = 1);
    archivist.round(noon(), || true).await.unwrap();
    let untaken = archivist.untaken().await.unwrap();
    untaken[0].set_mark().unwrap();
    assert!(!untaken[0].path.exists() && untaken[0].mark().metadata().unwrap().len() > 0);
    // Whoever took it did not leave it here.
    std::fs::remove_file(&untaken[1].path).unwrap();
    untaken[1].set_mark().unwrap();
    assert_eq!(untaken[1].mark().metadata().unwrap().len(), 0);
    assert!(untaken[1].mark().to_str().unwrap().ends_with(".zip.taken"));
}

#[tokio::test]
async fn a_directory_that_has_never_held_an_archive_is_not_taken_for_the_one_that_has() {
    let mut bench = Bench::stamped(&["EX/COM/1/a"]).await;
    bench.round(|_| {}).await;
    bench.record("EX/COM/1/a").await;
    bench.stamp().await;
    // As when its file system is not mounted.
    let (place, away) = (bench.archives(), bench.folder.path().join("away"));
    std::fs::rename(&place, &away).unwrap();
    for there in [false, true] {
        if there {
            std::fs::create_dir(&place).unwrap();
        }
        let refused = bench.archivist(|_| {}).round(noon(), || true).await;
        assert!(matches!(refused, Err(ArchiveFailure::OtherDirectory { .. })), "{refused:?}");
    }
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    std::fs::write(place.join("archive.lock"), "").unwrap();
    assert_eq!(bench.round(|_| {}).await.records, 1);
    let figures = bench.log.read(|reader| reader.archives(noon())).await.unwrap();
    assert_eq!((figures.untaken.len(), figures.withheld, figures.oldest_waiting), (2, 0, None));
    assert!(figures.newest.is_some() && figures.log_bytes_of_week > 0 && figures.archive_bytes_of_week > 0);
    bench.record("EX/COM/1/b").await;
    let figures = bench.log.read(|reader| reader.archives(noon())).await.unwrap();
    assert!(figures.oldest_waiting.is_some());
}

#[tokio::test]
async fn a_round_stops_between_two_archives_when_it_is_asked_to() {
    let bench = Bench::stamped(&["EX/COM/1/a"; 5]).await;
    let asked = AtomicUsize::new(0);
    let archivist = bench.archivist(|settings| settings.file_bytes_max = 1);
    let round = archivist.round(noon(), || asked.fetch_add(1, Ordering::Relaxed) < 2).await.unwrap();
    assert_eq!((round.archives.len(), round.records), (2, 2));
    assert_eq!(bench.round(|_| {}).await.records, 3);
}

#[tokio::test]
async fn one_log_only_archives_into_a_directory() {
    let bench = Bench::stamped(&["EX/COM/1/a"]).await;
    let _held = Directory.enter(&bench.archives()).unwrap();
    let refused = bench.archivist(|_| {}).round(noon(), || true).await;
    assert!(matches!(refused, Err(ArchiveFailure::InUse { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_log_of_the_schema_before_is_brought_up_to_date_when_it_is_opened_for_writing() {
    let bench = Bench::stamped(&OWNERS).await;
    bench.log.close().await.unwrap();
    let older =
        "DROP TABLE archive; DROP TABLE archived; DROP TABLE withheld; ALTER TABLE record DROP COLUMN seal;
         PRAGMA user_version = 1;";
    bench.database().execute_batch(older).unwrap();
    let refused = Reader::open(bench.folder.path()).err();
    assert_eq!(refused, Some(crate::error::OpenFailure::Schema { found: 1, known: 3 }));
    let log = opened(bench.folder.path());
    let bench = Bench { log, ..bench };
    assert_eq!(bench.round(|_| {}).await.records, 6);
}
