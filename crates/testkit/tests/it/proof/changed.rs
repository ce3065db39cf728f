//! One octet changed anywhere in a container: either the evidence is refused, or what is read is provably the same.

use super::containers::{exported, judge, stamped, stamped_singly, stored};
use globalconf::GlobalConf;
use signature::container::AsicContainer;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};
use testkit::{Choices, Nation, Reply, call};

/// What no reader of a container looks at: field by field of the zip records, where another value changes nothing that is read.
const UNREAD: [&str; 15] = [
    "local header: version needed",
    "local header: flags",
    "local header: method",
    "local header: time",
    "local header: checksum and sizes",
    "local header: name",
    "central header: made by",
    "central header: version needed",
    "central header: flags",
    "central header: time",
    "central header: checksum and sizes",
    "central header: attributes",
    "end: numbers of disks and size",
    "comment",
    // A compressed entry need not end with a whole octet.
    "last octet of an entry",
];

#[tokio::test(flavor = "multi_thread")]
async fn one_octet_changed_anywhere_in_a_container_is_noticed_or_changes_nothing() {
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
    let (single, batch) = (all.first().unwrap(), all.last().unwrap());
    assert_eq!((single.kind, batch.kind), ((false, false, false), (true, true, true)));
    for container in [single, batch] {
        every_octet_of_the_file(&container.bytes, &held);
        octets_of_the_entries(&container.bytes, &held);
    }
}

/// One bit of each octet of the file.
fn every_octet_of_the_file(zip: &[u8], held: &GlobalConf) {
    let whole = AsicContainer::read(zip).unwrap();
    judge(zip, held).unwrap();
    let places = places(zip);
    let mut unread: BTreeMap<&str, usize> = BTreeMap::new();
    for at in 0..zip.len() {
        let mut changed = zip.to_vec();
        changed[at] ^= 1 << (at % 8);
        if judge(&changed, held).is_err() {
            continue;
        }
        assert_eq!(AsicContainer::read(&changed).unwrap(), whole, "octet {at}: {}", places[at]);
        *unread.entry(places[at]).or_default() += 1;
    }
    println!("{} octets; changed without any effect: {unread:?}", zip.len());
    let unknown: Vec<_> = unread.keys().filter(|place| !UNREAD.contains(place)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Where in a zip file each octet stands.
fn places(zip: &[u8]) -> Vec<&'static str> {
    let mut places = vec!["data"; zip.len()];
    let local = [
        (4, "version needed"),
        (6, "flags"),
        (8, "method"),
        (10, "time"),
        (14, "checksum and sizes"),
        (26, "lengths"),
    ];
    let local = local.map(|(at, name)| (at, leak("local header", name)));
    let central = [
        (4, "made by"),
        (6, "version needed"),
        (8, "flags"),
        (10, "method"),
        (12, "time"),
        (16, "checksum and sizes"),
        (28, "lengths"),
        (34, "attributes"),
        (42, "place"),
    ];
    let central = central.map(|(at, name)| (at, leak("central header", name)));
    for at in 0..zip.len() {
        let next = zip.get(at + 1..at + 5);
        if matches!(next, Some(b"PK\x03\x04" | b"PK\x01\x02")) && places[at] == "data" {
            places[at] = "last octet of an entry";
        }
        match zip.get(at..at + 4) {
            Some(b"PK\x03\x04") => header(&mut places, zip, at, 30, 26, &local, "local header: name"),
            Some(b"PK\x01\x02") => header(&mut places, zip, at, 46, 28, &central, "central header: name"),
            Some(b"PK\x05\x06") => {
                places[at..at + 4].fill("mark");
                places[at + 4..at + 16].fill("end: numbers of disks and size");
                places[at + 16..at + 20].fill("end: place");
                places[at + 20..at + 22].fill("end: length of the comment");
                places[at + 22..].fill("comment");
            }
            _ => {}
        }
    }
    places
}

fn leak(record: &str, field: &str) -> &'static str {
    Box::leak(format!("{record}: {field}").into_boxed_str())
}

fn header(
    places: &mut [&'static str],
    zip: &[u8],
    at: usize,
    length: usize,
    name_length_at: usize,
    fields: &[(usize, &'static str)],
    name: &'static str,
) {
    places[at..at + 4].fill("mark");
    for (from, field) in fields {
        places[at + from..at + length].fill(field);
    }
    let name_length = usize::from(zip[at + name_length_at]);
    places[at + length..at + length + name_length].fill(name);
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
