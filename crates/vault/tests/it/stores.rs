//! Archives into a directory, into a real server that speaks S3, and into one that fails or lies in each way.

mod double;
mod real;

use double::{Double, Habit};
use real::Real;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vault::{HandOverFailure, Store, Transfer};

/// Of a sealed one; to a store all names are the same.
const NAME: &str = "mlog-20260101000000-20260101010000-0123456789abcdef.zip.gpg";
const BODY_BYTES_MAX: u64 = 10 << 20;

/// A folder with an archive in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(bench.archive(), archive(b'a')).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path(NAME)
    }
}

/// More than is compared at a time.
fn archive(filling: u8) -> Vec<u8> {
    let mut octets = vec![filling; (8 << 20) + 1000];
    octets.extend_from_slice(b"the end");
    octets
}

/// As `[gateway.archive]` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    transfer_command: Vec<String>,
    transfer_timeout_seconds: u64,
    store: Option<Store>,
    file_bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transfer_command: Vec::new(),
            transfer_timeout_seconds: 600,
            store: None,
            file_bytes_max: 33_554_432,
        }
    }
}

fn transfer(lines: &str) -> Result<Transfer, String> {
    let settings: Settings = toml::from_str(lines).unwrap();
    let bytes_max = settings.file_bytes_max.saturating_add(BODY_BYTES_MAX);
    let Settings { transfer_command, transfer_timeout_seconds, store, .. } = settings;
    Transfer::new(&transfer_command, store.as_ref(), transfer_timeout_seconds, bytes_max)
        .map_err(|fault| fault.to_string())
}

fn bucket(endpoint: &str, more: &str) -> String {
    format!(
        "transfer_timeout_seconds = 60\n[store]\nendpoint = {endpoint:?}\nregion = \"us-east-1\"\nbucket = \"evidence\"\n\
         prefix = \"ss1/mlog\"\naccess_key = \"somebody\"\nsecret_key = \"something\"\n{more}\n"
    )
}

#[tokio::test]
async fn a_directory_keeps_what_it_has_and_says_so() {
    let bench = Bench::new();
    let place = bench.path("place");
    let lines = format!("[store]\ndirectory = {:?}\nprefix = \"ss1\"", place.to_str().unwrap());
    let refused = transfer(&lines).unwrap_err();
    assert!(refused.contains("no directory that is there; is its file system mounted?"), "{refused}");
    std::fs::create_dir(&place).unwrap();
    let into = transfer(&lines).unwrap();
    assert_eq!(into.look().await.unwrap().1, Ok(()));
    for _ in 0..2 {
        into.hand_over(&bench.archive()).await.unwrap();
    }
    let there = place.join("ss1").join(NAME);
    assert_eq!(std::fs::read(&there).unwrap(), archive(b'a'));
    // Longer, shorter, other octets: nothing is written over.
    for other in [archive(b'b'), b"short".to_vec(), [archive(b'a'), b"!".to_vec()].concat()] {
        std::fs::write(&there, &other).unwrap();
        let refused = into.hand_over(&bench.archive()).await.unwrap_err();
        assert!(matches!(refused, HandOverFailure::OtherThere { .. }), "{refused}");
        assert!(std::fs::read(&there).unwrap() == other);
    }
    let gone = into.hand_over(&bench.path("mlog-none.zip")).await.unwrap_err();
    assert!(matches!(gone, HandOverFailure::Unreadable(_)), "{gone}");
}

#[tokio::test]
async fn a_real_server_keeps_archives_and_nothing_is_written_over() {
    let (bench, server) = (Bench::new(), Real::start(None));
    let into = transfer(&bucket(&server.endpoint, "")).unwrap();
    let (shown, answer) = into.look().await.unwrap();
    assert_eq!(shown, format!("the bucket evidence at {}", server.endpoint));
    assert!(answer.unwrap_err().contains("NoSuchBucket"));
    let refused = into.hand_over(&bench.archive()).await.unwrap_err();
    assert!(
        matches!(&refused, HandOverFailure::Store { reason, .. } if reason.contains("NoSuchBucket")),
        "{refused}"
    );
    server.curl(&["-X", "PUT"], "evidence");
    assert_eq!(into.look().await.unwrap().1, Ok(()));
    for _ in 0..2 {
        into.hand_over(&bench.archive()).await.unwrap();
    }
    let there = format!("evidence/ss1/mlog/{NAME}");
    assert!(server.curl(&[], &there) == archive(b'a'));
    std::fs::write(bench.archive(), archive(b'b')).unwrap();
    let refused = into.hand_over(&bench.archive()).await.unwrap_err();
    assert!(matches!(refused, HandOverFailure::OtherThere { .. }), "{refused}");
    assert!(server.curl(&[], &there) == archive(b'a'));
}

#[tokio::test]
async fn a_server_with_tls_is_believed_by_its_authority_only() {
    let bench = Bench::new();
    for (name, host) in [("server", "127.0.0.1"), ("other", "127.0.0.1"), ("elsewhere", "store.example")] {
        bench.certificate(name, host);
    }
    let server = Real::start(Some((&bench.path("server.pem"), &bench.path("server.key"))));
    server.curl(&["-X", "PUT"], "evidence");
    let by = |ca: &str| {
        let more = format!("ca_file = {:?}", bench.path(ca).to_str().unwrap());
        transfer(&bucket(&server.endpoint, &more)).unwrap()
    };
    by("server.pem").hand_over(&bench.archive()).await.unwrap();
    assert!(server.curl(&[], &format!("evidence/ss1/mlog/{NAME}")) == archive(b'a'));
    for unknown in [by("other.pem"), transfer(&bucket(&server.endpoint, "")).unwrap()] {
        let refused = unknown.hand_over(&bench.archive()).await.unwrap_err().to_string();
        assert!(refused.contains("invalid peer certificate"), "{refused}");
    }
    let elsewhere = Real::start(Some((&bench.path("elsewhere.pem"), &bench.path("elsewhere.key"))));
    let more = format!("ca_file = {:?}", bench.path("elsewhere.pem").to_str().unwrap());
    let refused = transfer(&bucket(&elsewhere.endpoint, &more)).unwrap();
    let refused = refused.hand_over(&bench.archive()).await.unwrap_err().to_string();
    assert!(refused.contains("not valid for name"), "{refused}");
}

