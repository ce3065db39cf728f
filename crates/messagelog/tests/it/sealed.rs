//! A log under keys, on either store: what was sealed opens with its key and in its place only, keys change over.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clock::Clock;
use messagelog::{
    Body, KeyName, Keys, MessageLog, NewRecord, OpenFailure, ReadFailure, Reader, RecordId, Settings,
};

use crate::bench::{noon, open_with, place, reader, request, with_body};
use crate::store::{CHANGES, alter};

pub(crate) const NEEDLE: &[u8] = b"SOK CHANNA LIVES IN KAMPOT";

pub(crate) fn under(keys: &Keys) -> Settings {
    let mut settings = Settings { keys: keys.clone(), ..Settings::default() };
    settings.bodies.rule.bytes_max = 1 << 30;
    settings
}

pub(crate) fn key(folder: &Path, name: &str) -> (PathBuf, String) {
    let path = folder.join(name);
    let id = Keys::make(&path).unwrap();
    (path, id)
}

pub(crate) fn open(directory: &Path, keys: &Keys) -> MessageLog {
    open_with(directory, under(keys), Clock::fixed(noon()))
}

fn refused(directory: &Path, keys: &Keys) -> Option<OpenFailure> {
    MessageLog::open(place(directory), under(keys), Clock::fixed(noon())).err()
}

pub(crate) fn body_of(reader: &Reader, id: RecordId) -> Result<Vec<u8>, ReadFailure> {
    let mut body = Vec::new();
    reader.body(id, 1, &mut body).map(|length| {
        assert_eq!(length, u64::try_from(body.len()).unwrap());
        body
    })
}

/// A secret text of a length.
pub(crate) fn secret(bytes: usize) -> Vec<u8> {
    NEEDLE.iter().copied().cycle().take(bytes).collect()
}

/// Messages and bodies that say the needle, of all lengths at which pieces begin and end; one comes from a file.
pub(crate) async fn filled(log: &MessageLog, folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut recorded = Vec::new();
    for (place, bytes) in [0, 1, 26, 65_535, 65_536, 65_537, 131_072, 200_000].into_iter().enumerate() {
        let body = secret(bytes);
        let mut record = with_body(&format!("q-{place}"), &body);
        record.message.extend_from_slice(b"X-Name:");
        record.message.extend_from_slice(NEEDLE);
        record.message.extend_from_slice(b"\r\n");
        if place % 2 == 1 {
            let path = folder.join(format!("spooled-{place}"));
            std::fs::write(&path, &body).unwrap();
            record.body = Body::File { path, bytes: u64::try_from(bytes).unwrap() };
        }
        recorded.push((record.message.clone(), body));
        log.record(record).await.unwrap();
    }
    recorded
}

/// What a program in Python, that is told where to look, prints of a log.
pub(crate) fn judged(judge: &str, places: [&Path; 2]) -> String {
    let mut python = Command::new("/usr/bin/python3")
        .arg("-")
        .args(places)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(judge.as_bytes()).unwrap();
    let judged = python.wait_with_output().unwrap();
    assert!(judged.status.success());
    String::from_utf8(judged.stdout).unwrap()
}

/// What it has to print of these: number, message and body of each, in hex.
pub(crate) fn to_be_judged(recorded: &[(Vec<u8>, Vec<u8>)]) -> String {
    (1..).zip(recorded).map(|(id, (message, body))| judged_line(id, message, body)).collect()
}

pub(crate) fn judged_line(id: u64, message: &[u8], body: &[u8]) -> String {
    let body = if body.is_empty() { "-".to_owned() } else { hex::encode(body) };
    format!("{id} {} {body}\n", hex::encode(message))
}

pub(crate) fn compare(reader: &Reader, recorded: &[(Vec<u8>, Vec<u8>)]) {
    for (id, (message, body)) in (1..).map(RecordId).zip(recorded) {
        assert_eq!(reader.record(id).unwrap().message, *message);
        match body.len() {
            0 => assert!(matches!(body_of(reader, id), Err(ReadFailure::NoSuchAttachment { .. }))),
            _ => assert!(body_of(reader, id).unwrap() == *body, "{id}"),
        }
    }
}

