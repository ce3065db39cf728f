//! Shared and private parameters, anchors and the small parts of a configuration: what is read can be written and says the same.

use crate::{recordings, vectors};
use globalconf::{Anchor, Private, Shared, parts};

/// The first octet is the version.
pub(crate) fn run(octets: &[u8]) {
    let Some((version, file)) = octets.split_first() else { return };
    let version = version % 8;
    if let Ok(read) = Shared::read(file, version)
        && let Ok(written) = read.write(version)
    {
        assert_eq!(Shared::read(&written, version).as_ref(), Ok(&read));
    }
    if let Ok(read) = Private::read(file, version)
        && let Ok(written) = read.write()
    {
        assert_eq!(Private::read(&written, version).as_ref(), Ok(&read));
    }
    if let Ok(read) = Anchor::read(file)
        && let Ok(written) = read.write()
    {
        assert_eq!(Anchor::read(&written).as_ref(), Ok(&read));
    }
    if let Ok(read) = parts::read_monitoring(file)
        && let Ok(written) = parts::write_monitoring(read.as_ref())
    {
        assert_eq!(parts::read_monitoring(&written), Ok(read));
    }
    if let Ok(read) = parts::read_fetch_interval(file)
        && let Ok(seconds) = u32::try_from(read)
        && let Ok(written) = parts::write_fetch_interval(seconds)
    {
        assert_eq!(parts::read_fetch_interval(&written), Ok(read));
    }
    if let Ok(read) = parts::read_next_update(file)
        && let Ok(written) = parts::write_next_update(read)
    {
        assert_eq!(parts::read_next_update(&written), Ok(read));
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for file in vectors::files("recorded/globalconf/http", &["params.xml.response.bin"]) {
        let Some((_, body)) = recordings::split(&file) else { continue };
        for version in [4_u8, 5, 6] {
            found.push([&[version], body.as_slice()].concat());
        }
    }
    for place in [
        "globalconf/anchors",
        "globalconf/configuration-parts",
        "globalconf/optional-parts",
        "recorded/globalconf/anchors",
    ] {
        for file in vectors::files(place, &[".xml"]) {
            for version in [2_u8, 6] {
                found.push([&[version], file.as_slice()].concat());
            }
        }
    }
    for file in vectors::files("shared/globalconf", &["-params.xml"]).into_iter().step_by(4) {
        found.push([&[4_u8], file.as_slice()].concat());
    }
    found
}