impl Bench {
    fn certificate(&self, name: &str, host: &str) {
        let kind = if host.starts_with(|c: char| c.is_ascii_digit()) { "IP" } else { "DNS" };
        let config = format!(
            "[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = more\n[name]\nCN = store\n\
             [more]\nsubjectAltName = {kind}:{host}\n"
        );
        std::fs::write(self.path("openssl.cnf"), config).unwrap();
        let made = std::process::Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-config",
                "openssl.cnf",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
}

#[tokio::test]
async fn whatever_a_store_does_wrong_the_archive_stays() {
    let bench = Bench::new();
    let cases = [
        (Habit::Changes, "does not hold it as it was sent"),
        (Habit::Forgets, "does not hold it as it was sent"),
        (Habit::Cuts, "does not hold it as it was sent"),
        (Habit::Holds(archive(b'z')), "holds something else under this name"),
        (Habit::Refuses(403), "does not give access"),
        (Habit::Refuses(500), "cannot be used now"),
        (Habit::HangsUp, "cannot be used now"),
        (Habit::Floods, "cannot be used now"),
        (Habit::NeverAnswers, "did not take it within 1 seconds"),
    ];
    for (habit, says) in cases {
        let shown = habit.shown();
        let double = Double::start(habit).await;
        let lines = bucket(&double.endpoint, "");
        let lines = if shown == "NeverAnswers" { lines.replace("= 60", "= 1") } else { lines };
        let refused = transfer(&lines).unwrap().hand_over(&bench.archive()).await.unwrap_err().to_string();
        assert!(refused.contains(says), "{shown}: {refused}");
        assert!(!refused.contains("something\""), "{refused}");
        assert!(double.held() != Some(archive(b'a')), "{shown}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_or_whose_answer_is_lost_has_it_in_the_end() {
    let bench = Bench::new();
    for habit in [Habit::Busy(2), Habit::LosesAnswers(1)] {
        let shown = habit.shown();
        let double = Double::start(habit).await;
        let done = transfer(&bucket(&double.endpoint, "")).unwrap().hand_over(&bench.archive()).await;
        assert!(done.is_ok(), "{shown}: {done:?}");
        assert!(double.held() == Some(archive(b'a')), "{shown}");
    }
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let away = transfer(&bucket(&format!("http://{nobody}"), "")).unwrap();
    let refused = away.hand_over(&bench.archive()).await.unwrap_err();
    assert!(matches!(refused, HandOverFailure::Store { .. }), "{refused}");
}

#[test]
fn what_cannot_work_is_refused_at_the_start() {
    let bench = Bench::new();
    let file = |name: &str, text: &str, mode: u32| {
        std::fs::write(bench.path(name), text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(bench.path(name), mode).unwrap();
        bench.path(name).to_str().unwrap().to_owned()
    };
    let (open, closed, empty) =
        (file("open", "key\n", 0o644), file("closed", " key \n", 0o600), file("empty", "\n", 0o600));
    let whole = bucket("https://store.example", "");
    let without = |line: &str| whole.replace(line, "");
    let by_file =
        |path: &str| whole.replace("secret_key = \"something\"", &format!("secret_key_file = {path:?}"));
    let with = |line: &str| format!("{whole}{line}\n");
    let cases = [
        (format!("transfer_command = [\"cp\"]\n{whole}"), "can go one way only"),
        (without("bucket = \"evidence\""), "needs a directory, or endpoint, region and bucket"),
        (without("region = \"us-east-1\""), "needs a directory, or endpoint, region and bucket"),
        (without("access_key = \"somebody\""), "needs access_key or access_key_file"),
        (without("secret_key = \"something\""), "secret_key or secret_key_file"),
        (with(&format!("secret_key_file = {closed:?}")), "by value and by file"),
        (with(&format!("directory = {:?}", bench.folder.path())), "a directory and a bucket"),
        (by_file(&open), "can be read by others; run: chmod 600"),
        (by_file(&empty), "is empty; its first line must be the key"),
        (by_file("/nowhere/at-all"), "cannot be read"),
        (with("ca_file = \"/nowhere/at-all\""), "cannot be read"),
        (with(&format!("ca_file = {closed:?}")), "holds no certificate of an authority"),
        (whole.replace("https:", "http:"), "only a loopback address may be reached by http"),
        (whole.replace("https:", "ftp:"), "cannot be understood"),
        (whole.replace("ss1/mlog", "ss1//mlog"), "prefix"),
        (format!("file_bytes_max = 300000000\n{whole}"), "too large for a store"),
    ];
    for (lines, says) in cases {
        let refused = transfer(&lines).unwrap_err();
        assert!(refused.contains(says), "{lines}: {refused}");
        assert!(!refused.contains("something"), "{refused}");
    }
    assert!(transfer(&by_file(&closed)).is_ok());
    assert!(matches!(transfer(""), Ok(Transfer::Stays)));
    let shown = format!("{:?} {:?}", toml::from_str::<Settings>(&whole).unwrap(), transfer(&whole).unwrap());
    assert!(!shown.contains("something"), "{shown}");
}

/// Beside the project.
fn tool(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
