//! Rounds whose archives are sealed: `gpg` opens them for whom they are, and nothing lies open anywhere.

#[path = "../../../../openpgp/tests/it/gpg.rs"]
mod gpg;

use std::io::{Cursor, Read as _};
use std::os::unix::fs::PermissionsExt as _;

use identifier::MemberId;
use openpgp::{Keyring, MemberKeys, Settings};

use super::super::sealing::Open;
use super::*;
use gpg::Gpg;

/// The server's key ring, and that of the member EX/COM/1.
struct Rings {
    server: Gpg,
    member: Gpg,
    server_key: String,
}

impl Rings {
    fn new() -> Self {
        let ring = || Gpg::at("20261101T000000", "20261122T120000");
        let (server, member) = (ring(), ring());
        let server_key = server.pair("server", "ed25519", "cv25519");
        member.import(&server.public(&server_key));
        Self { server, member, server_key }
    }

    /// As an operator has it, with a key of the member's that lasts so long.
    fn sealing(&self, bench: &Bench, lasts: &str) -> Arc<Sealing> {
        let key = self.member.key(&format!("member {lasts}"), "ed25519", "sign", "never");
        self.member.subkey(&key, "cv25519", "encr", lasts);
        let settings = Settings {
            signing_key_file: self.server.file("signing", &self.server.secret(&self.server_key)),
            recipient_key_files: Vec::new(),
            member: vec![MemberKeys {
                member: MemberId::new("EX", "COM", "1").unwrap(),
                key_files: vec![self.member.file("member", &self.member.public(&key))],
            }],
        };
        Arc::new(Sealing { keys: Keyring::read(&settings, noon()).unwrap(), scratch: bench.scratch() })
    }

    /// Decrypted and well signed, with the ring that can.
    fn open(&self, path: &Path) -> Vec<u8> {
        let sealed = std::fs::read(path).unwrap();
        let (of_member, of_server) = (self.member.open(&sealed), self.server.open(&sealed));
        assert_ne!(of_member.is_fine, of_server.is_fine, "one of them can open it, and the other cannot");
        let is_members = path.to_str().unwrap().contains("EX_COM_1");
        let told = if is_members { of_member } else { of_server }.fine();
        for word in ["GOODSIG", "DECRYPTION_OKAY"] {
            assert!(told.says(word), "{}", told.err);
        }
        assert!(told.err.contains(&format!("VALIDSIG {}", self.server_key)), "{}", told.err);
        told.out
    }

    fn numbers(&self, path: &Path) -> (Verified, Vec<u64>) {
        numbers_in(Cursor::new(self.open(path)), Before::Anything)
    }
}

