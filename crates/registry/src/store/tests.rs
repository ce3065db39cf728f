//! The database refuses what it must, and a replacement that fails leaves what was there.

use super::file::File;
use super::*;
use crate::declaration::{Management, Member, Settings};
use identifier::ClientId;
use tempfile::TempDir;

fn state(codes: &[&str]) -> Declaration {
    Declaration {
        settings: Settings {
            member_classes: Vec::new(),
            ocsp_freshness_seconds: 3600,
            time_stamping_interval_seconds: 60,
            ocsp_fetch_interval_seconds: None,
            verify_next_update: None,
            monitoring_client: None,
            management: Management {
                provider: ClientId::parse_short("CAMBODIA/GOV/MPTC").unwrap(),
                address: None,
                certificate: None,
            },
        },
        members: codes
            .iter()
            .map(|code| Member {
                class: "GOV".to_owned(),
                code: (*code).to_owned(),
                name: "A ministry".to_owned(),
                subsystems: Vec::new(),
            })
            .collect(),
        servers: Vec::new(),
        groups: Vec::new(),
        cas: Vec::new(),
        tsas: Vec::new(),
    }
}

fn with_class(mut state: Declaration) -> Declaration {
    let class = crate::declaration::MemberClass { code: "GOV".to_owned(), description: String::new() };
    state.settings.member_classes.push(class);
    state
}

#[test]
fn a_replacement_that_fails_in_the_middle_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let mut store = File::create(&dir.path().join("r.sqlite"), "CAMBODIA").unwrap();
    assert_eq!(store.read().unwrap().0, None);
    let first = with_class(state(&["MOI"]));
    store.replace(&first).unwrap();
    for bad in [with_class(state(&["MOC", "MOC"])), state(&["MOC"])] {
        assert!(matches!(store.replace(&bad), Err(StoreFault::Database(_))));
        assert_eq!(store.read().unwrap().0.as_ref(), Some(&first));
    }
}

#[test]
fn another_connection_learns_of_every_replacement() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("r.sqlite");
    let mut writer = File::create(&file, "CAMBODIA").unwrap();
    let watcher = File::open(&file, "CAMBODIA").unwrap();
    let before = watcher.version().unwrap();
    assert_eq!(watcher.version().unwrap(), before);
    writer.replace(&with_class(state(&["MOI"]))).unwrap();
    assert_ne!(watcher.version().unwrap(), before);
}

#[test]
fn refuses_a_database_that_is_not_there_of_another_instance_or_newer() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("r.sqlite");
    assert!(matches!(File::open(&file, "CAMBODIA"), Err(StoreFault::NotInitialised { .. })));
    assert!(!file.exists());
    drop(File::create(&file, "CAMBODIA").unwrap());
    let expected = ("CAMBODIA".to_owned(), "VIETNAM".to_owned());
    for opened in [File::create(&file, "VIETNAM"), File::open(&file, "VIETNAM")] {
        match opened {
            Err(StoreFault::AnotherInstance { stored, configured }) => {
                assert_eq!((stored, configured), expected)
            }
            other => panic!("{other:?}"),
        }
    }
    let database = rusqlite::Connection::open(&file).unwrap();
    database.pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(File::open(&file, "CAMBODIA"), Err(StoreFault::Version { found: 2, known: 1 })));
}

#[test]
fn wherever_the_file_is_cut_it_is_refused_or_nothing_is_missing() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("r.sqlite");
    let declared = with_class(state(&["MOC", "MOI"]));
    let mut store = File::create(&file, "CAMBODIA").unwrap();
    store.replace(&declared).unwrap();
    drop(store);
    let whole = std::fs::read(&file).unwrap();
    let edges = (0..whole.len()).step_by(4096).flat_map(|page| [page.saturating_sub(1), page, page + 1]);
    let mut refused = 0;
    for length in (0..whole.len()).step_by(509).chain(edges).filter(|length| *length < whole.len()) {
        std::fs::write(&file, &whole[..length]).unwrap();
        match File::open(&file, "CAMBODIA").and_then(|mut store| store.read()) {
            Ok(read) => assert_eq!(read.0.as_ref(), Some(&declared), "cut to {length} of {}", whole.len()),
            Err(_) => refused += 1,
        }
        assert_eq!(std::fs::metadata(&file).unwrap().len(), u64::try_from(length).unwrap());
    }
    assert!(refused > 100, "{refused}");
    std::fs::write(&file, b"").unwrap();
    let told = File::open(&file, "CAMBODIA").unwrap_err().to_string();
    assert!(told.contains("r.sqlite is damaged (it is empty): put it back from a backup"), "{told}");
    // As a crash of `init` leaves it: `init` goes on.
    assert!(File::create(&file, "CAMBODIA").is_ok() && File::open(&file, "CAMBODIA").is_ok());
}
