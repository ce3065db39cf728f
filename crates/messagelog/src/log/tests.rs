//! Faults of the real storage: a full disk, a read-only file; and what the next start finds.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use identifier::{ClientId, ServiceId};
use rusqlite::Connection;

use super::*;
use crate::record::{Body, Direction, Search, Side};
use crate::stamper::Stamper;
use crate::store::append::Sqlite;
use crate::store::{figures, schema};

fn message(place: usize, body: Body) -> NewRecord {
    let client = ClientId::parse_short("EX/COM/1/sub").unwrap();
    NewRecord {
        query_id: format!("query-{place}"),
        request_id: format!("request-{place}"),
        owner: client.clone(),
        service: ServiceId::new(client, "svc", None).unwrap(),
        side: Side::Consumer,
        direction: Direction::Request,
        message: b"GET\r\n/r1/EX/COM/1/sub/svc\r\n".to_vec(),
        body,
        signed: signature::SignedParts {
            signatures_xml: format!("<a><SigningTime>{place}</SigningTime></a>").into_bytes(),
            hash_chain_result: None,
            hash_chain: None,
        },
    }
}

/// A log whose connection was set up by the test.
fn log_over(directory: &Path, pragma: &str) -> MessageLog {
    let connection = schema::open_for_writing(directory, false).unwrap();
    connection.execute_batch(pragma).unwrap();
    let ends = figures::ends(&connection).unwrap();
    let store = Box::new(Sqlite::new(connection).unwrap());
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    let log =
        MessageLog::start(directory, Settings::default(), clock, store, Gauges::new(ends), None).unwrap();
    log.provide_time_stamping(true);
    log
}

fn open(directory: &Path) -> MessageLog {
    let log = MessageLog::open(directory, Settings::default(), Clock::fixed(Timestamp::UNIX_EPOCH)).unwrap();
    log.provide_time_stamping(true);
    log
}

/// Fills the log until it refuses; how many records it took.
async fn fill(log: &MessageLog) -> usize {
    for (acknowledged, number) in (1..).enumerate() {
        match log.record(message(acknowledged, Body::Bytes(vec![1; 20_000].into()))).await {
            Ok(id) => assert_eq!(id, RecordId(number)),
            Err(failure) => {
                assert_eq!(failure, Failure::Storage(StoreFault::Full));
                return acknowledged;
            }
        }
    }
    unreachable!("the log takes everything");
}

async fn names(log: &MessageLog) -> Vec<String> {
    let mut found = log.read(|reader| reader.find(&Search::default())).await.unwrap();
    found.reverse();
    found.into_iter().map(|entry| entry.query_id).collect()
}

#[tokio::test]
async fn a_full_disk_closes_the_log_and_the_next_start_finds_every_acknowledged_record() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "PRAGMA max_page_count = 40;");
    let acknowledged = fill(&log).await;
    assert!(acknowledged > 2);
    // A small record would fit: it is refused all the same, at once, until the log is opened anew.
    assert_eq!(log.record(message(99, Body::None)).await, Err(Failure::Storage(StoreFault::Full)));
    assert_eq!(log.admits(), Err(Failure::Storage(StoreFault::Full)));
    assert_eq!(log.health().broken, Some(StoreFault::Full));
    assert_eq!(log.close().await, Err(StoreFault::Full));

    let log = open(directory.path());
    assert_eq!(log.health().last.0, u64::try_from(acknowledged).unwrap());
    assert_eq!(log.record(message(acknowledged, Body::None)).await.unwrap().0, log.health().last.0);
    let found = log.read(|reader| reader.find(&Search::default())).await.unwrap();
    assert_eq!(found.len(), acknowledged + 1);
    log.close().await.unwrap();
}

#[tokio::test]
async fn when_there_is_room_again_the_log_carries_on_with_nothing_lost_and_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "PRAGMA max_page_count = 40;");
    let acknowledged = fill(&log).await;
    assert_eq!(log.recover().await, Ok(true));
    assert_eq!((log.health().broken, log.health().last.0), (None, u64::try_from(acknowledged).unwrap()));
    assert_eq!(log.admits(), Ok(()));
    let next = log.record(message(1000, Body::Bytes(vec![1; 20_000].into()))).await.unwrap();
    assert_eq!(next.0, u64::try_from(acknowledged + 1).unwrap());
    let expected: Vec<String> =
        (0..acknowledged).chain([1000]).map(|place| format!("query-{place}")).collect();
    assert_eq!(names(&log).await, expected);
    assert_eq!(log.recover().await, Ok(false));
    log.close().await.unwrap();
    assert_eq!(log.recover().await, Ok(false));
    assert_eq!(log.record(message(1001, Body::None)).await, Err(Failure::Closed));

    let log = open(directory.path());
    assert_eq!(names(&log).await, expected);
}

