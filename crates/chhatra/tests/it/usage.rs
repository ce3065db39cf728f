//! Mistakes on the command line are told as such, with exit code 2; help is no mistake.

use crate::tools::chhatra;

#[test]
fn a_mistake_on_the_command_line_is_exit_code_2() {
    let mistakes: [&[&str]; 17] = [
        &[],
        &["fly"],
        &["gateway"],
        &["gateway", "run"],
        &["gateway", "plan", "--config", "a.toml"],
        &["registry", "apply", "state.toml"],
        &["registry", "keys"],
        &["registry", "keys", "add", "--config", "a.toml"],
        &["registry", "keys", "activate", "--config", "a.toml"],
        &["keystore", "generate", "--config", "a.toml"],
        &["keystore", "generate", "--config", "a.toml", "--usage", "fun"],
        &["keystore", "generate", "--config", "a.toml", "--usage", "signing", "--algorithm", "rsa-512"],
        &["keystore", "csr", "--config", "a.toml", "--key", "A"],
        &["keystore", "import-p12", "--config", "a.toml", "--pin-file", "p", "--keyconf", "k"],
        &["evidence", "verify", "--globalconf", "g"],
        &["doctor"],
        &["demo", "--base", "10.0.0"],
    ];
    for mistake in mistakes {
        let outcome = chhatra(mistake);
        assert_eq!(outcome.code, Some(2), "{mistake:?}: {outcome:?}");
        assert!(outcome.err.contains("--help") || outcome.err.contains("Usage"), "{mistake:?}: {outcome:?}");
    }
}

#[test]
fn help_and_version_are_exit_code_0() {
    for asked in [&["--help"][..], &["--version"], &["keystore", "csr", "--help"], &["doctor", "--help"]] {
        let outcome = chhatra(asked);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(!outcome.out.is_empty());
    }
}

#[test]
fn a_configuration_that_cannot_be_used_is_one_sentence_and_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, contents: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cases = [
        (folder.path().join("none.toml").to_str().unwrap().to_owned(), "none.toml cannot be read"),
        (at("text.toml", "this is no TOML"), "text.toml cannot be understood"),
        (
            at("odd.toml", "[gateway]\nserver = \"EX/GOV/M1/SS1\"\nspeed = 9\n"),
            "odd.toml cannot be understood",
        ),
        (at("empty.toml", ""), "empty.toml has no section [gateway]"),
        (at("other.toml", "[gatevay]\n"), "unknown field `gatevay`"),
    ];
    for (file, says) in cases {
        let outcome = chhatra(&["gateway", "run", "--config", &file]);
        assert!(outcome.err.starts_with("chhatra: "), "{outcome:?}");
        outcome.refused(1, says);
    }
}
