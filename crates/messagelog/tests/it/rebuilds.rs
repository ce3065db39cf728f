//! Recorded signatures come back byte for byte, and cost few bytes.

use std::path::{Path, PathBuf};

use clock::Chance;
use messagelog::{Body, Direction, NewRecord, RecordId, Settings};

use signature::SignedParts;

use crate::bench::{bench, request, signed};
use crate::recorded::{Recorded, signed_messages, vectors};

fn new_record(recorded: &Recorded, query_id: &str) -> NewRecord {
    NewRecord {
        message: recorded.message.clone(),
        body: recorded.body.clone().map_or(Body::None, |body| Body::Bytes(body.into())),
        signed: recorded.signed.clone(),
        direction: if recorded.response { Direction::Response } else { Direction::Request },
        ..request(query_id)
    }
}

fn all_recorded() -> Option<Vec<Recorded>> {
    let vectors = vectors()?;
    let mut all = Vec::new();
    for folder in ["recorded/wire", "recorded/ec/wire", "recorded/options/messagelog/A/wire"] {
        let found = signed_messages(&vectors.join(folder));
        println!("{folder}: {} signed messages", found.len());
        assert!(!found.is_empty(), "{folder}");
        all.extend(found);
    }
    Some(all)
}

#[tokio::test]
async fn every_recorded_signature_is_rebuilt_byte_for_byte() {
    let Some(all) = all_recorded() else { return };
    let bench = bench(Settings::default());
    for (place, recorded) in all.iter().enumerate() {
        let id = bench.log.record(new_record(recorded, &format!("q-{place}"))).await.unwrap();
        assert_eq!(id.0, u64::try_from(place).unwrap() + 1);
    }
    let ids: Vec<_> = (1..=u64::try_from(all.len()).unwrap()).map(RecordId).collect();
    let read = bench
        .log
        .read(move |reader| ids.iter().map(|id| reader.record(*id)).collect::<Result<Vec<_>, _>>())
        .await
        .unwrap();
    for (recorded, read) in all.iter().zip(read) {
        let rebuilt = SignedParts {
            signatures_xml: read.signature,
            hash_chain_result: read.hash_chain_result,
            hash_chain: read.hash_chain,
        };
        assert!(rebuilt == recorded.signed, "{}", recorded.name);
        assert!(read.message == recorded.message, "{}", recorded.name);
    }
    bench.log.close().await.unwrap();
}

/// Replaces, in a signature, the texts that are new in each message: the digests, the signature value, the time.
fn renewed(xml: &[u8], chance: &Chance) -> Vec<u8> {
    let mut out = Vec::new();
    let mut inside = false;
    for line in xml.split_inclusive(|byte| *byte == b'\n') {
        let changes = inside || line.starts_with(b"<ds:DigestValue>") || line.starts_with(b"            <");
        inside = line.starts_with(b"<ds:SignatureValue");
        let mut line = line.to_vec();
        if changes {
            let start = line.iter().position(|byte| *byte == b'>').map_or(0, |place| place + 1);
            for byte in
                line.iter_mut().skip(start).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'/')
            {
                if *byte != b'/' {
                    let letter = chance.letters(1);
                    *byte = letter.as_bytes()[0];
                }
            }
        }
        out.extend(line);
    }
    out
}

#[tokio::test]
async fn a_recorded_message_costs_at_most_2_kb_besides_its_body() {
    let Some(vectors) = vectors() else { return };
    let mut all = signed_messages(&vectors.join("recorded/wire"));
    all.retain(|recorded| recorded.name.starts_with("rest-"));
    let chance = Chance::seeded(3);
    let bench = bench(Settings::default());
    const ROUNDS: usize = 40;
    let mut plain = 0;
    let mut waiting = Vec::new();
    for _ in 0..ROUNDS {
        let query_id = format!("DEV-{}", chance.uuid4());
        for recorded in &all {
            let mut record = new_record(recorded, &query_id);
            record.request_id = chance.uuid4();
            record.signed.signatures_xml = renewed(&record.signed.signatures_xml, &chance);
            record.signed.hash_chain = record.signed.hash_chain.map(|chain| renewed(&chain, &chance));
            record.signed.hash_chain_result =
                record.signed.hash_chain_result.map(|result| renewed(&result, &chance));
            plain += record.message.len()
                + record.signed.signatures_xml.len()
                + record.signed.hash_chain.as_ref().map_or(0, Vec::len)
                + record.signed.hash_chain_result.as_ref().map_or(0, Vec::len);
            // One body would hide what is measured.
            record.body = Body::None;
            let log = bench.log.clone();
            waiting.push(tokio::spawn(async move { log.record(record).await }));
        }
    }
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    let figures = bench.log.read(|reader| reader.statistics()).await.unwrap();
    let groups = bench.log.health().groups;
    bench.log.close().await.unwrap();
    let bytes = std::fs::metadata(bench.directory.path().join("messagelog.db")).unwrap().len();
    let per_record = bytes / figures.records;
    println!(
        "{} records: {per_record} bytes each in the file (as plain documents {}), {} shared contents, {groups} groups",
        figures.records,
        u64::try_from(plain).unwrap() / figures.records,
        figures.shared,
    );
    assert!(per_record <= 2048, "{per_record} bytes");
}

/// Every file of a folder, as an odd kind of signature: the log must give back whatever it was given.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.metadata().unwrap().len() < 200_000 {
            found.push(path);
        }
    }
}

#[tokio::test]
async fn any_bytes_at_all_come_back() {
    let Some(vectors) = vectors() else { return };
    let mut found = Vec::new();
    for folder in ["signature", "hashchain-ts-ocsp", "soap", "globalconf"] {
        files(&vectors.join(folder), &mut found);
    }
    let bench = bench(Settings::default());
    let contents: Vec<_> = found.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let tasks: Vec<_> = contents
        .iter()
        .cloned()
        .map(|content| {
            let log = bench.log.clone();
            tokio::spawn(async move {
                let parts = SignedParts { hash_chain: Some(content.clone()), ..signed(&content) };
                log.record(NewRecord { signed: parts, ..request("any") }).await.unwrap()
            })
        })
        .collect();
    for (task, (content, path)) in tasks.into_iter().zip(contents.into_iter().zip(found)) {
        let id = task.await.unwrap();
        let read = bench.log.read(move |reader| reader.record(id)).await.unwrap();
        assert!(
            read.signature == content && read.hash_chain.as_ref() == Some(&content),
            "{}",
            path.display()
        );
    }
}
