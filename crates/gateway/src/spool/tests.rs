//! What is written to a spool comes back, from memory or from a file.

use super::*;

async fn round_trip(chunks: &[usize]) -> (u64, usize, bool) {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spools::new(folder.path().to_owned(), Announcer::default()).begin();
    let mut written = Vec::new();
    for (n, length) in chunks.iter().enumerate() {
        let chunk = vec![u8::try_from(n).unwrap(); *length];
        written.extend_from_slice(&chunk);
        spool.write(&chunk).await.unwrap();
    }
    let spooled = spool.finish().await.unwrap();
    let mut reader = spooled.read().await.unwrap();
    let mut read = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, written);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    let length = spooled.length();
    drop((reader, spooled));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays behind");
    (length, files, true)
}

#[tokio::test]
async fn keeps_a_small_body_in_memory_and_a_large_one_in_a_file() {
    assert_eq!(round_trip(&[]).await, (0, 0, true));
    assert_eq!(round_trip(&[10, 20]).await, (30, 0, true));
    assert_eq!(round_trip(&[65_536]).await, (65_536, 0, true));
    assert_eq!(round_trip(&[60_000, 60_000, 5]).await, (120_005, 1, true));
}

#[tokio::test]
async fn a_file_is_told_when_it_comes_and_when_it_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let announcer = Announcer::default();
    let mut told = announcer.listen();
    let mut spool = Spools::new(folder.path().to_owned(), announcer).begin();
    spool.write(&[0; MEMORY_BYTES_MAX]).await.unwrap();
    assert!(!told.has_changed().unwrap(), "memory is no file");
    spool.write(&[0]).await.unwrap();
    assert!(told.has_changed().unwrap(), "it has come");
    told.mark_unchanged();
    let spooled = spool.finish().await.unwrap();
    drop(spooled.clone());
    assert!(!told.has_changed().unwrap(), "it goes with the last clone");
    drop(spooled);
    assert!(told.changed().await.is_ok(), "it has gone");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn sweeps_what_a_crash_left() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body-abc"), b"x").unwrap();
    std::fs::write(folder.path().join("other"), b"x").unwrap();
    sweep(folder.path()).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