/// A disk that is full or not as the test says: an automatic number that has reached its end is a full disk to SQLite.
struct Disk(Connection);

impl Disk {
    fn under(directory: &Path) -> Self {
        let connection = schema::open_for_writing(directory, false).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE disk (used INTEGER PRIMARY KEY AUTOINCREMENT);
                 CREATE TRIGGER fill BEFORE INSERT ON record BEGIN INSERT INTO disk VALUES (NULL); END;
                 INSERT INTO disk VALUES (1);",
            )
            .unwrap();
        Self(connection)
    }

    fn is_full(&self, full: bool) {
        let used = if full { i64::MAX } else { 0 };
        self.0.execute_batch(&format!("UPDATE sqlite_sequence SET seq = {used}")).unwrap();
    }
}

/// A record, if the log takes it.
async fn put(log: &MessageLog, place: usize) -> Option<(u64, String)> {
    let record = message(place, Body::None);
    let name = record.query_id.clone();
    match log.record(record).await {
        Ok(id) => Some((id.0, name)),
        Err(failure) => {
            assert_eq!(failure, Failure::Storage(StoreFault::Full));
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_the_disk_fills_what_was_acknowledged_is_there_once_and_nothing_else_is() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::under(directory.path());
    let log = open(directory.path());
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    for round in 0..4 {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for place in 0..80 {
                        acknowledged.extend(put(&log, round * 1000 + caller * 100 + place).await);
                    }
                    acknowledged
                })
            })
            .collect();
        // Some records come through, some wait while the log is opened anew, some find it full again.
        let some = log.health().last.0 + 40;
        while log.health().last.0 < some {
            tokio::task::yield_now().await;
        }
        disk.is_full(true);
        while log.health().broken.is_none() && !callers.iter().all(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
        log.recover().await.unwrap();
        for caller in callers {
            acknowledged.extend(caller.await.unwrap());
        }
        assert_eq!(put(&log, round * 1000 + 900).await, None);
        assert_eq!(log.recover().await, Ok(true));
        assert_eq!(put(&log, round * 1000 + 901).await, None);
        disk.is_full(false);
        assert_eq!(log.recover().await, Ok(true));
        acknowledged.push(put(&log, round * 1000 + 902).await.unwrap());
        println!("{} records after round {round}", acknowledged.len());
    }
    acknowledged.sort();
    let mut found: Vec<(u64, String)> = Vec::new();
    loop {
        let before = found.last().map(|(id, _)| RecordId(*id));
        let search = Search { before, limit: 1000, ..Search::default() };
        let page = log.read(move |reader| reader.find(&search)).await.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|entry| (entry.id.0, entry.query_id)));
    }
    found.reverse();
    assert_eq!(found, acknowledged);
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_log_that_another_fault_broke_is_not_opened_anew_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "PRAGMA query_only = ON;");
    let refused = log.record(message(1, Body::None)).await;
    assert!(matches!(refused, Err(Failure::Storage(StoreFault::ReadOnly(_)))), "{refused:?}");
    assert_eq!(log.recover().await, Ok(false));
    assert_eq!(log.record(message(1, Body::None)).await, refused);
}

#[tokio::test]
async fn what_a_start_would_refuse_is_refused_after_a_full_disk_too_and_not_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "PRAGMA max_page_count = 40;");
    fill(&log).await;
    let other = Connection::open(schema::database(directory.path())).unwrap();
    other.execute_batch("UPDATE record SET signature_digest = zeroblob(64)").unwrap();
    drop(other);
    let refused = log.recover().await;
    let Err(OpenFailure::Damaged(what)) = refused else { panic!("{refused:?}") };
    let damaged = StoreFault::Damaged(what);
    assert_eq!(log.health().broken, Some(damaged.clone()));
    assert_eq!(log.record(message(1, Body::None)).await, Err(Failure::Storage(damaged.clone())));
    assert_eq!(log.recover().await, Ok(false));
    assert_eq!(log.close().await, Err(StoreFault::Full));
}

