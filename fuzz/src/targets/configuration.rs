//! The configuration files of gateway and registry, as the binary reads them: one file, one section a room.

use crate::vectors;
use std::path::Path;

pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Ok(sections) = text.parse::<toml::Table>() else { return };
    let folder = Path::new("/folder");
    if let Some(Ok(config)) =
        sections.get("gateway").map(|section| section.clone().try_into::<gateway::Config>())
    {
        let config = config.resolved(folder);
        for place in [&config.state_dir, &config.anchor, &config.pin_file, &config.archive_dir()] {
            assert!(place.is_absolute(), "{}", place.display());
        }
        let _ = (config.keystore_settings(), config.messagelog_dir(), config.serverconf_file());
    }
    if let Some(Ok(config)) =
        sections.get("registry").map(|section| section.clone().try_into::<registry::Config>())
    {
        let _ = config.check();
        let config = config.resolved(folder);
        assert!(config.keystore_dir().is_absolute() && config.public_dir().is_absolute());
    }
}

/// The blocks of a kind in the operators' handbook.
pub(crate) fn handbook(kind: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(vectors::project("docs/operate/set-up.md")).unwrap_or_default();
    let open = format!("```toml {kind}\n");
    let blocks = text.split(open.as_str()).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).map(|block| block.as_bytes().to_vec()).collect()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    [handbook("gateway"), handbook("registry")].concat()
}
