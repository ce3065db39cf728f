//! Containers of records without bodies: what `evidence verify` says of them, and what the whole message adds.

use crate::tools::{chhatra, text};
use gateway::{At, BodyOverride, Config};
use jiff::SignedDuration;
use messagelog::{Direction, Provider, Reader, Search};
use std::path::{Path, PathBuf};
use testkit::{Choices, Nation, PROVIDER, Reply, call};

fn said(side: At, bodies: Option<bool>, body_bytes_max: Option<u64>) -> BodyOverride {
    let provider = Provider::parse(PROVIDER).unwrap();
    BodyOverride { provider, side: Some(side), bodies, body_bytes_max, truncate_bodies: Some(true) }
}

/// The container and the message of the newest record of a direction.
fn taken_out(config: &Config, direction: Direction, folder: &Path) -> (PathBuf, Vec<u8>) {
    let reader = Reader::open(&config.messagelog_dir()).unwrap();
    let found = reader.find(&Search { direction: Some(direction), ..Search::default() }).unwrap();
    let container = reader.export(found[0].id).unwrap();
    assert!(container.stamped);
    let path = folder.join(format!("{}-{}", config.server.server(), container.file_name));
    std::fs::write(&path, container.bytes).unwrap();
    (path, reader.record(found[0].id).unwrap().message)
}

async fn stamped(nation: &Nation) {
    let both = testkit::until("both logs are time-stamped", || {
        nation.hands.advance(SignedDuration::from_secs(1));
        [&nation.consumer, &nation.provider].iter().all(|side| side.gateway.log_health().unstamped == 0)
    });
    both.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_without_bodies_verify_with_what_is_there_or_with_the_whole_message() {
    for (body_bytes_max, held) in [(0, false), (10, false), (5000, true)] {
        let mut choices = Choices::default();
        choices.log.overrides =
            vec![said(At::Consumer, Some(false), None), said(At::Provider, None, Some(body_bytes_max))];
        let nation = Nation::start_with(choices).await.unwrap();
        let headers = vec![("X-Registrar".to_owned(), "SOPHEAP".to_owned())];
        nation.service.answers(Reply { headers, body: vec![b'y'; 2000], ..Reply::status(200) });
        let answer = nation.send(call("POST", "/v1/births?of=SOPHEAP"), Some(&[b'x'; 2000])).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        stamped(&nation).await;
        let folder = tempfile::tempdir().unwrap();
        let globalconf = text(&nation.provider.config.globalconf_dir());
        let verify = |container: &Path, rest: &[&str]| {
            let arguments = ["evidence", "verify", &text(container), "--globalconf", &globalconf];
            chhatra(&[&arguments[..], rest].concat())
        };
        for direction in [Direction::Request, Direction::Response] {
            // The provider keeps whole messages, and of their bodies all or a part or nothing: what is covered is proven.
            let (with, message) = taken_out(&nation.provider.config, direction, folder.path());
            let told = verify(&with, &[]).fine();
            let covered = if held { "/attachment1\n" } else { "/attachment1 (not in the container" };
            assert!(told.contains(covered), "{told}");
            // The consumer keeps a part of the message only: it proves nothing without the whole one.
            let (without, reduced) = taken_out(&nation.consumer.config, direction, folder.path());
            assert!(!String::from_utf8(reduced).unwrap().contains("births"));
            let refused = verify(&without, &[]);
            assert_eq!(refused.code, Some(1));
            assert!(refused.out.contains("which can be given with --message"), "{}", refused.out);
            let whole = folder.path().join("whole");
            std::fs::write(&whole, &message).unwrap();
            let told = verify(&without, &["--message", &text(&whole)]).fine();
            assert!(told.contains("/attachment1 (not in the container"), "{told}");
            // Not with another's, nor one that was changed where the part does not show it.
            let mut changed = message.clone();
            changed.extend_from_slice(b"X-Other:1\r\n");
            for (octets, why) in [
                (changed, "the digest of /message.xml differs"),
                (b"GET\r\n".to_vec(), "is no REST message"),
                (
                    String::from_utf8(message.clone()).unwrap().replace("MOI", "MOH").into_bytes(),
                    "of another message",
                ),
            ] {
                std::fs::write(&whole, octets).unwrap();
                let refused = verify(&without, &["--message", &text(&whole)]);
                assert_eq!(refused.code, Some(1), "{}", refused.out);
                assert!(refused.out.contains(why), "{why}: {}", refused.out);
            }
        }
    }
}
