//! The declared states of gateway and registry: what is taken is taken again, as the same.

use super::configuration::handbook;
use std::path::Path;

pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    // Certificates are read from files that the text names; a fuzzer must not open devices.
    if text.contains(['\\']) || ["dev", "proc", "sys"].iter().any(|name| text.contains(name)) {
        return;
    }
    let folder = Path::new("/nowhere");
    if let Ok(declared) = gateway::Declaration::read(text, folder) {
        assert_eq!(gateway::Declaration::read(text, folder).ok(), Some(declared));
    }
    if let Ok(declared) = registry::Declaration::read(text, folder) {
        let _ = declared.check("CAMBODIA");
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let without = |block: Vec<u8>| {
        let text = String::from_utf8(block).unwrap_or_default();
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("certificate")).collect();
        kept.join("\n").into_bytes()
    };
    let whole = [handbook("gateway-state"), handbook("registry-state")].concat();
    whole.iter().cloned().chain(whole.iter().cloned().map(without)).collect()
}
