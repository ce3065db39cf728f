//! Containers taken out of the gateways' logs, and our own verification of them with nothing but a stored configuration.

use super::tools::{entries, log_of, until};
use gateway::Config;
use globalconf::GlobalConf;
use jiff::SignedDuration;
use messagelog::Direction;
use signature::container::AsicContainer;
use signature::evidence::{self, Report};
use testkit::Nation;

/// A container as it was taken out.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// Whose log it is of.
    pub(crate) side: &'static str,
    /// Its file name.
    pub(crate) name: String,
    /// Request or response.
    pub(crate) direction: Direction,
    /// The zip.
    pub(crate) bytes: Vec<u8>,
    /// Whether the signature is over a hash chain, and a body there.
    pub(crate) kind: (bool, bool),
}

/// Everything in a gateway's log; all of it must be time-stamped.
pub(crate) fn exported(side: &'static str, config: &Config) -> Vec<Container> {
    let reader = log_of(config);
    let mut all = Vec::new();
    for entry in entries(&reader) {
        let exported = reader.export(entry.id).unwrap();
        assert!(exported.stamped, "{side} {}", exported.file_name);
        let read = AsicContainer::read(&exported.bytes).unwrap();
        let kind = (read.signed.hash_chain.is_some(), !read.attachments.is_empty());
        all.push(Container {
            side,
            name: exported.file_name,
            direction: entry.direction,
            bytes: exported.bytes,
            kind,
        });
    }
    all
}

/// A globalconf as a gateway has stored it, loaded from there and nowhere else.
pub(crate) fn stored(config: &Config) -> GlobalConf {
    GlobalConf::load(&config.globalconf_dir()).unwrap()
}

/// What our own verifier says, when it has the stored configuration and nothing else.
pub(crate) fn judge(bytes: &[u8], held: &GlobalConf) -> Result<Report, String> {
    let container = AsicContainer::read(bytes).map_err(|refusal| refusal.to_string())?;
    let own = held.authorities_for_evidence(held.main_instance()).unwrap();
    evidence::verify(&container, |instance| held.authorities_for_evidence(instance), &own.time_stampers)
        .map_err(|refusal| refusal.to_string())
}

/// What is wrong with the evidence in a gateway's log: each container must verify with what the gateway has stored, and no longer when
/// one of its octets is changed; of these some are tried.
pub(crate) async fn odd_evidence(nation: &Nation, side: &'static str, config: &Config) -> Vec<String> {
    stamped(nation).await;
    let held = stored(config);
    let mut wrong = vec![];
    let all = exported(side, config);
    for container in &all {
        if let Err(why) = judge(&container.bytes, &held) {
            wrong.push(format!("{}: {why}", container.name));
            continue;
        }
        for at in (0..container.bytes.len()).step_by(509) {
            let mut changed = container.bytes.clone();
            changed[at] ^= 1 << (at % 8);
            if judge(&changed, &held).is_ok() {
                wrong.push(format!("{}: octet {at} is free", container.name));
            }
        }
    }
    println!("{side}: {} containers", all.len());
    wrong
}

/// Moves the clock until nothing is without a time-stamp. A round that begins just now is due only a second later, so it is moved more
/// than once.
pub(crate) async fn stamped(nation: &Nation) {
    let sides = [&nation.consumer, &nation.provider];
    until("both logs are time-stamped", || {
        nation.hands.advance(SignedDuration::from_secs(1));
        sides.iter().all(|side| side.gateway.log_health().unstamped == 0)
    })
    .await;
}

/// The same, but so that each record gets a time-stamp of its own: after a failure one is stamped at a time, so with two records
/// both are stamped alone.
pub(crate) async fn stamped_singly(nation: &Nation) {
    let failing =
        || [&nation.consumer, &nation.provider].map(|side| side.gateway.log_health().stamping_failing_since);
    nation.authority.drills().set_tsa_offline(true);
    nation.hands.advance(SignedDuration::from_secs(2));
    until("time-stamping fails at both gateways", || failing().iter().all(Option::is_some)).await;
    nation.authority.drills().set_tsa_offline(false);
    stamped(nation).await;
}
