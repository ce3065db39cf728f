//! X-Road's layout as others see it, and what does not fit into it.

use database::Url;
use database::practice::{Server, psql};
use jiff::SignedDuration;
use messagelog::{
    Archiving, Archivist, Failure, KeyName, MessageLog, NewRecord, OpenFailure, Place, ReadFailure, Reader,
    RecordId, Search, Settings, Stamper,
};

use crate::archives::stamp_all;
use crate::bench::{bench, noon, place, reader, request, signed, with_body};
use crate::practice::Practice;
use crate::store::{address, at};

fn ask(directory: &std::path::Path, sql: &str) -> String {
    psql(&address(directory), &["-c", sql]).unwrap()
}

#[tokio::test]
async fn psql_finds_what_was_recorded_where_x_road_keeps_it() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    let at = bench.directory.path();
    let first = practice.message("q 1", Some(b"a body"));
    bench.log.record(first.clone()).await.unwrap();
    bench.log.record(practice.message("q 2", None)).await.unwrap();
    let row = "SELECT id, discriminator, time, archived, queryid, memberclass, membercode, subsystemcode, xrequestid,
               response, timestamprecord IS NULL, timestamphashchain IS NULL, keyid IS NULL AND ciphermessage IS NULL
               FROM messagelog.logrecord ORDER BY id LIMIT 1";
    let time = noon().as_millisecond();
    assert_eq!(
        ask(at, row),
        format!("1|m|{time}|f|q 1|COM|1|sub|0b6c5fe0-7f0d-4a2b-9d0b-000000000001|t|t|t|t")
    );
    let hash = "SELECT signaturehash = encode(sha512(convert_to(signature, 'UTF8')), 'base64') OR
                signaturehash = replace(encode(sha512(convert_to(signature, 'UTF8')), 'base64'), E'\\n', '')
                FROM messagelog.logrecord";
    assert_eq!(ask(at, hash), "t\nt");
    let text = |column: &str| {
        ask(
            at,
            &format!(
                "SELECT encode(convert_to({column}, 'UTF8'), 'hex') FROM messagelog.logrecord WHERE id = 1"
            ),
        )
    };
    assert_eq!(text("message"), hex::encode(&first.message));
    assert_eq!(text("signature"), hex::encode(&first.signed.signatures_xml));
    assert_eq!(text("hashchain"), hex::encode(first.signed.hash_chain.as_ref().unwrap()));
    assert_eq!(text("hashchainresult"), hex::encode(first.signed.hash_chain_result.as_ref().unwrap()));
    let body = "SELECT logrecord_id, attachment_no, convert_from(lo_get(attachment), 'UTF8') FROM messagelog.message_attachment";
    assert_eq!(ask(at, body), "1|1|a body");

    let mut stamper = Stamper::new(bench.log.clone(), noon());
    let due = noon() + SignedDuration::from_secs(1);
    let round = stamper.next_round(due).await.unwrap().unwrap();
    stamper.stamped(round.clone(), &practice.stamp(&round), due).await.unwrap();
    let stamped =
        "SELECT id, discriminator, timestamprecord, signaturehash IS NULL, timestamphashchain LIKE '<%',
                   \"timestamp\" IS NOT NULL, archived FROM messagelog.logrecord ORDER BY id";
    assert_eq!(ask(at, stamped), "1|m|3|t|t|f|f\n2|m|3|t|t|f|f\n3|t||t||t|f");
    let token = ask(
        at,
        "SELECT encode(decode(\"timestamp\", 'base64'), 'hex') FROM messagelog.logrecord WHERE id = 3",
    );
    assert!(token.starts_with("30"));

    let folder = at.join("archive");
    let keep = Some(std::time::Duration::ZERO);
    let archivist = Archivist::new(bench.log.clone(), Archiving { keep, ..Archiving::new(folder) });
    // Nothing is old enough at noon.
    let round = archivist.round(noon(), || true).await.unwrap();
    assert_eq!((round.records, round.deleted), (2, 0));
    assert_eq!(ask(at, "SELECT id, archived FROM messagelog.logrecord ORDER BY id"), "1|t\n2|t\n3|t");
    let file = round.archives[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        ask(at, "SELECT filename, groupname IS NULL FROM messagelog.last_archive_digest"),
        format!("{file}|t")
    );
    let untaken = archivist.untaken().await.unwrap();
    assert_eq!(untaken.len(), 1);
    archivist.taken(&untaken[0]).await.unwrap();
    assert_eq!(archivist.untaken().await.unwrap(), []);
    let round = archivist.round(due, || true).await.unwrap();
    assert_eq!((round.records, round.deleted), (0, 2));
    // With the records go their bodies and time-stamps.
    let left = "SELECT (SELECT count(*) FROM messagelog.logrecord), (SELECT count(*) FROM messagelog.message_attachment),
                (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM messagelog.last_archive_digest)";
    assert_eq!(ask(at, left), "0|0|0|1");
    assert_eq!(bench.log.record(request("next")).await, Ok(RecordId(4)));
}

