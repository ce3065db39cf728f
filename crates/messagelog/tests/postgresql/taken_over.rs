//! Logs of a live X-Road server, as it left them: read, stamped, archived, gone on with.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use clock::Clock;
use database::Url;
use database::practice::{Server, psql};
use jiff::SignedDuration;
use messagelog::{Archiving, Archivist, MessageLog, Place, Reader, RecordId, Settings, Stamper};
use signature::archive::{Before, verify};
use signature::container::AsicContainer;
use trust::DigestAlgorithm;

use crate::bench::{noon, request};
use crate::practice::Practice;
use crate::recorded::vectors;

const ROLES: &str = "DO $$ BEGIN CREATE ROLE messagelog_admin; CREATE ROLE messagelog LOGIN;
 EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";

fn place(address: &str, directory: &Path) -> Place {
    let url = Box::new(Url::parse(address).unwrap());
    Place::Database { url, instance: "DEV".to_owned(), folder: directory.to_owned() }
}

/// A database with what `pg_dump` wrote of a server's log; its address for the user that X-Road's own proxy has.
fn restored(vectors: &Path, server: &str, directory: &Path) -> String {
    let dump = vectors.join(format!("recorded/messagelog/messagelog-{server}.sql.gz"));
    let sql = Command::new("gunzip").arg("-c").arg(dump).output().unwrap().stdout;
    let file = directory.join("dump.sql");
    std::fs::write(&file, sql).unwrap();
    let address = Server::shared().database();
    psql(&address, &["-c", ROLES]).unwrap();
    psql(&address, &["-f", file.to_str().unwrap()]).unwrap();
    psql(&address, &["-c", "CREATE SCHEMA chhatra_messagelog AUTHORIZATION messagelog"]).unwrap();
    address.replace("practice@", "messagelog@")
}

/// The containers that the live server put into its archives, by their names.
fn archived(vectors: &Path, server: &str) -> BTreeMap<String, AsicContainer> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(vectors.join(format!("recorded/messagelog/archive-{server}"))).unwrap() {
        let file = File::open(entry.unwrap().path()).unwrap();
        verify(file, Before::Anything, |name, octets| {
            found.insert(name.to_owned(), AsicContainer::read(octets).unwrap());
        })
        .unwrap();
    }
    found
}

