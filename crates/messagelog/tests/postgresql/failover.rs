//! A server whose place is taken by another one: what passes while that goes on is waited for.

use clock::Clock;
use database::practice::{Server, psql};
use jiff::SignedDuration;
use messagelog::{Archiving, Archivist, Failure, MessageLog, OpenFailure, RecordId, Settings, StoreFault};

use crate::archives::stamp_all;
use crate::bench::{noon, request};
use crate::practice::Practice;
use crate::store::at;

/// A server of its own, and a log in a database that others may be told apart from.
struct Bench {
    server: Server,
    directory: tempfile::TempDir,
    address: String,
    log: MessageLog,
}

impl Bench {
    /// The log's user is not the one that the tests change the server as.
    fn new() -> Self {
        let server = Server::start("").unwrap();
        server.psql("postgres", "CREATE ROLE gateway SUPERUSER LOGIN").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let address = server.database().replace("practice@", "gateway@");
        let log = opened(&address, directory.path());
        Self { server, directory, address, log }
    }

    fn database(&self) -> &str {
        self.address.rsplit('/').next().unwrap()
    }

    /// Changes the server while nobody is connected to the log's database.
    fn change(&self, sql: &str) {
        self.server.psql("postgres", sql).unwrap();
    }

    async fn broken(&self) {
        self.server.pause().unwrap();
        let refused = self.log.record(request("refused")).await;
        assert!(matches!(refused, Err(Failure::Storage(StoreFault::Away(_)))), "{refused:?}");
    }

