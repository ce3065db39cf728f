//! Archives of the log: what is found good is what its containers give when they are linked once more.

use crate::vectors;
use jiff::Timestamp;
use signature::archive::{ArchiveWriter, Before, verify};
use std::collections::BTreeSet;
use std::io::Cursor;

pub(crate) fn run(octets: &[u8]) {
    let mut containers: Vec<(String, Vec<u8>)> = Vec::new();
    let taken = verify(Cursor::new(octets), Before::Anything, |name, container| {
        containers.push((name.to_owned(), container.to_vec()));
    });
    let Ok(found) = taken else { return };
    assert_eq!(found.containers, containers.len());
    let names: BTreeSet<&str> = containers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), containers.len(), "a name is given twice");
    let before = found.previous.as_ref().map_or(Before::Nothing, |link| Before::Digest(&link.digest));
    assert_eq!(verify(Cursor::new(octets), before, |_, _| {}).as_ref(), Ok(&found));
    again(&containers, &found);
}

fn again(containers: &[(String, Vec<u8>)], found: &signature::archive::Verified) {
    let mut writer = ArchiveWriter::new(Vec::new(), found.previous.as_ref());
    for (name, container) in containers {
        writer.add(name, container, Timestamp::UNIX_EPOCH).expect("what was read fits an archive");
    }
    let written = writer.finish(Timestamp::UNIX_EPOCH).expect("what was read fits an archive");
    let reread = verify(Cursor::new(&written.out), Before::Anything, |_, _| {}).expect("our own archive");
    assert_eq!((reread.digest.as_str(), reread.containers), (written.digest.as_str(), containers.len()));
    if reread.algorithm == found.algorithm {
        assert_eq!(reread, *found);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = vectors::files("asic/archives", &[".zip"]);
    for place in ["recorded/messagelog", "recorded/options/messagelog"] {
        found.extend(vectors::files(place, &[".zip"]));
    }
    let mut writer = ArchiveWriter::new(Vec::new(), None);
    writer.add("a.asice", b"one", Timestamp::UNIX_EPOCH).unwrap();
    writer.add("b.asice", b"two", Timestamp::UNIX_EPOCH).unwrap();
    found.push(writer.finish(Timestamp::UNIX_EPOCH).unwrap().out);
    found
}
