//! What a live server logged, compared with what this log makes of the same messages.

use std::collections::BTreeMap;
use std::path::Path;

use clock::Clock;
use jiff::SignedDuration;
use messagelog::{Body, Direction, MessageLog, NewRecord, RecordId, Settings, Stamper};
use signature::SignedParts;
use signature::container::AsicContainer;
use trust::DigestAlgorithm;

use crate::bench::{bench, noon, open_with, request};
use crate::recorded::{find, signed_messages, vectors};

type Row = BTreeMap<String, String>;

/// Rows of a CSV file with quoted fields, as PostgreSQL writes it.
fn rows(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let line = lines.last_mut().unwrap();
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                line.last_mut().unwrap().push(chars.next().unwrap())
            }
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(String::new()),
            '\n' if !quoted => lines.push(vec![String::new()]),
            other => line.last_mut().unwrap().push(other),
        }
    }
    let mut lines = lines.into_iter();
    let names = lines.next().unwrap();
    lines
        .filter(|line| line.len() == names.len())
        .map(|line| names.iter().cloned().zip(line).collect())
        .collect()
}

fn some(text: &str) -> Option<Vec<u8>> {
    (!text.is_empty()).then(|| text.as_bytes().to_vec())
}

fn record_of(row: &Row) -> NewRecord {
    NewRecord {
        request_id: row["xrequestid"].clone(),
        message: row["message"].clone().into_bytes(),
        direction: if row["response"] == "t" { Direction::Response } else { Direction::Request },
        signed: SignedParts {
            signatures_xml: row["signature"].clone().into_bytes(),
            hash_chain_result: some(&row["hashchainresult"]),
            hash_chain: some(&row["hashchain"]),
        },
        ..request(&row["queryid"])
    }
}

