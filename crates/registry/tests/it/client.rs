//! A gateway's download of the configuration, over the real network, by the rooms that a gateway uses.

use globalconf::anchor::Anchor;
use globalconf::download::{
    Ask, Negotiation, Role, SourceOfConfiguration, Wanted, check_directory, locations,
};
use globalconf::{Configuration, VerifiedConfiguration};
use http1::{FetchLimits, Fetched, fetch};
use jiff::Timestamp;
use std::path::Path;

pub(crate) fn read_anchor(file: &Path) -> Anchor {
    Anchor::read(&std::fs::read(file).unwrap()).unwrap()
}

pub(crate) async fn get(url: &str) -> Fetched {
    fetch("GET", url, &[], None, &FetchLimits::default()).await.unwrap()
}

/// Tries every location; gives the configuration, or the last refusal.
pub(crate) async fn download(
    anchor: &Anchor,
    role: Role,
    held: Option<&Configuration>,
    wanted: Wanted,
    now: Timestamp,
) -> Result<VerifiedConfiguration, String> {
    let source = SourceOfConfiguration { instance: anchor.instance.clone(), role };
    let mut refused = "there is no location".to_owned();
    for location in locations(anchor, held.map(Configuration::shared), None, &mut |_| 0) {
        if location.url.starts_with("https:") {
            continue;
        }
        let mut negotiation = Negotiation::new(&location.url, wanted);
        let url = loop {
            match negotiation.next() {
                Ask::Download(url) => break url,
                Ask::Probe(url) => negotiation.answered(get(&url).await.status),
            }
        };
        let answer = get(&url).await;
        if answer.status != 200 {
            refused = format!("{url} answered {}", answer.status);
            continue;
        }
        let checked = match check_directory(&answer.body, &location, &source, held, now) {
            Ok(checked) => checked,
            Err(refusal) => {
                refused = refusal.to_string();
                continue;
            }
        };
        let mut fetching = checked.fetch(held);
        while let Some(file) = fetching.next() {
            let fetched = get(&file.url).await;
            assert_eq!(fetched.status, 200, "{}", file.url);
            fetching.take(fetched.body).map_err(|refusal| refusal.to_string())?;
        }
        return fetching.assemble().map_err(|refusal| refusal.to_string());
    }
    Err(refused)
}
