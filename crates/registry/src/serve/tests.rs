//! Which paths lead to files.

use super::*;

fn found(target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    find(Path::new("P"), path, query).map(|path| path.display().to_string())
}

#[test]
fn finds_directories_by_version_and_the_oldest_without() {
    for (target, expected) in [
        ("/internalconf?version=6", "P/V6/internalconf"),
        ("/externalconf?version=4", "P/V4/externalconf"),
        ("/internalconf", "P/V4/internalconf"),
        ("/internalconf?", "P/V4/internalconf"),
        ("/internalconf?a=b&version=5", "P/V5/internalconf"),
        ("/V6/20260102030405123456000/shared-params.xml", "P/V6/20260102030405123456000/shared-params.xml"),
    ] {
        assert_eq!(found(target).as_deref(), Some(expected), "{target}");
    }
}

#[test]
fn finds_nothing_else() {
    for target in [
        "",
        "/",
        "*",
        "/internalconf?version=7",
        "/internalconf?version=3",
        "/internalconf?version=2",
        "/internalconf?version=",
        "/internalconf?version",
        "/internalconf?version=06",
        "/internalconf?version=6&version=5",
        "/internalconf?version=../6",
        "/internalconf/",
        "/internalconf.tmp",
        "//internalconf",
        "/V6/internalconf",
        "/V3/20260102030405123456000/shared-params.xml",
        "/v6/20260102030405123456000/shared-params.xml",
        "/V6/.new-20260102030405123456000/shared-params.xml",
        "/V6/20260102030405123456000/",
        "/V6/20260102030405123456000/.xml",
        "/V6/20260102030405123456000/..",
        "/V6/20260102030405123456000/../internalconf",
        "/V6/20260102030405123456000/%2e%2e%2finternalconf",
        "/V6/20260102030405123456000/shared-params.xml/",
        "/V6/20260102030405123456000/SHARED-PARAMS.XML",
        "/V6/2026010203040512345600/shared-params.xml",
        "/../registry.sqlite",
    ] {
        assert_eq!(found(target), None, "{target}");
    }
}
