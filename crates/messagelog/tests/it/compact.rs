//! What the embedded store makes of documents: few bytes, and any bytes at all come back.

use std::path::{Path, PathBuf};

use clock::Chance;
use jiff::SignedDuration;
use messagelog::{Body, NewRecord, RecordId, Settings, Stamper};
use signature::SignedParts;
use signature::container::AsicContainer;
use signature::evidence;

use crate::bench::{bench, noon, request, signed};
use crate::practice::Practice;
use crate::rebuilds::new_record;
use crate::recorded::{signed_messages, vectors};

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

#[tokio::test]
async fn the_authoritys_certificate_is_stored_once() {
    let (practice, bench) = (Practice::new(), bench(Settings::default()));
    let mut stamper = Stamper::new(bench.log.clone(), noon());
    let mut shared = Vec::new();
    for place in 0..3 {
        bench.log.record(practice.message(&format!("q-{place}"), None)).await.unwrap();
        let now = noon() + SignedDuration::from_secs(1 + 60 * place);
        let round = stamper.next_round(now).await.unwrap().unwrap();
        let token = practice.stamp(&round);
        stamper.stamped(round, &token, now).await.unwrap();
        shared.push(bench.log.read(|reader| reader.statistics()).await.unwrap().shared);
    }
    assert_eq!(shared[0], shared[1]);
    assert_eq!(shared[1], shared[2]);
    for id in 1..=3 {
        let exported = bench.log.read(move |reader| reader.export(RecordId(id))).await.unwrap();
        let container = AsicContainer::read(&exported.bytes).unwrap();
        let stampers = &practice.authorities.time_stampers;
        assert!(evidence::verify(&container, |_| Some(&practice.authorities), stampers).is_ok());
    }
}