/// Kept ones at the beginning, old ones behind them, then new ones: more than are looked at in one step of each.
#[tokio::test]
async fn old_records_are_found_behind_others_and_the_log_is_not_gone_through_to_its_end() {
    let bench = bench(Settings::default());
    let at = bench.directory.path();
    let noon_ms = noon().as_millisecond();
    ask(
        at,
        &format!(
            "INSERT INTO messagelog.logrecord (id, discriminator, time, archived)
             SELECT nextval('messagelog.logrecord_sequence'), 'm', {noon_ms} - 10000 + place, place > 1100
             FROM generate_series(1, 1700) place;
             INSERT INTO messagelog.logrecord (id, discriminator, time, archived)
             SELECT nextval('messagelog.logrecord_sequence'), 'm', {noon_ms} + place, true FROM generate_series(1, 1700) place;
             INSERT INTO messagelog.logrecord (id, discriminator, time, archived) VALUES (9999, 'm', 1, true)"
        ),
    );
    let keep = Some(std::time::Duration::ZERO);
    let settings = Archiving { keep, ..Archiving::new(at.join("archive")) };
    let archivist = Archivist::new(bench.log.clone(), settings);
    let before = bench.log.health().groups;
    assert_eq!(archivist.round(noon(), || true).await.unwrap().deleted, 600);
    assert_eq!(bench.log.health().groups - before, 2);
    // A time that does not fit its number is not looked for.
    let left = "SELECT count(*), count(*) FILTER (WHERE archived), max(id) FROM messagelog.logrecord";
    assert_eq!(ask(at, left), "2801|1701|9999");
    assert_eq!(archivist.round(noon(), || true).await.unwrap().deleted, 0);
}

