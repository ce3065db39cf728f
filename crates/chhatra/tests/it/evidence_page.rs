//! The page by which anybody checks a container without us, `docs/operate/evidence.md`: its commands are run as they stand, on containers of
//! ours in both forms and on a live server's, and on changed ones.

use crate::nation::Demo;
use crate::tools::{Outcome, chhatra, run, text, vectors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use globalconf::GlobalConf;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the reader sets: the certificates of the authorities.
struct Certificates {
    ca: String,
    ocsp: String,
    tsa: String,
}

/// All blocks of the page, one script.
fn script() -> String {
    let page = include_str!("../../../../docs/operate/evidence.md");
    page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn check(container: &Path, certificates: &Certificates, folder: &Path) -> Outcome {
    let at = folder.join("page");
    let _left = std::fs::remove_dir_all(&at);
    std::fs::create_dir(&at).unwrap();
    let mut sh = Command::new("sh");
    sh.args(["-c", &script()]).current_dir(&at).env("CONTAINER", container);
    sh.env("CA", &certificates.ca).env("OCSP", &certificates.ocsp).env("TSA", &certificates.tsa);
    sh.output().unwrap().into()
}

/// The container with one bit of an entry changed, packed well.
fn changed(container: &Path, entry: &str, behind: &str, folder: &Path) -> PathBuf {
    let into = folder.join("changed.asice");
    let change = "import sys, zipfile; source, into, entry, behind = sys.argv[1:]; old = zipfile.ZipFile(source); \
        new = zipfile.ZipFile(into, 'w'); \
        flip = lambda b, i: b[:i] + bytes([b[i] ^ 1]) + b[i + 1:]; \
        place = lambda b: b.index(behind.encode()) + len(behind) + 3 if behind else len(b) - 20; \
        [new.writestr(n, flip(old.read(n), place(old.read(n))) if n == entry else old.read(n)) for n in old.namelist()]; \
        new.close()";
    run(folder, "python3", &["-c", change, &text(container), &text(&into), entry, behind]).fine();
    into
}

fn agrees(container: &Path, certificates: &Certificates, folder: &Path) {
    let outcome = check(container, certificates, folder);
    let told = outcome.out.clone();
    outcome.fine();
    for says in ["Verification: OK", "Time stamp: ", "subject=", "This Update: "] {
        assert!(told.contains(says), "{says}: {told}");
    }
    let inside = folder.join("page");
    let changes = [
        ("message.xml", ""),
        ("attachment1", ""),
        ("META-INF/signatures.xml", "<ds:SignatureValue Id=\"signature-value\">"),
        ("sig-hashchainresult.xml", "DigestValue>"),
        ("sig-hashchain.xml", "DigestValue>"),
        ("ts-hashchainresult.xml", "DigestValue>"),
        ("ts-hashchain.xml", "DigestValue>"),
        ("META-INF/timestamp.tst", ""),
    ];
    let there: Vec<_> = changes.into_iter().filter(|(entry, _)| inside.join(entry).is_file()).collect();
    assert!(there.len() >= 4, "{there:?}");
    for (entry, behind) in there {
        let outcome = check(&changed(container, entry, behind, folder), certificates, folder);
        assert_ne!(outcome.code, Some(0), "{entry}: {outcome:?}");
    }
}

/// On fresh containers, in both forms; of the second form also what the command says of itself and when it refuses.
pub(crate) fn holds(demo: &Demo, message: &str, folder: &Path) {
    let certificates = Certificates {
        ca: demo.file("registry/ca.pem"),
        ocsp: demo.file("registry/ocsp.pem"),
        tsa: demo.file("registry/tsa.pem"),
    };
    let config = demo.file("commerce/gateway.toml");
    let plain = folder.join("first-form");
    chhatra(&["evidence", "export", "--config", &config, "--id", message, "--out", &text(&plain)]).fine();
    for container in files(&plain) {
        agrees(&container, &certificates, folder);
    }
    let out = folder.join("second-form");
    let export = |rest: &[&str]| {
        let arguments = ["evidence", "export", "--config", &config, "--id", message, "--out", &text(&out)];
        chhatra(&[&arguments[..], rest].concat())
    };
    export(&["--tsa", "http://127.0.0.1:9/"]).refused(1, "belong to --form etsi");
    export(&["--form", "etsi", "--tsa", "http://127.0.0.1:9/"])
        .refused(1, "gets no time-stamp (http://127.0.0.1:9/: ");
    assert!(!out.exists(), "nothing was written");
    let told = export(&["--form", "etsi"]).fine();
    assert_eq!(told.lines().filter(|line| line.starts_with("wrote ")).count(), 2, "{told}");
    let before: Vec<_> = files(&out).iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(export(&["--form", "etsi"]).fine().lines().all(|line| line.contains("left as it is")));
    let globalconf = demo.file("commerce/globalconf");
    for (container, octets) in files(&out).iter().zip(before) {
        assert!(text(container).ends_with("-etsi.asice"));
        assert_eq!(std::fs::read(container).unwrap(), octets);
        agrees(container, &certificates, folder);
        let verify = |rest: &[&str]| {
            let arguments = ["evidence", "verify", &text(container), "--globalconf", &globalconf];
            chhatra(&[&arguments[..], rest].concat())
        };
        assert!(verify(&[]).fine().contains("there is a second time-stamp"));
        let json = verify(&["--json"]).json();
        assert_eq!(json["service"], "CAMBODIA/GOV/MOI/civil-registry/people");
        assert_eq!(json["time_stamp"], "batch");
        assert_eq!(json["parts"][0]["covered"], "whole");
        assert!(json["etsi_time_stamp"]["time"].as_str() >= json["time"].as_str(), "{json}");
        crate::evidence::every_octet_counts(container, Path::new(&globalconf), 131);
    }
    // Of another configuration nobody in it is known; then nothing is asked for either.
    if let Some(vectors) = vectors() {
        let other = text(&vectors.join("recorded/globalconf/ss1-globalconf"));
        let again = ["--form", "etsi", "--globalconf", &other, "--out", &text(&folder.join("other"))];
        let arguments = ["evidence", "export", "--config", &config, "--id", message];
        chhatra(&[&arguments[..], &again].concat()).refused(1, "does not verify against");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| AsRef::<Path>::as_ref(path).extension().is_some_and(|end| end == "asice"));
    found.sort();
    found
}

fn pem(certificate: &trust::Certificate, file: &Path) -> String {
    let lines: Vec<String> = STANDARD
        .encode(certificate.der())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let text_of = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    std::fs::write(file, text_of).unwrap();
    text(file)
}

#[test]
fn the_page_holds_for_containers_of_a_live_server() {
    let Some(vectors) = vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let picture = GlobalConf::load(&vectors.join("recorded/globalconf/ss1-globalconf")).unwrap();
    let authorities = picture.authorities_for_evidence("DEV").unwrap();
    let ca = authorities.ca_certificates().next().unwrap();
    let certificates = Certificates {
        ca: pem(&ca.certificate, &at.join("ca.pem")),
        ocsp: pem(ca.responders[0].certificate.as_ref().unwrap(), &at.join("ocsp.pem")),
        tsa: pem(&authorities.time_stampers[0], &at.join("tsa.pem")),
    };
    let asice = vectors.join("recorded/messagelog/asice");
    run(at, "unzip", &["-q", &text(&asice.join("asic-ss1-rest-post-json.zip")), "-d", "post"]).fine();
    let mut containers = files(&at.join("post"));
    containers.push(asice.join("asic-ss1-rest-get-responseonly.asice"));
    assert_eq!(containers.len(), 3);
    for container in containers {
        agrees(&container, &certificates, at);
    }
}

#[test]
fn a_refusal_says_where_the_fault_lies_and_what_to_do() {
    let Some(vectors) = vectors() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let container = vectors.join("recorded/messagelog/asice/asic-ss1-rest-get-responseonly.asice");
    let own = vectors.join("recorded/globalconf/ss1-globalconf");
    let other = vectors.join("shared/globalconf/globalconf_good_v6");
    let changed = changed(&container, "message.xml", "", at);
    for (container, globalconf, fault, advice) in [
        (&changed, &own, "file", "take the container from the log or the archive again"),
        (&container, &other, "configuration", "give with --globalconf the configuration"),
    ] {
        let arguments = ["evidence", "verify", &text(container), "--globalconf", &text(globalconf)];
        let outcome = chhatra(&arguments);
        assert!(outcome.out.contains("Where the fault lies: with the "), "{outcome:?}");
        outcome.refused(1, &format!("What to do: {advice}"));
        let json = chhatra(&[&arguments[..], &["--json"]].concat()).json();
        assert_eq!((&json["verified"], &json["fault"]), (&false.into(), &fault.into()), "{json}");
        assert!(json["advice"].as_str().unwrap().starts_with(advice), "{json}");
    }
}