/// The digests of a hash chain document in order: what does not differ between writers.
fn digests(document: &str) -> Vec<String> {
    document
        .split('<')
        .filter_map(|piece| piece.split_once("DigestValue>"))
        .map(|(_, text)| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

async fn fresh(rows: &[&Row]) -> (tempfile::TempDir, MessageLog) {
    let directory = tempfile::tempdir().unwrap();
    let log = open_with(directory.path(), Settings::default(), Clock::fixed(noon()));
    for row in rows {
        log.record(record_of(row)).await.unwrap();
    }
    (directory, log)
}

#[tokio::test]
async fn rows_of_a_live_log_are_kept_byte_for_byte_and_its_batches_get_the_same_imprint() {
    let Some(vectors) = vectors() else { return };
    for server in ["ss0", "ss1"] {
        let rows = rows(&vectors.join(format!("recorded/messagelog/logrecord-{server}.csv")));
        let mut batches = 0;
        for stamp in rows.iter().filter(|row| row["discriminator"] == "t") {
            let covered: Vec<&Row> = rows
                .iter()
                .filter(|row| row["discriminator"] == "m" && row["timestamprecord"] == stamp["id"])
                .collect();
            let (_directory, log) = fresh(&covered).await;
            for (place, row) in (1..).zip(&covered) {
                let read = log.read(move |reader| reader.record(RecordId(place))).await.unwrap();
                assert_eq!(read.message, row["message"].as_bytes());
                assert_eq!(read.signature, row["signature"].as_bytes());
                assert_eq!(read.hash_chain, some(&row["hashchain"]));
                assert_eq!(read.hash_chain_result, some(&row["hashchainresult"]));
            }
            if covered.len() < 2 {
                continue;
            }
            batches += 1;
            // The result document may differ in its prefixes; the top hash may not.
            let mut stamper = Stamper::new(log.clone(), noon());
            let round = stamper.next_round(noon() + SignedDuration::from_secs(1)).await.unwrap().unwrap();
            let leaves: Vec<Vec<u8>> = covered
                .iter()
                .map(|row| DigestAlgorithm::Sha512.digest(row["signature"].as_bytes()))
                .collect();
            let batch = signature::timestamp::Batch::new(leaves).unwrap();
            assert_eq!(round.imprint(), DigestAlgorithm::Sha512.digest(batch.result()));
            let ours = String::from_utf8(batch.result().to_vec()).unwrap();
            assert_eq!(digests(&ours), digests(&stamp["hashchainresult"]));
            for (place, row) in covered.iter().enumerate() {
                let chain = String::from_utf8(batch.chain(place).unwrap()).unwrap();
                assert_eq!(digests(&chain), digests(&row["timestamphashchain"]));
            }
            log.close().await.unwrap();
        }
        println!("{server}: {} rows, {batches} batches", rows.len());
        assert!(batches > 5);
    }
}

#[tokio::test]
async fn a_recorded_container_that_goes_through_the_log_comes_out_with_the_same_name_and_evidence() {
    let Some(vectors) = vectors() else { return };
    let path = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    let original = AsicContainer::read(&std::fs::read(path).unwrap()).unwrap();
    let bench = bench(Settings::default());
    // Record 17 of the live server, `h` in radix 32.
    for place in 1..17 {
        bench.log.record(request(&format!("q-{place}"))).await.unwrap();
    }
    let record = NewRecord {
        direction: Direction::Response,
        message: original.message.clone(),
        signed: original.signed.clone(),
        body: Body::Bytes(original.attachments[&1].clone().into()),
        ..request("DEV-512f0613-ee19-45be-b505-698615ec239c")
    };
    let id = bench.log.record(record).await.unwrap();
    let exported = bench.log.read(move |reader| reader.export(id)).await.unwrap();
    assert_eq!(exported.file_name, "DEV-512f0613-ee19-45be-b505-698615ec239c-response-h.asice");
    let ours = AsicContainer::read(&exported.bytes).unwrap();
    assert_eq!(ours.message, original.message);
    assert_eq!(ours.signed, original.signed);
    assert_eq!(ours.attachments, original.attachments);
    assert!(find(&exported.bytes, b"mimetype=application/vnd.etsi.asic-e+zip").is_some());
}

/// Messages of one round of log settings, by message identifier and direction, as a server stored them.
fn stored_texts(path: &Path) -> BTreeMap<(String, bool), String> {
    let rows: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| {
            ((text(row, "queryid"), row["response"].as_bool().unwrap_or_default()), text(row, "message"))
        })
        .collect()
}

#[tokio::test]
async fn without_body_logging_the_stored_text_is_that_of_a_live_server() {
    let Some(vectors) = vectors() else { return };
    let round = vectors.join("recorded/options/messagelog/A");
    let stored = stored_texts(&round.join("ss0/logrecord.json"));
    let mut settings = Settings::default();
    settings.bodies.rule.logged = false;
    let bench = bench(settings);
    let mut compared = 0;
    for recorded in signed_messages(&round.join("wire")) {
        let text = String::from_utf8_lossy(&recorded.message).into_owned();
        if !recorded.name.starts_with("rest") {
            println!("later: {} (SOAP)", recorded.name);
            continue;
        }
        let query_id = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("x-road-id"))
            .unwrap_or_else(|| panic!("{}: {text}", recorded.name))
            .1
            .to_owned();
        let record = NewRecord {
            message: recorded.message,
            body: recorded.body.map_or(Body::None, |body| Body::Bytes(body.into())),
            signed: recorded.signed,
            ..request(&query_id)
        };
        let id = bench.log.record(record).await.unwrap();
        let read = bench.log.read(move |reader| reader.record(id)).await.unwrap();
        let Some(expected) = stored.get(&(query_id.clone(), recorded.response)) else {
            println!("not logged by the live server: {query_id}");
            continue;
        };
        assert_eq!(&String::from_utf8(read.message).unwrap(), expected, "{query_id}");
        assert_eq!(read.entry.body_bytes, None);
        compared += 1;
    }
    assert!(compared >= 6, "{compared}");
}

#[test]
fn the_manifests_cases_of_the_message_log() {
    let Some(vectors) = vectors() else { return };
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(vectors.join("hashchain-ts-ocsp/manifest.json")).unwrap())
            .unwrap();
    for entry in manifest.as_array().unwrap() {
        let id = entry["id"].as_str().unwrap();
        match entry["situation"].as_str().unwrap() {
            "message-log-body" => println!("later: {id} (SOAP)"),
            "message-log-encryption" => println!("later: {id} (encryption at rest)"),
            "archive-linking-ok" | "archive-linking-broken" | "archive-encryption-keys" => {
                println!("later: {id} (archives)");
            }
            // Hash chains, certificates, OCSP and tokens by themselves are other rooms' cases.
            _ => {}
        }
    }
}