#[tokio::test]
async fn what_is_no_text_is_refused_alone() {
    let bench = bench(Settings::default());
    for (record, what) in [
        (NewRecord { query_id: "q\0".to_owned(), ..request("q") }, "message identifier"),
        (NewRecord { request_id: "\0".to_owned(), ..request("q") }, "request identifier"),
        (NewRecord { message: b"GET\0".to_vec(), ..request("q") }, "message"),
        (NewRecord { message: b"GET \xff".to_vec(), ..request("q") }, "message"),
        (NewRecord { signed: signed(b"<a>\xff</a>"), ..request("q") }, "signature"),
    ] {
        assert_eq!(bench.log.record(record).await, Err(Failure::NotText(what)));
    }
    let mut chained = request("q");
    chained.signed.hash_chain = Some(vec![0]);
    assert_eq!(bench.log.record(chained).await, Err(Failure::NotText("hash chain")));
    let mut chained = request("q");
    chained.signed.hash_chain_result = Some(vec![0xff]);
    assert_eq!(bench.log.record(chained).await, Err(Failure::NotText("hash chain's result")));
    assert_eq!(bench.log.record(with_body("q", &[0, 0xff])).await, Ok(RecordId(1)));
    let search = Search { query_id: Some("q\0".to_owned()), ..Search::default() };
    assert_eq!(bench.log.read(move |reader| reader.find(&search)).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_changed_is_noticed() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    let at = bench.directory.path();
    for place in 0..3 {
        bench.log.record(practice.message(&format!("q-{place}"), Some(b"a body"))).await.unwrap();
    }
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    let due = noon() + SignedDuration::from_secs(1);
    let round = stamper.next_round(due).await.unwrap().unwrap();
    stamper.stamped(round.clone(), &practice.stamp(&round), due).await.unwrap();
    bench.log.record(practice.message("q-3", None)).await.unwrap();
    ask(at, "UPDATE messagelog.logrecord SET signature = signature || ' ' WHERE id IN (1, 5)");
    ask(at, "SELECT lo_unlink(attachment) FROM messagelog.message_attachment WHERE logrecord_id = 2");
    ask(
        at,
        "UPDATE messagelog.logrecord SET message = NULL, keyid = 'key1', ciphermessage = 'x' WHERE id = 3",
    );
    let export = |id: u64| reader(at).export(RecordId(id)).map(|_| ()).unwrap_err();
    let (one, two, three, five) = (export(1), export(2), export(3), export(5));
    assert!(
        matches!(&one, ReadFailure::NotExportable { reason, .. } if reason.contains("does not cover")),
        "{one:?}"
    );
    assert!(matches!(&two, ReadFailure::Damaged { what, .. } if what.contains("is gone")), "{two:?}");
    assert!(
        matches!(&three, ReadFailure::NoKey { key: KeyName::Xroad(key), .. } if key == "key1"),
        "{three:?}"
    );
    assert!(matches!(&five, ReadFailure::Damaged { what, .. } if what.contains("recorded one")), "{five:?}");
    assert!(reader(at).body(RecordId(3), 1, &mut Vec::new()).is_err());
    bench.log.close().await.unwrap();
    let opened = MessageLog::open(place(at), Settings::default(), clock::Clock::fixed(noon()));
    assert!(matches!(opened, Err(OpenFailure::Damaged(_))), "{opened:?}");
}

#[tokio::test]
async fn a_record_whose_body_was_changed_is_archived_only_where_bodies_may_be_cut_and_told_there() {
    for truncate in [false, true] {
        let mut settings = Settings::default();
        settings.bodies.rule.truncate = truncate;
        let (practice, bench) = (Practice::new(), bench(settings));
        let at = bench.directory.path();
        for place in 0..3 {
            let body = format!("body {place}");
            let message = practice.message(&format!("q-{place}"), Some(body.as_bytes()));
            bench.log.record(message).await.unwrap();
        }
        stamp_all(&bench.log, &practice, noon()).await;
        ask(
            at,
            "SELECT lo_truncate(lo_open(attachment, 131072), 3) FROM messagelog.message_attachment WHERE logrecord_id = 1;
             SELECT lo_put(attachment, 2, 'x') FROM messagelog.message_attachment WHERE logrecord_id = 2",
        );
        let keep = Some(std::time::Duration::ZERO);
        let settings = Archiving { keep, ..Archiving::new(at.join("archive")) };
        let archivist = Archivist::new(bench.log.clone(), settings);
        let round = archivist.round(noon() + SignedDuration::from_secs(1), || true).await.unwrap();
        if truncate {
            assert_eq!((round.records, round.deleted, round.withheld.count()), (3, 3, 0));
            assert_eq!(
                (round.left_out.first(), round.left_out.count()),
                (&[RecordId(1), RecordId(2)][..], 2)
            );
            continue;
        }
        assert_eq!((round.records, round.deleted, round.left_out.count()), (1, 1, 0));
        let one = &round.withheld.first()[0];
        assert!(
            matches!(one, ReadFailure::Damaged { record: RecordId(1), what } if what.contains("signed")),
            "{one:?}"
        );
        assert_eq!(round.withheld.count(), 2);
        assert_eq!(
            ask(at, "SELECT id FROM messagelog.logrecord WHERE discriminator = 'm' ORDER BY id"),
            "1\n2"
        );
    }
}

fn refusal(place: &Place) -> OpenFailure {
    MessageLog::open(place, Settings::default(), clock::Clock::fixed(noon())).unwrap_err()
}

#[tokio::test]
async fn a_database_that_is_gone_of_another_layout_or_without_rights_is_refused_in_words() {
    let bench = bench(Settings::default());
    let at_folder = bench.directory.path();
    bench.log.close().await.unwrap();
    ask(at_folder, "ALTER TABLE messagelog.logrecord RENAME COLUMN keyid TO key_id");
    let renamed = refusal(&place(at_folder));
    assert!(matches!(&renamed, OpenFailure::Layout(what) if what.contains("keyid")), "{renamed:?}");
    assert!(matches!(Reader::open(place(at_folder)), Err(OpenFailure::Layout(_))));
    ask(at_folder, "DROP SCHEMA messagelog CASCADE");
    let gone = refusal(&place(at_folder));
    assert!(matches!(&gone, OpenFailure::GoneAtServer { .. }), "{gone:?}");
    let mark = at_folder.join("messagelog-postgresql.lock");
    assert!(mark.exists() && gone.to_string().contains(mark.to_str().unwrap()), "{gone}");
    assert!(matches!(Reader::open(place(at_folder)), Err(OpenFailure::GoneAtServer { .. })));
    assert_eq!(
        ask(at_folder, "SELECT to_regnamespace('messagelog') IS NULL"),
        "t",
        "nothing was put in its place"
    );

    // A user with the rights of X-Road's, and no more.
    let other = Server::shared().database();
    let directory = tempfile::tempdir().unwrap();
    let owner =
        MessageLog::open(at(&other, directory.path()), Settings::default(), clock::Clock::fixed(noon()));
    owner.unwrap().close().await.unwrap();
    let name = other.rsplit('/').next().unwrap();
    psql(&other, &["-c", &format!(
        "DROP SCHEMA chhatra_messagelog CASCADE; CREATE ROLE {name}_log LOGIN; GRANT USAGE ON SCHEMA messagelog TO {name}_log;
         GRANT ALL ON ALL TABLES IN SCHEMA messagelog TO {name}_log; GRANT ALL ON ALL SEQUENCES IN SCHEMA messagelog TO {name}_log"
    )]).unwrap();
    let limited = at(&other.replace("practice@", &format!("{name}_log@")), directory.path());
    let refused = refusal(&limited);
    let advice = format!("CREATE SCHEMA chhatra_messagelog AUTHORIZATION {name}_log");
    assert!(refused.to_string().ends_with(&advice), "{refused}");
    psql(&other, &["-c", &advice]).unwrap();
    let log = MessageLog::open(&limited, Settings::default(), clock::Clock::fixed(noon())).unwrap();
    log.provide_time_stamping(true);
    assert_eq!(log.record(with_body("q", b"body")).await, Ok(RecordId(1)));
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_second_gateway_with_a_folder_of_its_own_is_kept_out() {
    let bench = bench(Settings::default());
    let elsewhere = tempfile::tempdir().unwrap();
    let second = refusal(&at(&address(bench.directory.path()), elsewhere.path()));
    assert!(matches!(second, OpenFailure::InUse { .. }), "{second:?}");
    bench.log.close().await.unwrap();
}

#[test]
fn a_server_that_would_forget_what_it_has_committed_is_refused() {
    let server = Server::start("fsync = off\nsynchronous_commit = off").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let Err(refused) = MessageLog::open(
        Place::Database {
            url: Box::new(Url::parse(&server.database()).unwrap()),
            instance: "EX".to_owned(),
            folder: directory.path().to_owned(),
        },
        Settings::default(),
        clock::Clock::fixed(noon()),
    ) else {
        panic!("a server without fsync is taken")
    };
    assert!(matches!(&refused, OpenFailure::Unfit(why) if why.contains("fsync")), "{refused}");
}

#[test]
fn a_database_of_another_encoding_is_refused() {
    let server = Server::shared();
    let sql = "CREATE DATABASE octets ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0";
    server.psql("postgres", sql).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let refused = refusal(&at(&server.url("octets"), directory.path()));
    assert!(matches!(&refused, OpenFailure::Unfit(why) if why.contains("UTF8")), "{refused}");
}