#[test]
fn without_room_a_full_log_is_not_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(opening::prove_room(directory.path(), 1), Ok(()));
    assert_eq!(opening::prove_room(directory.path(), u64::MAX), Err(OpenFailure::Storage(StoreFault::Full)));
    let gone = opening::prove_room(&directory.path().join("gone"), 1);
    assert!(matches!(gone, Err(OpenFailure::Directory { .. })), "{gone:?}");
}

#[test]
fn a_log_whose_end_somebody_reads_is_not_opened_before_it_could_be_flushed() {
    let directory = tempfile::tempdir().unwrap();
    let writing = schema::open_for_writing(directory.path(), false).unwrap();
    let reading = Connection::open(schema::database(directory.path())).unwrap();
    reading.execute_batch("BEGIN; SELECT * FROM record;").unwrap();
    writing.execute_batch("INSERT INTO shared VALUES (1, zeroblob(32), 'new')").unwrap();
    let path = schema::database(directory.path());
    let refused =
        MessageLog::open(directory.path(), Settings::default(), Clock::fixed(Timestamp::UNIX_EPOCH));
    assert_eq!(refused.err(), Some(OpenFailure::InUse { path }));
    reading.execute_batch("COMMIT").unwrap();
    open(directory.path());
}

#[tokio::test]
async fn the_files_of_a_log_belong_to_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(&directory.path().join("made/here"));
    log.record(message(1, Body::None)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory.path().join("made/here")), 0o700);
    let entries = std::fs::read_dir(directory.path().join("made/here")).unwrap();
    let modes: Vec<_> = entries.map(|entry| entry.unwrap().path()).map(|path| (mode(&path), path)).collect();
    assert_eq!(modes.len(), 4);
    assert!(modes.iter().all(|(mode, _)| *mode == 0o600), "{modes:?}");
}

#[tokio::test]
async fn a_damaged_record_does_not_hold_up_the_time_stamps_of_those_behind_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    for place in 0..3 {
        log.record(message(place, Body::None)).await.unwrap();
    }
    let other = Connection::open(schema::database(directory.path())).unwrap();
    other.execute_batch("UPDATE record SET signature = zeroblob(9) WHERE id = 1").unwrap();
    let mut stamper = Stamper::new(log.clone(), Timestamp::UNIX_EPOCH);
    stamper.failed(Timestamp::UNIX_EPOCH);
    let minute = Timestamp::from_second(60).unwrap();
    let round = stamper.next_round(minute).await.unwrap().unwrap();
    assert_eq!((round.first(), round.last()), (RecordId(1), RecordId(1)));
}

#[tokio::test]
async fn a_log_that_may_not_be_written_refuses_with_that_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "PRAGMA query_only = ON;");
    let refused = log.record(message(1, Body::None)).await;
    assert!(matches!(refused, Err(Failure::Storage(StoreFault::ReadOnly(_)))), "{refused:?}");
    assert!(log.admits().is_err());
}

#[tokio::test]
async fn a_table_that_vanishes_under_the_writer_closes_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "");
    log.record(message(1, Body::None)).await.unwrap();
    let other = Connection::open(schema::database(directory.path())).unwrap();
    other
        .execute_batch("DROP TABLE chunk; DROP TABLE body; DROP INDEX record_by_query; DROP TABLE record;")
        .unwrap();
    let refused = log.record(message(2, Body::None)).await;
    assert!(matches!(refused, Err(Failure::Storage(StoreFault::Other(_)))), "{refused:?}");
}

#[tokio::test]
async fn the_bytes_of_large_bodies_are_not_kept_in_memory_by_the_page_cache() {
    let directory = tempfile::tempdir().unwrap();
    let spooled = directory.path().join("spooled");
    let content: Vec<u8> =
        (0..40u32 << 20).map(|place| place.to_le_bytes()[usize::from(place.to_le_bytes()[0] % 4)]).collect();
    std::fs::write(&spooled, &content).unwrap();
    let mut settings = Settings::default();
    settings.bodies.rule.bytes_max = 1 << 30;
    let log = MessageLog::open(&directory.path().join("log"), settings, Clock::fixed(Timestamp::UNIX_EPOCH))
        .unwrap();
    log.provide_time_stamping(true);
    let bytes = u64::try_from(content.len()).unwrap();
    let id = log.record(message(1, Body::File { path: spooled, bytes })).await.unwrap();
    let read = log
        .read(move |reader| {
            let mut out = Vec::new();
            reader.body(id, 1, &mut out)?;
            Ok(out)
        })
        .await
        .unwrap();
    assert!(read == content);
    log.close().await.unwrap();
}
