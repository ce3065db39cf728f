//! The download of the global configuration: every minute, from the first source that gives one that is wholly verified
//! (control-plane 1.4). Nothing less than that replaces the one in force.

use crate::gateway::Gateway;
use globalconf::directory::DIRECTORY_BYTES_MAX;
use globalconf::download::{
    Ask, Fetching, Location, Negotiation, Role, SourceOfConfiguration, Wanted, check_directory, locations,
};
use globalconf::{Anchor, Configuration, GlobalConf, VerifiedConfiguration, store};
use http1::{FetchLimits, Stop};
use std::sync::Arc;
use std::time::Duration;

/// Downloads until the stop: at once, then by the configured period, sooner after a failure.
pub(crate) async fn run(gateway: Arc<Gateway>, stop: Stop) {
    let mut last_good: Option<String> = None;
    while !stop.is_requested() {
        let done = tokio::select! {
            done = round(&gateway, last_good.as_deref()) => done,
            () = stop.requested() => return,
        };
        let pause = match done {
            Ok(url) => {
                last_good = Some(url);
                Duration::from_secs(gateway.config.jobs.globalconf_seconds.max(1))
            }
            Err(why) => {
                tracing::warn!("the global configuration could not be downloaded: {why}");
                last_good = None;
                gateway.retry_interval()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.requested() => {}
        }
    }
}

/// One round; the URL that served.
async fn round(gateway: &Arc<Gateway>, last_good: Option<&str>) -> Result<String, String> {
    let anchor = read_anchor(gateway)?;
    let held = gateway.picture().ok();
    let held = held.as_ref().and_then(|picture| picture.configuration(&anchor.instance));
    let mut below = |n: usize| {
        let bound = u32::try_from(n).unwrap_or(u32::MAX);
        usize::try_from(gateway.chance.below(bound)).unwrap_or(0)
    };
    let mut why = "the anchor names no usable address".to_owned();
    for location in locations(&anchor, held.map(Configuration::shared), last_good, &mut below) {
        match from_location(gateway, &anchor, &location, held).await {
            Ok((url, verified)) => {
                let gateway = Arc::clone(gateway);
                let taken = tokio::task::spawn_blocking(move || take(&gateway, verified)).await;
                return taken.map_err(|e| e.to_string())?.map(|()| url);
            }
            Err(reason) => why = format!("{}: {reason}", location.url),
        }
    }
    Err(why)
}

fn read_anchor(gateway: &Gateway) -> Result<Anchor, String> {
    let path = &gateway.config.anchor;
    let bytes =
        std::fs::read(path).map_err(|e| format!("the anchor {} cannot be read: {e}", path.display()))?;
    Anchor::read(&bytes).map_err(|e| format!("the anchor {} cannot be understood: {e}", path.display()))
}

async fn from_location(
    gateway: &Gateway,
    anchor: &Anchor,
    location: &Location,
    held: Option<&Configuration>,
) -> Result<(String, VerifiedConfiguration), String> {
    let (url, document) = directory(&location.url, Wanted::after(held.map(Configuration::version))).await?;
    let asked = Location { url: url.clone(), certificates: location.certificates.clone() };
    let source = SourceOfConfiguration { instance: anchor.instance.clone(), role: Role::Main };
    let checked =
        check_directory(&document, &asked, &source, held, gateway.clock.now()).map_err(|e| e.to_string())?;
    let fetched = files(checked.fetch(held)).await?;
    let assembled = tokio::task::spawn_blocking(move || fetched.assemble()).await;
    let verified = assembled.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    Ok((url, verified))
}

/// Settles the version and gives the directory; the answer to the probe that settles it is the directory itself.
async fn directory(location: &str, wanted: Wanted) -> Result<(String, Vec<u8>), String> {
    let mut negotiation = Negotiation::new(location, wanted);
    loop {
        match negotiation.next() {
            Ask::Probe(url) => {
                let (status, body) = get(&url, DIRECTORY_BYTES_MAX).await?;
                negotiation.answered(status);
                if status == 200 {
                    return Ok((url, body));
                }
            }
            Ask::Download(url) => {
                let (status, body) = get(&url, DIRECTORY_BYTES_MAX).await?;
                if status != 200 {
                    return Err(format!("it answered with status {status}"));
                }
                return Ok((url, body));
            }
        }
    }
}

/// Fetches what is not held. The first file that is not what the directory says ends it.
async fn files(mut fetching: Fetching) -> Result<Fetching, String> {
    while let Some(file) = fetching.next() {
        let (status, body) = get(&file.url, file.bytes_max).await?;
        if status != 200 {
            return Err(format!("{} answered with status {status}", file.url));
        }
        fetching.take(body).map_err(|e| e.to_string())?;
    }
    Ok(fetching)
}

/// Stores it, then puts it in force. A crash between the two leaves it stored; the next start takes it from there.
fn take(gateway: &Gateway, verified: VerifiedConfiguration) -> Result<(), String> {
    let dir = gateway.config.globalconf_dir();
    store::replace(&dir, &verified).map_err(|e| e.to_string())?;
    let fresh = GlobalConf::load(&dir).map_err(|e| e.to_string())?;
    let changed = gateway.picture().ok().is_none_or(|old| !same_content(&old, &fresh));
    if changed {
        tracing::info!("a new global configuration is in force");
        gateway.take_picture(fresh);
    } else {
        gateway.prolong_picture(fresh);
    }
    Ok(())
}

/// Whether only the expiry differs.
fn same_content(old: &GlobalConf, new: &GlobalConf) -> bool {
    let files = |picture: &GlobalConf| -> Option<Vec<(String, Arc<[u8]>)>> {
        let configuration = picture.configuration(picture.main_instance())?;
        Some(configuration.files().map(|(name, file)| (name.to_owned(), Arc::clone(&file.bytes))).collect())
    };
    files(old) == files(new)
}

/// Over plain HTTP: integrity never depends on TLS here, every byte is signed or digested (control-plane 1.4).
async fn get(url: &str, bytes_max: usize) -> Result<(u16, Vec<u8>), String> {
    let limits = FetchLimits {
        connect_timeout: Duration::from_secs(10),
        read_timeout: Duration::from_secs(30),
        total_timeout: Duration::from_secs(120),
        body_bytes_max: bytes_max,
    };
    let answer = http1::fetch("GET", url, &[], None, &limits).await.map_err(|e| e.to_string())?;
    Ok((answer.status, answer.body))
}
