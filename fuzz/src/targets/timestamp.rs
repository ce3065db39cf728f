//! Time-stamp tokens: believed only when an authority gave them, over these octets.

use super::container;
use crate::seeds::{cut, join};
use crate::vectors;
use ::signature::container::AsicContainer;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use trust::timestamp::{read_granted, verify_token};
use trust::{Certificate, VerifiedTimeStamp};

/// A token or the answer of an authority, and what was stamped.
pub(crate) fn run(octets: &[u8]) {
    let known = known();
    for said in believed(octets) {
        assert!(known.contains(&said), "no authority said {said}");
    }
}

fn believed(octets: &[u8]) -> Vec<String> {
    static AUTHORITIES: OnceLock<Vec<Certificate>> = OnceLock::new();
    let authorities = AUTHORITIES.get_or_init(vectors::time_stampers);
    let [token, data] = cut::<2>(octets);
    let told = |stamp: &VerifiedTimeStamp| {
        format!("{} {} {:?} {:?}", stamp.time(), stamp.serial_decimal(), stamp.imprint(), stamp.nonce())
    };
    let mut found = Vec::new();
    if let Ok(stamp) = verify_token(token, data, authorities) {
        assert_eq!(stamp.digest_algorithm().digest(data), stamp.imprint());
        found.push(told(&stamp));
    }
    if let Ok(stamp) = read_granted(token, authorities) {
        let again = verify_token(stamp.der(), data, authorities);
        let digest = stamp.verified().digest_algorithm().digest(data);
        assert_eq!(
            again.is_ok(),
            digest == stamp.verified().imprint(),
            "what is kept is not what was granted"
        );
        found.push(told(stamp.verified()));
    }
    found
}

fn known() -> &'static BTreeSet<String> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    KNOWN.get_or_init(|| vectors::something(seeds().iter().flat_map(|seed| believed(seed)).collect()))
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in container::files() {
        if let Some(stamp) = AsicContainer::read(&file).ok().and_then(|container| container.stamp) {
            // The answer of an authority: granted, and the token.
            let content = [&[0x30, 0x03, 0x02, 0x01, 0x00][..], &stamp.token].concat();
            let length = u16::try_from(content.len()).unwrap_or_default().to_be_bytes();
            found.push(join(&[&[&[0x30, 0x82][..], &length, &content].concat(), &stamp.result]));
            found.push(join(&[&stamp.token, &stamp.result]));
        }
    }
    for file in vectors::files("hashchain-ts-ocsp/timestamps", &[".tst", ".der"]) {
        found.push(join(&[&file, b"data"]));
    }
    found
}