#[test]
fn each_row_of_a_live_log_is_read_as_it_stands_and_exported_as_the_live_server_archived_it() {
    let Some(vectors) = vectors() else { return };
    for server in ["ss0", "ss1"] {
        let directory = tempfile::tempdir().unwrap();
        let address = restored(&vectors, server, directory.path());
        let reader = Reader::open(place(&address, directory.path())).unwrap();
        let rows = psql(
            &address,
            &["-c", "SELECT id, encode(sha512(convert_to(message, 'UTF8')), 'hex'), encode(sha512(convert_to(signature, 'UTF8')), 'hex'),
                     timestamprecord IS NOT NULL, memberclass, membercode, (SELECT count(*) FROM messagelog.message_attachment
                      WHERE logrecord_id = logrecord.id) FROM messagelog.logrecord WHERE discriminator = 'm'"],
        )
        .unwrap();
        let archived = archived(&vectors, server);
        let (mut read, mut compared, mut bodies) = (0, 0, 0);
        for row in rows.lines() {
            let columns: Vec<&str> = row.split('|').collect();
            let id = RecordId(columns[0].parse().unwrap());
            let record = reader.record(id).unwrap();
            assert_eq!(hex::encode(DigestAlgorithm::Sha512.digest(&record.message)), columns[1], "{id}");
            assert_eq!(hex::encode(DigestAlgorithm::Sha512.digest(&record.signature)), columns[2], "{id}");
            assert_eq!(record.entry.stamped, columns[3] == "t", "{id}");
            let owner = record.entry.owner.member();
            assert_eq!((owner.instance(), owner.class(), owner.code()), ("DEV", columns[4], columns[5]));
            let exported = reader.export(id).unwrap();
            assert_eq!(exported.stamped, record.entry.stamped, "{id}");
            let ours = AsicContainer::read(&exported.bytes).unwrap();
            assert_eq!(ours.attachments.len().to_string(), columns[6], "{id}");
            bodies += ours.attachments.len();
            read += 1;
            if let Some(theirs) = archived.get(&exported.file_name) {
                assert_eq!(ours.message, theirs.message, "{id}");
                assert_eq!(ours.signed, theirs.signed, "{id}");
                assert_eq!(ours.stamp, theirs.stamp, "{id}");
                assert_eq!(ours.attachments, theirs.attachments, "{id}");
                compared += 1;
            }
        }
        println!("{server}: {read} rows, {bodies} bodies, {compared} as the live server archived them");
        assert!(read > 90 && bodies > 20);
        assert_eq!(compared, archived.len());
    }
}

#[tokio::test]
async fn a_live_log_is_stamped_archived_and_gone_on_with_where_it_ended() {
    let Some(vectors) = vectors() else { return };
    let directory = tempfile::tempdir().unwrap();
    let address = restored(&vectors, "ss1", directory.path());
    let admin = address.replace("messagelog@", "practice@");
    let ask = |sql: &str| psql(&admin, &["-c", sql]).unwrap();
    let waiting =
        "SELECT count(*) FROM messagelog.logrecord WHERE discriminator = 'm' AND timestamprecord IS NULL";
    let left = "SELECT count(*) FROM messagelog.logrecord WHERE NOT archived";
    let (unstamped, last): (u64, u64) = (
        ask(waiting).parse().unwrap(),
        ask("SELECT last_value FROM messagelog.logrecord_sequence").parse().unwrap(),
    );
    assert!(unstamped > 0 && ask(left) != "0");
    let previous = ask("SELECT digest FROM messagelog.last_archive_digest WHERE groupname IS NULL");

    let practice = Practice::new();
    let log = MessageLog::open(place(&address, directory.path()), Settings::default(), Clock::fixed(noon()))
        .unwrap();
    log.provide_time_stamping(true);
    assert_eq!(log.health().unstamped, unstamped);
    assert_eq!(log.record(practice.message("ours", Some(b"a body"))).await, Ok(RecordId(last + 1)));
    let mut stamper = Stamper::new(log.clone(), noon());
    let due = noon() + SignedDuration::from_secs(1);
    let round = stamper.next_round(due).await.unwrap().unwrap();
    stamper.stamped(round.clone(), &practice.stamp(&round), due).await.unwrap();
    assert_eq!((ask(waiting).as_str(), log.health().unstamped), ("0", 0));

    let archivist = Archivist::new(log.clone(), Archiving::new(directory.path().join("archive")));
    let made = archivist.round(due, || true).await.unwrap();
    assert_eq!((made.withheld.count(), ask(left).as_str()), (0, "0"));
    let mut ours = false;
    let file = File::open(&made.archives[0]).unwrap();
    let found = verify(file, Before::Digest(&previous), |name, octets| {
        ours |= name.starts_with("ours-");
        assert!(AsicContainer::read(octets).unwrap().stamp.is_some());
    });
    assert_eq!(
        found.unwrap().digest,
        ask("SELECT digest FROM messagelog.last_archive_digest WHERE groupname IS NULL")
    );
    assert!(ours);
    // What is old goes, with its bodies: of those that the live server archived, too.
    let before = ask("SELECT count(*) FROM messagelog.message_attachment");
    let years = noon() + SignedDuration::from_hours(24 * 365);
    let deleted = archivist.round(years, || true).await.unwrap().deleted;
    println!("{deleted} records with {before} bodies were deleted");
    assert_eq!(ask("SELECT count(*) FROM messagelog.logrecord"), "0");
    assert_eq!(ask("SELECT count(*) FROM pg_largeobject_metadata"), "0");
    assert_eq!(log.record(request("next")).await, Ok(RecordId(last + 3)));
    log.close().await.unwrap();
}