impl Bench {
    fn scratch(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Names in the directory of archives and in the folder beside it; of archives and the lock nothing else may be there.
    fn names(&self) -> Vec<String> {
        let of = |folder: &Path| {
            let found = std::fs::read_dir(folder).into_iter().flatten();
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of(&self.scratch()), Vec::<String>::new());
        of(&self.archives()).into_iter().filter(|name| name != LOCK).collect()
    }
}

fn by_member(sealing: &Arc<Sealing>) -> impl FnOnce(&mut Archiving) + use<> {
    let sealing = Arc::clone(sealing);
    move |settings| {
        settings.grouping = Grouping::Member;
        settings.sealing = Some(sealing);
    }
}

#[tokio::test]
async fn a_members_archives_are_for_its_own_key_and_the_others_for_the_servers() {
    let rings = Rings::new();
    let mut bench = Bench::stamped(&OWNERS).await;
    let sealing = rings.sealing(&bench, "never");
    let open = bench.round(|settings| settings.grouping = Grouping::Member).await;
    for owner in OWNERS {
        bench.record(owner).await;
    }
    bench.stamp().await;
    let round = bench.round(by_member(&sealing)).await;
    assert!(round.unsealed.is_empty() && round.archives.len() == 2, "{round:?}");
    for (place, (path, expected)) in round.archives.iter().zip([vec![9, 12, 7, 10, 8], vec![11]]).enumerate()
    {
        assert!(path.to_str().unwrap().ends_with(".zip.gpg"), "{}", path.display());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let (verified, found) = rings.numbers(path);
        assert_eq!(found, expected);
        // The chain goes on behind an archive that is open.
        assert_eq!(
            verified.previous.unwrap().file_name,
            open.archives[place].file_name().unwrap().to_str().unwrap()
        );
        assert!(path.to_str().unwrap().contains(&verified.digest[..16]));
    }
    assert_eq!(bench.names().len(), 4);
    // What the log has noted is how long the sealed file is.
    let untaken = bench.archivist(by_member(&sealing)).untaken().await.unwrap();
    assert!(untaken.len() == 4 && untaken.iter().all(|archive| archive.is_whole().unwrap()));

    // And behind one that is sealed, whether the next one is or not.
    for sealing in [Some(Arc::clone(&sealing)), None] {
        let before = round.archives[0].with_file_name(bench.last_name("EX/COM/1"));
        bench.record("EX/COM/1").await;
        bench.stamp().await;
        let is_sealed = sealing.is_some();
        let next =
            bench.round(|settings| (settings.grouping, settings.sealing) = (Grouping::Member, sealing)).await;
        let (verified, _) = if is_sealed {
            rings.numbers(&next.archives[0])
        } else {
            numbers(&next.archives[0], Before::Anything)
        };
        assert_eq!(verified.previous.unwrap().file_name, before.file_name().unwrap().to_str().unwrap());
        assert!(before.to_str().unwrap().ends_with(".zip.gpg"));
    }
}

impl Bench {
    fn last_name(&self, group: &str) -> String {
        let sql = "SELECT file FROM archive WHERE group_name = ?1 ORDER BY id DESC LIMIT 1";
        self.database().query_row(sql, [group], |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn records_of_a_member_whose_key_has_ended_stay_in_the_log() {
    let rings = Rings::new();
    let bench = Bench::stamped(&OWNERS).await;
    // Made on the first of November.
    let sealing = rings.sealing(&bench, "25d");
    let late: Timestamp = "2026-11-26T00:00:00Z".parse().unwrap();
    let everything_old = |sealing: &Arc<Sealing>| {
        let by_member = by_member(sealing);
        move |settings: &mut Archiving| {
            by_member(settings);
            settings.keep = Some(Duration::ZERO);
        }
    };
    for _ in 0..2 {
        let round = bench.archivist(everything_old(&sealing)).round(late, || true).await.unwrap();
        let [told] = &round.unsealed[..] else { panic!("{round:?}") };
        assert!(
            told.contains("not archived, and kept: records of EX/COM/1,") && told.contains("expired at"),
            "{told}"
        );
        assert_eq!(bench.held().await, BTreeSet::from([1, 2, 3, 4, 6]));
    }
    let names = bench.names();
    assert!(names.len() == 1 && names[0].starts_with("mlog-EX_GOV_2-"), "{names:?}");
    // All together, and the server's own key.
    let all = |settings: &mut Archiving| settings.sealing = Some(Arc::clone(&sealing));
    assert_eq!(bench.archivist(all).round(late, || true).await.unwrap().records, 5);
    let bench = Bench::stamped(&OWNERS).await;
    let another = rings.sealing(&bench, "never");
    let round = bench.archivist(everything_old(&another)).round(late, || true).await.unwrap();
    assert_eq!((round.unsealed.len(), round.records), (0, 6));
    assert!(bench.held().await.is_empty());
}

/// As [`super::Failing`], with the step that only sealing has.
#[derive(Debug)]
struct FailingSealed(Failing);

impl Shelf for FailingSealed {
    fn scratch(&self, path: &Path) -> std::io::Result<File> {
        self.0.step()?;
        Directory.scratch(path)
    }
    fn create(&self, path: &Path) -> std::io::Result<File> {
        self.0.create(path)
    }
    fn flush(&self, file: &File) -> std::io::Result<()> {
        self.0.flush(file)
    }
    fn reopen(&self, path: &Path) -> std::io::Result<File> {
        self.0.reopen(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.0.rename(from, to)
    }
    fn flush_directory(&self, directory: &Path) -> std::io::Result<()> {
        self.0.flush_directory(directory)
    }
}

#[tokio::test]
async fn whichever_step_of_sealing_fails_nothing_is_lost_and_nothing_lies_open() {
    let rings = Rings::new();
    let sealing = rings.sealing(&Bench::new(), "never");
    let mut failed = 0;
    // Two archives of six steps each, and one try without a failure.
    for fails_at in 0..=12 {
        let bench = Bench::stamped(&["EX/COM/1/a"; 2]).await;
        let everything_old = |settings: &mut Archiving| {
            by_member(&sealing)(settings);
            settings.file_bytes_max = 1;
            settings.keep = Some(Duration::ZERO);
        };
        let shelf = Arc::new(FailingSealed(Failing { steps: AtomicUsize::new(0), fails_at }));
        let archivist = Archivist { shelf, ..bench.archivist(everything_old) };
        let later = noon() + SignedDuration::from_secs(1);
        let outcome = archivist.round(later, || true).await;
        failed += usize::from(matches!(outcome, Err(ArchiveFailure::File { .. })));
        let bench = bench.reopened().await;
        let mut somewhere = bench.held().await;
        for name in bench.names() {
            let path = bench.archives().join(&name);
            if name.ends_with(".zip.gpg") {
                somewhere.extend(rings.numbers(&path).1);
            } else {
                let mut first = Vec::new();
                File::open(&path).unwrap().take(2).read_to_end(&mut first).unwrap();
                assert!(name == "mlog.part" && first != b"PK", "{name} at step {fails_at}");
            }
        }
        assert_eq!(somewhere, BTreeSet::from([1, 2]), "failed at step {fails_at}");
        assert_eq!(bench.held().await.is_empty(), outcome.is_ok());
        let again = bench.archivist(everything_old).round(later, || true).await.unwrap();
        assert_eq!(again.archives.is_empty(), outcome.is_ok());
        assert!(bench.held().await.is_empty());
    }
    assert_eq!(failed, 12);
}

/// A disk that holds something else than was written to it.
#[derive(Debug)]
enum Worse {
    /// Of the sealed archive.
    Sealed(Bad),
    /// Of the open one, once it was verified.
    Open(std::sync::Mutex<Option<File>>, u64),
}

impl Shelf for Worse {
    fn scratch(&self, path: &Path) -> std::io::Result<File> {
        let file = Directory.scratch(path)?;
        if let Self::Open(held, _) = self {
            *held.lock().unwrap() = Some(file.try_clone()?);
        }
        Ok(file)
    }
    fn create(&self, path: &Path) -> std::io::Result<File> {
        match self {
            Self::Sealed(bad) => bad.create(path),
            Self::Open(held, at) => {
                let file = held.lock().unwrap().take().unwrap();
                let mut octet = [0];
                file.read_exact_at(&mut octet, *at)?;
                file.write_all_at(&[octet[0] ^ 0x10], *at)?;
                Directory.create(path)
            }
        }
    }
    fn reopen(&self, path: &Path) -> std::io::Result<File> {
        match self {
            Self::Sealed(bad) => bad.reopen(path),
            Self::Open(..) => Directory.reopen(path),
        }
    }
}

#[tokio::test]
async fn what_is_sealed_is_what_was_verified_and_what_is_kept_is_what_was_sealed() {
    let rings = Rings::new();
    let bench = Bench::stamped(&OWNERS).await;
    let sealing = rings.sealing(&bench, "never");
    let with = |shelf| {
        let archivist = bench.archivist(by_member(&sealing));
        async move { Archivist { shelf: Arc::new(shelf), ..archivist }.round(noon(), || true).await }
    };
    let all = |settings: &mut Archiving| settings.sealing = Some(Arc::clone(&sealing));
    let other = Bench::stamped(&OWNERS).await;
    let old = other.round(all).await.archives.remove(0);
    for shelf in [
        Worse::Sealed(Bad::Changes(0)),
        Worse::Sealed(Bad::Changes(200)),
        Worse::Sealed(Bad::Old(old)),
        Worse::Open(std::sync::Mutex::default(), 200),
    ] {
        let shown = format!("{shelf:?}");
        let refused = with(shelf).await;
        assert!(matches!(refused, Err(ArchiveFailure::NotAsSealed { .. })), "{shown}: {refused:?}");
    }
    let full = with(Worse::Sealed(Bad::Full)).await;
    assert!(matches!(&full, Err(ArchiveFailure::File { act: "written", .. })), "{full:?}");
    assert_eq!(bench.held().await.len(), OWNERS.len());
    assert_eq!(bench.round(by_member(&sealing)).await.records, 6);
}

/// The disk under `spool` fails, and not that of the archives.
#[tokio::test]
async fn an_open_archive_that_cannot_be_read_is_what_is_named() {
    let rings = Rings::new();
    let bench = Bench::stamped(&OWNERS).await;
    let sealing = rings.sealing(&bench, "never");
    let (open, made) = (bench.folder.path().join("open"), bench.folder.path().join("made.zip.gpg"));
    // Opened for writing only, so that reading fails, as from a bad sector.
    let open = Open { file: File::create(&open).unwrap(), digest: Vec::new(), path: open };
    let done = sealing.seal(&Directory, &open, None, &made, noon());
    assert!(
        matches!(&done, Err(ArchiveFailure::File { path, act: "read", .. }) if *path == open.path),
        "{done:?}"
    );
}
