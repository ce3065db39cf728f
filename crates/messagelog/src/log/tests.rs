//! Faults of the real storage: a full disk, a read-only file; and what the next start finds.

use identifier::ClientId;
use rusqlite::Connection;

use super::*;
use crate::record::{Body, Direction, Search, Side};

fn message(place: usize, body: Body) -> NewRecord {
    let client = ClientId::parse_short("EX/COM/1/sub").unwrap();
    NewRecord {
        query_id: format!("query-{place}"),
        request_id: format!("request-{place}"),
        owner: client.clone(),
        provider: client,
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
    let connection = schema::open_for_writing(directory).unwrap();
    connection.execute_batch(pragma).unwrap();
    let (last, stamped) = figures::ends(&connection).unwrap();
    let store = Box::new(Sqlite::new(connection).unwrap());
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    let log =
        MessageLog::start(directory, Settings::default(), clock, store, Gauges::new(last, stamped), None)
            .unwrap();
    log.provide_time_stamping(true);
    log
}

fn open(directory: &Path) -> MessageLog {
    let log = MessageLog::open(directory, Settings::default(), Clock::fixed(Timestamp::UNIX_EPOCH)).unwrap();
    log.provide_time_stamping(true);
    log
}

#[tokio::test]
async fn a_full_disk_closes_the_log_and_the_next_start_finds_every_acknowledged_record() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_over(directory.path(), "PRAGMA max_page_count = 40;");
    let mut acknowledged = 0;
    let refused = loop {
        match log.record(message(acknowledged, Body::Bytes(vec![1; 20_000].into()))).await {
            Ok(id) => {
                acknowledged += 1;
                assert_eq!(id.0, u64::try_from(acknowledged).unwrap());
            }
            Err(failure) => break failure,
        }
    };
    assert!(acknowledged > 2);
    assert_eq!(refused, Failure::Storage(StoreFault::Full));
    // A small record would fit: it is refused all the same, at once and for good.
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
    settings.bodies.body_bytes_max = 1 << 30;
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
