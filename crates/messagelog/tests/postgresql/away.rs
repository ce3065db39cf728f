//! A server that goes away in the middle, and comes back.

use std::collections::BTreeSet;

use database::practice::Server;
use messagelog::{Failure, MessageLog, OpenFailure, ReadFailure, RecordId, Search, Settings, StoreFault};

use crate::bench::{noon, request, with_body};
use crate::store::at;

fn open(server: &Server, directory: &std::path::Path) -> Result<MessageLog, OpenFailure> {
    let log = MessageLog::open(
        at(&server.url("postgres"), directory),
        Settings::default(),
        clock::Clock::fixed(noon()),
    )?;
    log.provide_time_stamping(true);
    Ok(log)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_nothing_is_taken_and_when_it_is_back_nothing_acknowledged_is_missing() {
    nothing_acknowledged_is_missing(Server::start("").unwrap()).await;
}

/// One that writes what it has committed seconds later, unless it is told otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_wait_for_its_disk_is_told_to() {
    let hasty = "synchronous_commit = off\nwal_writer_delay = 10s";
    nothing_acknowledged_is_missing(Server::start(hasty).unwrap()).await;
}

async fn nothing_acknowledged_is_missing(server: Server) {
    let directory = tempfile::tempdir().unwrap();
    let log = open(&server, directory.path()).unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for place in 0u64.. {
                        let name = format!("{round}-{caller}-{place}");
                        match log.record(with_body(&name, name.as_bytes())).await {
                            Ok(id) => acknowledged.push((id.0, name)),
                            Err(Failure::Storage(StoreFault::Away(_))) => return acknowledged,
                            Err(failure) => panic!("{failure:?}"),
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let some = log.health().last.0 + 40;
        while log.health().last.0 < some {
            tokio::task::yield_now().await;
        }
        log.read(|reader| reader.statistics()).await.unwrap();
        server.pause().unwrap();
        for caller in callers {
            acknowledged.extend(caller.await.unwrap());
        }
        assert!(matches!(log.health().broken, Some(StoreFault::Away(_))));
        assert!(matches!(log.admits(), Err(Failure::Storage(StoreFault::Away(_)))));
        assert!(matches!(log.record(request("refused")).await, Err(Failure::Storage(StoreFault::Away(_)))));
        let read = log.read(|reader| reader.statistics()).await;
        assert!(matches!(read, Err(ReadFailure::Storage(_))), "{read:?}");
        let recovered = log.recover().await;
        assert!(matches!(recovered, Err(OpenFailure::Storage(StoreFault::Away(_)))), "{recovered:?}");
        server.resume().unwrap();
        assert_eq!(log.recover().await, Ok(true));
        assert_eq!((log.health().broken, log.admits()), (None, Ok(())));
        let id = log.record(request(&format!("{round}-back"))).await.unwrap();
        acknowledged.insert((id.0, format!("{round}-back")));
        assert_eq!(log.recover().await, Ok(false));
    }
    let (mut found, mut before) = (BTreeSet::new(), None);
    loop {
        let search = Search { before, limit: 1000, ..Search::default() };
        let page = log.read(move |reader| reader.find(&search)).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        found.extend(page.iter().map(|entry| (entry.id.0, entry.query_id.clone())));
    }
    let missing: Vec<_> = acknowledged.difference(&found).collect();
    println!("{} acknowledged, {} found", acknowledged.len(), found.len());
    assert!(missing.is_empty(), "{missing:?}");
    // What was committed while the server died may be there without an answer: at most what waited.
    assert!(found.len() <= acknowledged.len() + 3 * 8);
    assert!(!found.iter().any(|(_, name)| name == "refused"));
    let (id, name) = acknowledged.iter().find(|(_, name)| name.ends_with("-0-0")).unwrap().clone();
    let body = log.read(move |reader| {
        let mut body = Vec::new();
        reader.body(RecordId(id), 1, &mut body).map(|_| body)
    });
    assert_eq!(body.await.unwrap(), name.as_bytes());
    log.close().await.unwrap();
}

#[test]
fn a_start_without_the_server_says_so() {
    let server = Server::start("").unwrap();
    let directory = tempfile::tempdir().unwrap();
    server.pause().unwrap();
    let refused = open(&server, directory.path()).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, OpenFailure::Storage(StoreFault::Away(_))), "{refused:?}");
    assert!(refused.to_string().contains("cannot be reached"), "{refused}");
}
