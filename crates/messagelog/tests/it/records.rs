//! Records, bodies, lists, numbers, closing and opening again.

use jiff::{SignedDuration, Timestamp};
use messagelog::{
    Body, BodyFault, Direction, Failure, MessageLog, NewRecord, OpenFailure, Owner, ReadFailure, Reader,
    RecordId, Search, Settings,
};

use crate::bench::{EMBEDDED, bench, client, noon, open, place, reader, request, with_body};

fn body_of(reader: &Reader, id: RecordId) -> Result<Vec<u8>, ReadFailure> {
    let mut out = Vec::new();
    reader.body(id, 1, &mut out).map(|_| out)
}

#[tokio::test]
async fn what_was_recorded_is_read_back_with_its_body() {
    let bench = bench(Settings::default());
    let record = with_body("EX-77aa", b"some text");
    let id = bench.log.record(record.clone()).await.unwrap();
    assert_eq!(id, RecordId(1));
    let (read, body) =
        bench.log.read(move |reader| Ok((reader.record(id)?, body_of(reader, id)?))).await.unwrap();
    assert_eq!(read.message, record.message);
    assert_eq!(read.signature, record.signed.signatures_xml);
    assert_eq!(read.hash_chain, None);
    assert_eq!(read.stamp, None);
    assert_eq!(body, b"some text");
    let entry = read.entry;
    assert_eq!((entry.id, entry.time, entry.direction), (id, noon(), Direction::Request));
    assert_eq!((entry.query_id.as_str(), entry.request_id), ("EX-77aa", record.request_id));
    assert_eq!(entry.owner, client("EX/GOV/2/c"));
    assert_eq!((entry.body_bytes, entry.body_bytes_signed), (Some(9), Some(9)));
    assert!(!entry.stamped);
}

#[tokio::test]
async fn an_empty_body_is_not_stored() {
    let bench = bench(Settings::default());
    let id = bench.log.record(with_body("q", b"")).await.unwrap();
    let read = bench.log.read(move |reader| Ok((reader.record(id)?, body_of(reader, id)))).await.unwrap();
    assert_eq!(read.0.entry.body_bytes, None);
    assert_eq!(read.1, Err(ReadFailure::NoSuchAttachment { record: id, number: 1 }));
}

#[tokio::test]
async fn a_spooled_body_goes_in_and_comes_out_whole() {
    let bench = bench(Settings::default());
    let path = bench.directory.path().join("spooled");
    for length in [1usize, 65_535, 65_536, 65_537, 3_000_001] {
        let content: Vec<u8> = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
        std::fs::write(&path, &content).unwrap();
        let body = Body::File { path: path.clone(), bytes: u64::try_from(length).unwrap() };
        let id = bench.log.record(NewRecord { body, ..request("q") }).await.unwrap();
        let read = bench.log.read(move |reader| body_of(reader, id)).await.unwrap();
        assert!(read == content, "{length} bytes");
    }
}

#[tokio::test]
async fn a_spooled_body_that_is_gone_or_of_another_length_refuses_its_record_and_no_other() {
    let bench = bench(Settings::default());
    let path = bench.directory.path().join("spooled");
    let spooled = |bytes| NewRecord { body: Body::File { path: path.clone(), bytes }, ..request("spooled") };
    let missing = bench.log.record(spooled(5)).await;
    assert!(matches!(missing, Err(Failure::Body(BodyFault::Unreadable { .. }))), "{missing:?}");
    std::fs::write(&path, b"1234").unwrap();
    for said in [3, 5] {
        let fault = BodyFault::Length { path: path.clone(), said, found: 4 };
        assert_eq!(bench.log.record(spooled(said)).await, Err(Failure::Body(fault)));
    }
    assert_eq!(bench.log.record(spooled(4)).await, Ok(RecordId(1)));
    let found = bench.log.read(|reader| reader.find(&Search::default())).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(bench.log.read(|reader| reader.statistics()).await.unwrap().bodies, 1);
}

#[tokio::test]
async fn many_callers_share_groups_and_get_numbers_without_holes() {
    let bench = bench(Settings::default());
    let tasks: Vec<_> = (0..600)
        .map(|place| {
            let log = bench.log.clone();
            tokio::spawn(async move { log.record(request(&format!("q-{place}"))).await.unwrap().0 })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=600).collect::<Vec<_>>());
    let groups = bench.log.health().groups;
    println!("600 records in {groups} groups");
    assert!(groups < 300, "{groups}");
}

async fn filled() -> crate::bench::Bench {
    let bench = bench(Settings::default());
    for (place, owner) in
        ["EX/GOV/2/c", "EX/GOV/2/d", "EX/GOV/2", "EX/COM/1/sub"].iter().cycle().take(12).enumerate()
    {
        let direction = if place % 2 == 0 { Direction::Request } else { Direction::Response };
        let record = NewRecord { owner: client(owner), direction, ..request(&format!("q-{}", place / 2)) };
        bench.log.record(record).await.unwrap();
        bench.hands.advance(SignedDuration::from_secs(1));
    }
    bench
}

async fn ids(log: &MessageLog, search: Search) -> Vec<u64> {
    log.read(move |reader| reader.find(&search)).await.unwrap().iter().map(|entry| entry.id.0).collect()
}

