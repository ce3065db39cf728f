//! What is written to a spool comes back, from memory or from a file.

use super::*;

/// Length, and how many files there were.
async fn round_trip(chunks: &[usize]) -> (u64, usize) {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(folder.path().to_owned(), Announcer::default());
    let mut spool = spools.begin();
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
    assert_eq!(spools.shared.available_permits(), SHARED_BYTES);
    (length, files)
}

#[tokio::test]
async fn keeps_a_body_in_memory_while_there_is_room_and_then_in_a_file() {
    assert_eq!(round_trip(&[]).await, (0, 0));
    assert_eq!(round_trip(&[10, 20]).await, (30, 0));
    assert_eq!(round_trip(&[OWN_BYTES_MAX]).await, (65_536, 0));
    assert_eq!(round_trip(&[60_000, 60_000, 5]).await, (120_005, 0));
    assert_eq!(round_trip(&[30_000; 35]).await, (1_050_000, 0));
    assert_eq!(round_trip(&[OWN_BYTES_MAX, SHARE_BYTES_MAX]).await, (1_114_112, 0));
    assert_eq!(round_trip(&[OWN_BYTES_MAX, SHARE_BYTES_MAX, 1]).await, (1_114_113, 1));
    assert_eq!(round_trip(&[SHARED_BYTES + 1]).await, (8_388_609, 1));
}

#[tokio::test]
async fn what_is_shared_is_bounded_and_given_back_when_the_log_has_done_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let spools = Spools::new(folder.path().to_owned(), Announcer::default());
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut bodies = Vec::new();
    for _ in 0..SHARED_BYTES / SHARE_BYTES_MAX {
        let mut spool = spools.begin();
        spool.write(&vec![1; OWN_BYTES_MAX + SHARE_BYTES_MAX]).await.unwrap();
        bodies.push(spool.finish().await.unwrap());
    }
    assert_eq!((spools.shared.available_permits(), files()), (0, 0));
    let mut late = spools.begin();
    late.write(&[1; OWN_BYTES_MAX]).await.unwrap();
    assert_eq!(files(), 0, "what is its own it has");
    late.write(&[1]).await.unwrap();
    assert_eq!(files(), 1);
    let logged = bodies[0].to_log();
    drop(bodies);
    assert_eq!(spools.shared.available_permits(), SHARED_BYTES - SHARE_BYTES_MAX);
    drop(logged);
    assert_eq!(spools.shared.available_permits(), SHARED_BYTES);
}

#[tokio::test]
async fn a_file_is_told_when_it_comes_and_when_it_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let announcer = Announcer::default();
    let mut told = announcer.listen();
    let mut spool = Spools::new(folder.path().to_owned(), announcer).begin();
    spool.write(&vec![0; OWN_BYTES_MAX + SHARE_BYTES_MAX]).await.unwrap();
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
