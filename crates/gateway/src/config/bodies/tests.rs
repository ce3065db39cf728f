//! What is said of bodies in the configuration, and what is refused of it.

use super::*;

fn log(text: &str) -> Result<Log, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
}

#[test]
fn overrides_are_read_and_what_they_leave_out_is_left_open() {
    let log =
        log("bodies = false\n[[override]]\nprovider = \"EX/COM/1\"\nside = \"provider\"\nbodies = true\n\
         [[override]]\nprovider = \"EX/COM/1\"\nside = \"consumer\"\nbody_bytes_max = 7\n")
        .unwrap();
    let said = log.bodies().overrides;
    assert_eq!((said[0].side, said[0].logged, said[0].bytes_max), (Some(Side::Provider), Some(true), None));
    assert_eq!((said[1].side, said[1].logged, said[1].bytes_max), (Some(Side::Consumer), None, Some(7)));
    assert_eq!(log.longest_body(), 10_485_760, "what is said of some does not shorten it for the others");
}

#[test]
fn the_longest_body_is_that_of_whoever_may_have_the_longest() {
    let longest = |first: u64, second: u64| {
        let text = format!(
            "body_bytes_max = {first}\n[[override]]\nprovider = \"EX/COM/1\"\nbody_bytes_max = {second}\n"
        );
        log(&text).unwrap().longest_body()
    };
    assert_eq!((longest(5, 7), longest(7, 5)), (7, 7));
}

#[test]
fn two_words_on_the_same_thing_are_refused() {
    let twice = |first: &str, second: &str| {
        let one = |side: &str| format!("[[override]]\nprovider = \"EX/COM/1/sub\"\n{side}\n");
        log(&(one(first) + &one(second)))
    };
    let refused = twice("", "side = \"provider\"").unwrap_err();
    assert!(refused.contains("two overrides speak of EX/COM/1/sub on the same side"), "{refused}");
    assert!(twice("side = \"provider\"", "side = \"provider\"").is_err());
    assert!(twice("side = \"provider\"", "side = \"consumer\"").is_ok());
}

#[test]
fn an_unknown_provider_side_or_key_is_refused() {
    for (text, why) in [
        ("provider = \"EX/COM\"", "EX/COM is no INSTANCE/CLASS/MEMBER"),
        ("provider = \"EX/COM/1\"\nside = \"both\"", "unknown variant `both`"),
        ("provider = \"EX/COM/1\"\nbody = false", "unknown field `body`"),
    ] {
        let refused = log(&format!("[[override]]\n{text}\n")).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