#[tokio::test]
async fn records_are_found_by_identifier_owner_direction_and_time_newest_first() {
    let bench = filled().await;
    let log = &bench.log;
    let all = Search::default();
    assert_eq!(ids(log, all.clone()).await, (1..=12).rev().collect::<Vec<_>>());
    assert_eq!(ids(log, Search { query_id: Some("q-2".to_owned()), ..all.clone() }).await, [6, 5]);
    assert_eq!(
        ids(log, Search { query_id: Some("q-2' OR '1'='1".to_owned()), ..all.clone() }).await,
        [0u64; 0]
    );
    let owner = Some(Owner::Client(client("EX/GOV/2/c")));
    assert_eq!(ids(log, Search { owner, ..all.clone() }).await, [9, 5, 1]);
    let owner = Some(Owner::Client(client("EX/GOV/2")));
    assert_eq!(ids(log, Search { owner, ..all.clone() }).await, [11, 7, 3]);
    let owner = Some(Owner::Member(client("EX/GOV/2").member()));
    let search = Search { owner: owner.clone(), ..all.clone() };
    assert_eq!(ids(log, search.clone()).await, [11, 10, 9, 7, 6, 5, 3, 2, 1]);
    let search = Search { direction: Some(Direction::Response), ..search };
    assert_eq!(ids(log, search).await, [10, 6, 2]);
    let second = |after: i64| Some(noon() + SignedDuration::from_secs(after));
    assert_eq!(ids(log, Search { from: second(3), until: second(6), ..all.clone() }).await, [6, 5, 4]);
    assert_eq!(ids(log, Search { from: Some(Timestamp::MAX), ..all }).await, [0u64; 0]);
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let bench = filled().await;
    let mut search = Search { limit: 5, ..Search::default() };
    let mut pages = Vec::new();
    loop {
        let page = ids(&bench.log, search.clone()).await;
        let Some(last) = page.last().copied() else { break };
        search.before = Some(RecordId(last));
        pages.push(page);
    }
    assert_eq!(pages, [vec![12, 11, 10, 9, 8], vec![7, 6, 5, 4, 3], vec![2, 1]]);
}

#[tokio::test]
async fn a_closed_log_takes_nothing_and_the_next_one_goes_on_with_the_numbers() {
    let bench = filled().await;
    bench.log.close().await.unwrap();
    bench.log.close().await.unwrap();
    assert_eq!(bench.log.record(request("late")).await, Err(Failure::Closed));
    assert_eq!(bench.log.admits(), Err(Failure::Closed));
    let again = open(bench.directory.path());
    assert_eq!(again.record(request("next")).await, Ok(RecordId(13)));
    again.close().await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_changes_hears_of_each_record_when_it_can_be_read() {
    let bench = bench(Settings::default());
    let mut changes = bench.log.changes();
    for number in 1..=3 {
        assert!(!changes.has_changed().unwrap(), "nothing has been recorded since the last one");
        bench.log.record(request("q")).await.unwrap();
        assert!(changes.has_changed().unwrap(), "record {number}");
        changes.mark_unchanged();
        assert_eq!(bench.log.health().unstamped, number);
    }
}

#[tokio::test]
async fn closing_waits_for_what_was_taken() {
    let bench = bench(Settings::default());
    let tasks: Vec<_> = (0..50)
        .map(|place| {
            let log = bench.log.clone();
            tokio::spawn(async move { log.record(request(&format!("q-{place}"))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    bench.log.close().await.unwrap();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(failure) => assert_eq!(failure, Failure::Closed),
        }
    }
    let reader = reader(bench.directory.path());
    assert_eq!(reader.statistics().unwrap().records, taken);
}

#[tokio::test]
async fn a_second_writer_is_refused_and_a_second_reader_is_not() {
    let bench = filled().await;
    let clock = clock::Clock::fixed(noon());
    let second = MessageLog::open(place(bench.directory.path()), Settings::default(), clock.clone());
    assert!(matches!(second, Err(OpenFailure::InUse { .. })), "{second:?}");
    let reader = reader(bench.directory.path());
    assert_eq!(reader.find(&Search::default()).unwrap().len(), 12);
    assert_eq!(reader.record(RecordId(77)), Err(ReadFailure::NoSuchRecord(RecordId(77))));
    bench.log.close().await.unwrap();
    MessageLog::open(place(bench.directory.path()), Settings::default(), clock)
        .unwrap()
        .close()
        .await
        .unwrap();
}

#[tokio::test]
async fn figures_tell_records_bodies_and_the_oldest_without_a_time_stamp() {
    let bench = filled().await;
    bench.log.record(with_body("q", &[7; 1000])).await.unwrap();
    let figures = bench.log.read(|reader| reader.statistics()).await.unwrap();
    assert_eq!((figures.records, figures.unstamped, figures.stamps), (13, 13, 0));
    assert_eq!(figures.oldest_unstamped, Some(noon()));
    assert_eq!(figures.newest, Some(noon() + SignedDuration::from_secs(12)));
    assert_eq!(figures.bodies, 1);
    // A server tells only what its table of large objects takes.
    assert!(if EMBEDDED { figures.body_bytes == 1000 } else { figures.body_bytes > 0 });
    assert!(figures.file_bytes > 8192);
    let health = bench.log.health();
    assert_eq!((health.last, health.unstamped, health.broken), (RecordId(13), 13, None));
}
