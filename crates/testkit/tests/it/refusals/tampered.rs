//! A global configuration that somebody has laid hands on replaces nothing (control-plane 1.3.3): a newcomer stays without one, and whoever
//! holds a good one keeps it until it ends.

use super::common::refused;
use super::configuration::newcomer;
use anyhow::Result;
use http1::{Limits, Request, ResponseHead, Stop, stop_channel};
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use testkit::{Nation, call, call_to, ring, until};
use tokio::net::TcpListener;

const CODE: &str = "server.clientproxy.global_conf_outdated";

/// What is done to the published files on their way.
#[derive(Debug, Clone)]
enum Hand {
    /// Nothing.
    Off,
    /// The directory ends in its middle.
    Truncated,
    /// The directory is that of the external source, signed with a key that the anchor does not name.
    UnknownKey,
    /// One letter of the directory is another.
    Changed,
    /// One letter of each listed file is another.
    WrongHash,
    /// A directory of before, with a signature that holds.
    RolledBack(Vec<u8>),
}

/// The published files, over HTTP, through somebody's hands.
#[derive(Debug)]
struct Thief {
    hand: Mutex<Hand>,
    /// How often a directory was asked for, and how often a file.
    asked: AtomicUsize,
    files: AtomicUsize,
    public: PathBuf,
}

impl Thief {
    async fn start(nation: &Nation, stop: Stop) -> Result<Arc<Self>> {
        let public = nation.registry_config.public_dir();
        let (asked, files) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let thief = Arc::new(Self { hand: Mutex::new(Hand::Off), asked, files, public });
        let address = nation.registry_config.listen;
        let listener = TcpListener::bind(address).await?;
        let serving = Arc::clone(&thief);
        let handler = move |request: Request, _| {
            let thief = Arc::clone(&serving);
            async move {
                let (status, body) =
                    thief.answer(request.head.path(), request.head.query().unwrap_or_default());
                // A gateway that has gone needs no answer.
                let _gone = request.responder.respond(&ResponseHead::new(status), &body).await;
            }
        };
        tokio::spawn(http1::serve(listener, handler, Limits::default(), stop));
        Ok(thief)
    }

    fn lay(&self, hand: Hand) {
        *self.hand.lock().unwrap_or_else(PoisonError::into_inner) = hand;
        self.files.store(0, Ordering::SeqCst);
        self.asked.store(0, Ordering::SeqCst);
    }

    fn answer(&self, path: &str, query: &str) -> (u16, Vec<u8>) {
        let hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if path != "/internalconf" {
            self.files.fetch_add(1, Ordering::SeqCst);
            let Ok(mut file) = std::fs::read(self.public.join(path.trim_start_matches('/'))) else {
                return (404, Vec::new());
            };
            if matches!(hand, Hand::WrongHash)
                && let Some(letter) = file.iter_mut().rev().find(|byte| byte.is_ascii_lowercase())
            {
                *letter = letter.to_ascii_uppercase();
            }
            return (200, file);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        ring();
        let version = query.strip_prefix("version=").unwrap_or("4");
        let name = if matches!(hand, Hand::UnknownKey) { "externalconf" } else { "internalconf" };
        let Ok(mut directory) = std::fs::read(self.public.join(format!("V{version}")).join(name)) else {
            return (404, Vec::new());
        };
        match hand {
            Hand::Off | Hand::UnknownKey | Hand::WrongHash => {}
            Hand::Truncated => directory.truncate(directory.len() / 2),
            Hand::Changed => change(&mut directory),
            Hand::RolledBack(old) => directory = old,
        }
        (200, directory)
    }
}

/// Another letter in the first digest of the directory.
fn change(directory: &mut [u8]) {
    let at = directory.windows(4).position(|w| w == b"V6/2").unwrap_or_default();
    if let Some(letter) = directory.get_mut(at..).and_then(|rest| rest.iter_mut().find(|b| **b == b'x')) {
        *letter = b'y';
    }
}

fn directory(public: &Path) -> Result<Vec<u8>> {
    Ok(std::fs::read(public.join("V6/internalconf"))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_takes_no_configuration_that_was_laid_hands_on() {
    let mut nation = Nation::start().await.unwrap();
    nation.stop_registry().await.unwrap();
    let (_stopper, stop) = stop_channel();
    let thief = Thief::start(&nation, stop).await.unwrap();
    thief.lay(Hand::Truncated);
    let newcomer = newcomer(&nation, "anchor.xml").await.unwrap();
    for hand in [Hand::Truncated, Hand::UnknownKey, Hand::Changed, Hand::WrongHash] {
        let what = format!("{hand:?}");
        thief.lay(hand);
        until(&what, || thief.asked.load(Ordering::SeqCst) >= 6).await.unwrap();
        let answer = call_to(newcomer.config.listen.consumer_http, call("GET", "/v1"), None).await.unwrap();
        assert_eq!(refused(&what, &answer, CODE), "Global configuration is missing", "{what}");
        assert_eq!(newcomer.gateway.pictures_taken(), 0, "{what}");
        // The first wrong file ends the round: the other one is not asked for.
        let (files, rounds) = (thief.files.load(Ordering::SeqCst), thief.asked.load(Ordering::SeqCst));
        assert!(files <= rounds, "{what}: {files} files in {rounds} rounds");
    }
    assert_eq!(nation.service.count(), 0);
    thief.lay(Hand::Off);
    until("the good configuration is taken", || newcomer.gateway.pictures_taken() == 1).await.unwrap();
    newcomer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_configuration_does_not_come_back() {
    let mut nation = Nation::start().await.unwrap();
    let old = directory(&nation.registry_config.public_dir()).unwrap();
    let mut state = nation.registry_state.clone();
    state.members[2].name = "Secretariat".to_owned();
    nation.publish(&state).await.unwrap();
    nation.stop_registry().await.unwrap();
    let (_stopper, stop) = stop_channel();
    let thief = Thief::start(&nation, stop).await.unwrap();
    let taken = (nation.consumer.gateway.pictures_taken(), nation.provider.gateway.pictures_taken());
    thief.lay(Hand::RolledBack(old));
    until("both gateways ask several times", || thief.asked.load(Ordering::SeqCst) >= 8).await.unwrap();
    let now = (nation.consumer.gateway.pictures_taken(), nation.provider.gateway.pictures_taken());
    assert_eq!(now, taken, "nobody went back");
    assert_eq!(
        nation.send(call("GET", "/v1"), None).await.unwrap().status,
        200,
        "the newer one stays in force"
    );
    let count = nation.service.count();
    nation.hands.advance(SignedDuration::from_mins(11));
    let answer = nation.send(call("GET", "/v1"), None).await.unwrap();
    assert!(refused("ended", &answer, CODE).starts_with("Global configuration is expired"));
    assert_eq!(nation.service.count(), count);
}