#[tokio::test]
async fn keys_change_over_and_one_that_is_missing_is_named() {
    let (folder, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, old_name) = key(folder.path(), "old");
    let (new, new_name) = key(folder.path(), "new");
    let read = |files: &[&PathBuf]| {
        Keys::read(&files.iter().map(|path| (*path).clone()).collect::<Vec<_>>()).unwrap()
    };
    let in_the_open = open(directory.path(), &Keys::default());
    in_the_open.record(with_body("open", b"open")).await.unwrap();
    in_the_open.close().await.unwrap();
    let log = open(directory.path(), &read(&[&old]));
    log.record(with_body("old", b"old")).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(
        refused(directory.path(), &Keys::default()),
        Some(OpenFailure::NoKey { key: KeyName::Own(old_name.clone()) })
    );
    assert_eq!(
        refused(directory.path(), &read(&[&new])),
        Some(OpenFailure::NoKey { key: KeyName::Own(old_name.clone()) })
    );
    let log = open(directory.path(), &read(&[&new, &old]));
    for place in 0..16 {
        log.record(with_body(&format!("new-{place}"), b"new")).await.unwrap();
    }
    let read_by_log =
        log.read(|reader| Ok((reader.record(RecordId(2))?.message, reader.record(RecordId(3))?.message)));
    assert_eq!(read_by_log.await.unwrap(), (request("old").message.clone(), request("new-0").message));
    log.close().await.unwrap();
    // The newest records do not need the old key; whoever asks for an old one hears which key it needs.
    let log = open(directory.path(), &read(&[&new]));
    log.close().await.unwrap();
    let opened = reader(directory.path()).with_keys(read(&[&new]));
    let missing = |record, key: &str| ReadFailure::NoKey {
        record: RecordId(record),
        key: KeyName::Own(key.to_owned()),
    };
    assert_eq!(opened.record(RecordId(2)), Err(missing(2, &old_name)));
    assert_eq!(body_of(&opened, RecordId(2)), Err(missing(2, &old_name)));
    assert_eq!(opened.export(RecordId(2)).err(), Some(missing(2, &old_name)));
    assert_eq!(body_of(&opened, RecordId(1)).unwrap(), b"open");
    assert_eq!(body_of(&opened, RecordId(3)).unwrap(), b"new");
    let without = reader(directory.path());
    assert_eq!(without.record(RecordId(3)), Err(missing(3, &new_name)));
    assert_eq!(without.find(&messagelog::Search::default()).unwrap().len(), 18);
}

/// Two records that were signed together, as the messages of a batch are.
async fn two(directory: &Path, keys: &Keys) {
    let log = open(directory, keys);
    for text in ["yes", "no!"] {
        let body = [text.as_bytes(), &secret(70_000)].concat();
        let (query_id, message) = (format!("q-{text}"), text.as_bytes().to_vec());
        log.record(NewRecord { query_id, message, ..with_body("q", &body) }).await.unwrap();
    }
    log.close().await.unwrap();
}

#[tokio::test]
async fn values_do_not_open_in_another_row_nor_in_another_order_nor_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = key(folder.path(), "key");
    let keys = Keys::read(&[path]).unwrap();
    for (change, of_message, of_body) in CHANGES {
        let directory = tempfile::tempdir().unwrap();
        two(directory.path(), &keys).await;
        let reader = reader(directory.path()).with_keys(keys.clone());
        assert_eq!(reader.record(RecordId(1)).unwrap().message, b"yes");
        assert!(body_of(&reader, RecordId(1)).is_ok());
        alter(directory.path(), change);
        let damaged =
            |failure: &ReadFailure| matches!(failure, ReadFailure::Damaged { record: RecordId(1), .. });
        assert_eq!(
            reader.record(RecordId(1)).err().is_some_and(|why| damaged(&why)),
            *of_message,
            "{change}"
        );
        assert_eq!(
            body_of(&reader, RecordId(1)).err().is_some_and(|why| damaged(&why)),
            *of_body,
            "{change}"
        );
        assert_eq!(reader.record(RecordId(2)).unwrap().message, b"no!");
    }
}
