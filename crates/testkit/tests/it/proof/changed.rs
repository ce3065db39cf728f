//! One octet changed anywhere in a container, and the evidence is refused.

use super::containers::{exported, judge, stamped, stamped_singly, stored};
use globalconf::GlobalConf;
use std::io::{Cursor, Read as _, Write as _};
use testkit::{Choices, Nation, Reply, call};

#[tokio::test(flavor = "multi_thread")]
async fn one_octet_changed_anywhere_in_a_container_is_noticed() {
    // With an issuing authority below the root there is more that could be forgotten.
    let choices = Choices { intermediate: true, ..Choices::default() };
    let nation = Nation::start_with(choices).await.unwrap();
    nation.service.answers(Reply::status(204));
    nation.send(call("GET", "/v1/nothing"), None).await.unwrap();
    stamped_singly(&nation).await;
    nation.service.answers(Reply::json("{\"name\":\"SOK CHANNA\"}"));
    let head = call("POST", "/v1/people").with("Content-Type", "text/plain");
    nation.send(head, Some(b"KEO SOPHEAP")).await.unwrap();
    stamped(&nation).await;
    let held = stored(&nation.provider.config);
    let all = exported("provider", &nation.provider.config);
    let (direct, chained) = (all.first().unwrap(), all.last().unwrap());
    assert_eq!((direct.kind, chained.kind), ((false, false), (true, true)));
    for container in [direct, chained] {
        every_octet_of_the_file(&container.bytes, &held);
        octets_of_the_entries(&container.bytes, &held);
    }
}

/// One bit of each octet of the file.
fn every_octet_of_the_file(zip: &[u8], held: &GlobalConf) {
    judge(zip, held).unwrap();
    for at in 0..zip.len() {
        let mut changed = zip.to_vec();
        changed[at] ^= 1 << (at % 8);
        assert!(judge(&changed, held).is_err(), "octet {at} is free");
    }
}

/// The same of the entries' contents, packed again so that only the content differs: every octet of the small ones, a dense sample of
/// the others.
fn octets_of_the_entries(zip: &[u8], held: &GlobalConf) {
    let entries = unpacked(zip);
    judge(&packed(&entries), held).unwrap();
    let mut tried = 0_usize;
    for index in 0..entries.len() {
        let (name, content) = &entries[index];
        let stride = if content.len() <= 700 { 1 } else { 13 };
        for at in (0..content.len()).step_by(stride) {
            let mut changed = entries.clone();
            changed[index].1[at] ^= 1 << (at % 7);
            tried += 1;
            let verdict = judge(&packed(&changed), held);
            assert!(verdict.is_err(), "{name}, octet {at} is free");
        }
    }
    println!("{tried} octets of entries changed, each noticed");
}

fn unpacked(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn packed(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in entries {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
