//! Archives of a log under keys hold its records opened; a key that is missing keeps its records where they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use messagelog::{Archiving, Archivist, Body, KeyName, Keys, NewRecord, ReadFailure};
use signature::archive::{Before, verify};
use signature::container::AsicContainer;
use signature::evidence;

use crate::archives::stamp_all;
use crate::bench::{noon, reader};
use crate::practice::Practice;
use crate::sealed::{key, open};

/// More than the records whose keys a start asks for.
const NEW: usize = 17;

/// Whatever an archive holds, by the identifiers of the messages; each container verifies.
fn held(archives: &[PathBuf], practice: &Practice) -> BTreeMap<String, (Vec<u8>, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for archive in archives {
        let verified = verify(File::open(archive).unwrap(), Before::Anything, |name, octets| {
            let mut container = AsicContainer::read(octets).unwrap();
            let stampers = &practice.authorities.time_stampers;
            evidence::verify(&container, |_| Some(&practice.authorities), stampers).unwrap();
            let body = container.attachments.pop_first().map(|(_, body)| body).unwrap_or_default();
            let id = name.split("-response-").next().unwrap().to_owned();
            assert!(found.insert(id, (container.message, body)).is_none(), "{name}");
        });
        verified.unwrap();
    }
    found
}

fn parts(record: &NewRecord) -> (Vec<u8>, Vec<u8>) {
    let body = match &record.body {
        Body::Bytes(bytes) => bytes.to_vec(),
        Body::None => Vec::new(),
        Body::File { path, .. } => std::fs::read(path).unwrap(),
    };
    (record.message.clone(), body)
}

/// Puts messages on record; what of them an archive has to hold.
async fn record(
    directory: &Path,
    keys: &Keys,
    practice: &Practice,
    names: impl Iterator<Item = String>,
) -> BTreeMap<String, (Vec<u8>, Vec<u8>)> {
    let log = open(directory, keys);
    let mut recorded = BTreeMap::new();
    for (place, name) in names.enumerate() {
        let body = vec![b'b'; [0, 26, 65_536, 200_000][place % 4]];
        let message = practice.message(&name, (!body.is_empty()).then_some(&body));
        recorded.insert(name, parts(&message));
        log.record(message).await.unwrap();
    }
    stamp_all(&log, practice, noon()).await;
    log.close().await.unwrap();
    recorded
}

#[tokio::test]
async fn archives_hold_sealed_records_opened_and_a_missing_key_loses_nothing() {
    let (practice, folder) = (Practice::new(), tempfile::tempdir().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (at, (old, old_name), (new, _)) =
        (directory.path(), key(folder.path(), "old"), key(folder.path(), "new"));
    let read = |files: &[&PathBuf]| {
        Keys::read(&files.iter().map(|path| (*path).clone()).collect::<Vec<_>>()).unwrap()
    };
    let before = record(at, &read(&[&old]), &practice, (0..4).map(|place| format!("old-{place}"))).await;
    let both = read(&[&new, &old]);
    let after = record(at, &both, &practice, (0..NEW).map(|place| format!("new-{place}"))).await;

    let missing = [(KeyName::Own(old_name.clone()), 4)];
    assert_eq!(reader(at).with_keys(read(&[&new])).missing_keys().unwrap(), missing);
    assert_eq!(reader(at).missing_keys().unwrap().len(), 2);
    assert_eq!(reader(at).with_keys(both.clone()).missing_keys().unwrap(), []);

    let settings = Archiving { keep: Some(Duration::ZERO), ..Archiving::new(at.join("archive")) };
    let long_after = noon() + jiff::SignedDuration::from_hours(24 * 365);
    let log = open(at, &read(&[&new]));
    let archivist = Archivist::new(log.clone(), settings.clone());
    let made = archivist.round(long_after, || true).await.unwrap();
    for failure in made.withheld.first() {
        let ReadFailure::NoKey { key, .. } = failure else { panic!("{failure:?}") };
        assert_eq!(*key, KeyName::Own(old_name.clone()));
        assert!(failure.to_string().contains(&old_name), "{failure}");
    }
    assert_eq!((made.withheld.count(), made.deleted), (4, u64::try_from(NEW).unwrap()));
    assert!(held(&made.archives, &practice) == after, "the archive holds something else");
    assert_eq!(log.read(|reader| reader.missing_keys()).await.unwrap(), missing);
    log.close().await.unwrap();

    // With the key they go the way of the others, in the same chain.
    let log = open(at, &both);
    let archivist = Archivist::new(log.clone(), settings);
    let made = archivist.round(long_after, || true).await.unwrap();
    assert_eq!((made.withheld.count(), made.deleted), (0, 4));
    assert!(held(&made.archives, &practice) == before, "the archive holds something else");
    assert_eq!(log.read(|reader| reader.missing_keys()).await.unwrap(), []);
    log.close().await.unwrap();
}
