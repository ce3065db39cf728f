//! The list of keys of an X-Road server, and the small texts of a keystore.

use crate::vectors;
use ::keystore::keyconf::Keyconf;
use ::keystore::{AlternativeName, KeyId, Subject};

pub(crate) fn run(octets: &[u8]) {
    if let Ok(first) = Keyconf::read(octets) {
        assert_eq!(Keyconf::read(octets).map(|again| format!("{again:?}")), Ok(format!("{first:?}")));
    }
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(subject) = Subject::parse(text) {
        assert_eq!(Subject::parse(&subject.to_string()).as_ref(), Ok(&subject), "{text:?}");
    }
    if let Ok(name) = AlternativeName::parse(text) {
        assert_eq!(AlternativeName::parse(&name.to_string()).as_ref(), Ok(&name), "{text:?}");
    }
    if let Ok(id) = KeyId::parse(text) {
        assert_eq!(id.as_str(), text);
        assert!(!text.contains(['/', '.']), "a key's identifier names a file");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = vectors::files("keyconf-signer", &[".xml"]);
    found.extend(vectors::files("recorded/keys", &["keyconf.xml"]));
    for text in [
        "C=KH,O=Ministry,serialNumber=EX/ss1/GOV,CN=1",
        "CN=a\\,b,O=\"x\"",
        "DNS:example.org",
        "IP:::1",
        "0A1B",
    ] {
        found.push(text.as_bytes().to_vec());
    }
    found
}