    /// It is not open, and will be tried again; why.
    async fn waits(&self) -> String {
        match self.log.recover().await {
            Err(OpenFailure::Storage(StoreFault::Away(why))) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn opened(address: &str, directory: &std::path::Path) -> MessageLog {
    let log = MessageLog::open(at(address, directory), Settings::default(), Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    log
}

#[tokio::test]
async fn a_standby_that_becomes_the_server_and_lets_us_in_later_is_waited_for() {
    let bench = Bench::new();
    assert_eq!(bench.log.record(request("before")).await, Ok(RecordId(1)));
    // The next start of this server is one of a standby.
    bench.change("COPY (SELECT 1) TO PROGRAM 'cat > standby.signal'");
    bench.broken().await;
    bench.server.resume().unwrap();
    assert!(bench.waits().await.contains("standby"));
    // Whoever starts there meanwhile has to be told.
    let elsewhere = tempfile::tempdir().unwrap();
    let started =
        MessageLog::open(at(&bench.address, elsewhere.path()), Settings::default(), Clock::fixed(noon()));
    let started = started.map(|_| ()).unwrap_err();
    assert!(matches!(started, OpenFailure::Storage(StoreFault::ReadOnly(_))), "{started:?}");

    bench.change("SELECT pg_promote()");
    bench.change("ALTER ROLE gateway NOLOGIN");
    assert!(bench.waits().await.contains("28000"));
    bench.change("ALTER ROLE gateway LOGIN");
    bench.change(&format!("ALTER DATABASE {} RENAME TO elsewhere", bench.database()));
    assert!(bench.waits().await.contains("3D000"));
    bench.change(&format!("ALTER DATABASE elsewhere RENAME TO {}", bench.database()));
    assert_eq!(bench.log.recover().await, Ok(true));
    assert!(bench.log.record(request("after")).await.unwrap() > RecordId(1));
    bench.log.close().await.unwrap();
}

#[tokio::test]
async fn a_database_without_its_tables_is_not_waited_for() {
    let bench = Bench::new();
    bench.log.record(request("before")).await.unwrap();
    bench.broken().await;
    bench.server.resume().unwrap();
    psql(&bench.address, &["-c", "DROP SCHEMA messagelog CASCADE"]).unwrap();
    assert!(matches!(bench.log.recover().await, Err(OpenFailure::GoneAtServer { .. })));
    assert_eq!(bench.log.recover().await, Ok(false));
    drop(bench.directory);
}

/// What a server that has taken over does not have, as it shows there, and whether that is noticed.
const BEHIND: &[(&str, bool)] = &[
    ("", false),
    // A sequence's steps are noted ahead.
    ("DELETE FROM messagelog.logrecord WHERE id = 3", true),
    (
        "DELETE FROM messagelog.logrecord WHERE id >= 2; SELECT setval('messagelog.logrecord_sequence', 1)",
        true,
    ),
    ("DELETE FROM messagelog.logrecord; SELECT setval('messagelog.logrecord_sequence', 1, false)", true),
    ("SELECT setval('messagelog.logrecord_sequence', 2)", true),
    // Records of somebody who wrote there meanwhile.
    (
        "UPDATE messagelog.logrecord SET id = 4 WHERE id = 3; SELECT nextval('messagelog.logrecord_sequence')",
        true,
    ),
];

#[tokio::test]
async fn a_server_that_has_lost_what_was_acknowledged_is_not_gone_on_with() {
    let server = Server::start("").unwrap();
    let places: Vec<_> = BEHIND.iter().map(|_| (server.database(), tempfile::tempdir().unwrap())).collect();
    let logs: Vec<_> = places.iter().map(|(address, directory)| opened(address, directory.path())).collect();
    for log in &logs {
        for place in 1..=3 {
            assert_eq!(log.record(request("before")).await, Ok(RecordId(place)));
        }
    }
    server.pause().unwrap();
    for log in &logs {
        assert!(log.record(request("refused")).await.is_err());
    }
    server.resume().unwrap();
    for (((address, directory), log), (sql, lost)) in places.iter().zip(&logs).zip(BEHIND) {
        psql(address, &["-c", sql]).unwrap();
        let recovered = log.recover().await;
        if !lost {
            assert_eq!(recovered, Ok(true));
            log.close().await.unwrap();
            continue;
        }
        let Err(OpenFailure::Lost { acknowledged: RecordId(3), .. }) = &recovered else {
            panic!("{sql}: {recovered:?}")
        };
        // It stays so, and says so, until somebody has done what it says.
        assert_eq!(log.recover().await, Ok(false));
        let told = log.record(request("refused")).await.unwrap_err().to_string();
        assert!(told.contains("has lost records") && told.contains("the last of them was 3"), "{told}");
        let advice = told.split("with ").nth(1).unwrap().split(", and start").next().unwrap();
        psql(address, &["-c", advice]).unwrap();
        let again = opened(address, directory.path());
        assert_eq!(again.record(request("after")).await, Ok(RecordId(100_004)));
        again.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_last_record_may_have_been_archived_and_deleted_while_the_log_was_open() {
    let (bench, practice) = (Bench::new(), Practice::new());
    let folder = bench.directory.path().join("archive");
    bench.log.record(practice.message("q", None)).await.unwrap();
    stamp_all(&bench.log, &practice, noon()).await;
    let keep = Some(std::time::Duration::ZERO);
    let archivist = Archivist::new(bench.log.clone(), Archiving { keep, ..Archiving::new(folder) });
    let later = noon() + SignedDuration::from_secs(1);
    assert_eq!(archivist.round(later, || true).await.unwrap().deleted, 1);
    bench.broken().await;
    bench.server.resume().unwrap();
    assert_eq!(bench.log.recover().await, Ok(true));
    assert_eq!(bench.log.health().last, RecordId(1));
    assert!(bench.log.record(request("after")).await.unwrap() > RecordId(2));
    bench.log.close().await.unwrap();
}

/// Whatever is written fails as it does on a full disk, while what is there can be read.
const FULL: &str = "CREATE FUNCTION full_row() RETURNS trigger LANGUAGE plpgsql AS
   $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$;
 CREATE FUNCTION full_table() RETURNS event_trigger LANGUAGE plpgsql AS
   $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$;
 CREATE TRIGGER full_row BEFORE INSERT ON messagelog.logrecord EXECUTE FUNCTION full_row();
 CREATE EVENT TRIGGER full_table ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS') EXECUTE FUNCTION full_table()";
const ROOM: &str = "DROP EVENT TRIGGER full_table; DROP TRIGGER full_row ON messagelog.logrecord";

#[tokio::test]
async fn a_server_whose_disk_is_full_is_not_taken_for_open_before_it_has_written() {
    let bench = Bench::new();
    bench.log.record(request("before")).await.unwrap();
    psql(&bench.address, &["-c", FULL]).unwrap();
    assert_eq!(bench.log.record(request("refused")).await, Err(Failure::Storage(StoreFault::Full)));
    for _ in 0..2 {
        assert_eq!(bench.log.recover().await, Err(OpenFailure::Storage(StoreFault::Full)));
        assert_eq!(bench.log.admits(), Err(Failure::Storage(StoreFault::Full)));
    }
    psql(&bench.address, &["-c", ROOM]).unwrap();
    assert_eq!(bench.log.recover().await, Ok(true));
    bench.log.record(request("after")).await.unwrap();
    let left = "SELECT count(*) FROM pg_class WHERE relname = 'room'";
    assert_eq!(psql(&bench.address, &["-c", left]).unwrap(), "0");
    bench.log.close().await.unwrap();
}
