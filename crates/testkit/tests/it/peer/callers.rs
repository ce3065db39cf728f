//! Callers that should not be believed: their authentication certificate, its OCSP answers, their signature. Each is refused at our
//! inbound with a live server's code, and nothing reaches the service.

use super::cast::Cast;
use super::identity::{Shelf, target};
use super::tool::{Tool, Verdict};

const TLS: &str = "service_failed.ssl_authentication_failed";
const STATUS: &str = "signature_verification.invalid_cert_path.incorrect_validation_info";
const PATH: &str = "signature_verification.invalid_cert_path.cert_validation";
const ANCHOR: &str = "signature_verification.cannot_create_cert_path";
const MEMBER: &str = "signature_verification.incorrect_certificate";
const VALUE: &str = "signature_verification.invalid_signature_value";
const MALFORMED: &str = "signature_verification.malformed_signature";
const CHAIN: &str = "signature_verification.malformed_signature.invalid_hash_chain";
const UNUSED: &str = "signature_verification.malformed_signature.hashchain_unused_inputs";
const INTERNAL: &str = "signature_verification.internal_error";

/// Who calls: name, authentication certificate, signing certificate, method, deviations; and what comes of it: `accepted`, `none` (the
/// handshake fails) or a code without `server.serverproxy.`, and words of its text.
type Caller<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str);

const CALLERS: &[Caller<'_>] = &[
    ("registered", "authentication", "signer", "GET", "", "accepted", ""),
    ("not registered", "unregistered", "signer", "GET", "", "none", "CERTIFICATE_UNKNOWN"),
    ("registered elsewhere", "elsewhere", "signer", "GET", "", TLS, "is not registered at security server"),
    ("expired", "expired", "signer", "GET", "", TLS, "was valid until"),
    ("revoked", "revoked", "signer", "GET", "", TLS, "is revoked since"),
    ("unknown to its issuer", "unknown", "signer", "GET", "", TLS, "is unknown to its issuer"),
    ("not approved", "unapproved", "signer", "GET", "", TLS, "neither an approved CA"),
    ("no OCSP part", "authentication", "signer", "GET", "no-ocsp-parts", TLS, "OCSP response is missing"),
    (
        "foreign OCSP part",
        "authentication",
        "signer",
        "GET",
        "only-foreign-ocsp",
        TLS,
        "no OCSP response for",
    ),
    ("signed by another member", "authentication", "other-member", "GET", "", MEMBER, "belongs to"),
    ("signed, revoked", "authentication", "revoked-signer", "GET", "", PATH, "is revoked since"),
    ("signed, expired", "authentication", "expired-signer", "GET", "", ANCHOR, "was valid until"),
    ("signed, not approved", "authentication", "unapproved-signer", "GET", "", INTERNAL, "approved"),
    ("signed with a TLS key", "authentication", "authentication", "GET", "", MALFORMED, "may not sign"),
    ("signed over other bytes", "authentication", "signer", "GET", "wrong-bytes", VALUE, ""),
    ("signed over another text", "authentication", "signer", "POST", "wrong-bytes", CHAIN, ""),
    ("body not covered", "authentication", "signer", "POST", "body-not-signed", MALFORMED, "does not cover"),
    ("chain broken", "authentication", "signer", "POST", "chain-misses-body", UNUSED, ""),
    ("no signature", "authentication", "signer", "GET", "no-signature", "missing_signature", ""),
];

/// Calls; tells what is not as expected. An answer about the caller's certificates may lie on a shelf.
async fn judge(
    tool: &Tool,
    cast: &Cast,
    caller: &Caller<'_>,
    shelf: Option<&Shelf>,
) -> anyhow::Result<Option<String>> {
    let (name, authentication, signer, method, deviations, outcome, words) = caller;
    let mut args = cast.arguments(authentication, signer)?;
    args.extend(target(&cast.nation));
    args.extend(["--method", method, "--variant", deviations].map(str::to_owned));
    if *method == "POST" {
        args.extend(["--data", "{}"].map(str::to_owned));
    }
    if let Some(shelf) = shelf {
        args.extend(["--ocsp-dir".to_owned(), shelf.path()]);
    }
    let before = cast.nation.service.count();
    let (_, text, complaints) = tool.run("consumer", &args, &cast.peer.mint.folder("run")?).await?;
    let said = format!("{text}{complaints}");
    let expected = match *outcome {
        "accepted" => Verdict::Accepted,
        "none" => Verdict::NoAnswer,
        code => Verdict::Refused(format!("server.serverproxy.{code}")),
    };
    let reached = cast.nation.service.count().saturating_sub(before);
    let as_often = usize::from(expected == Verdict::Accepted);
    if Verdict::read(&said) == expected && said.contains(words) && reached == as_often {
        return Ok(None);
    }
    let last = said.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
    Ok(Some(format!("{name}: expected {expected:?}, {words:?}; {reached} reached the service; {last}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_should_not_be_believed_is_refused_and_nothing_reaches_the_service() {
    let Some(tool) = Tool::find() else { return };
    let cast = Cast::assemble(false, "MOC").await.unwrap();
    let mut wrong = vec![];
    for caller in CALLERS {
        wrong.extend(judge(&tool, &cast, caller, None).await.unwrap());
    }
    let shelf = Shelf::new(cast.peer.mint.folder("answers").unwrap());
    for (whose, answers) in [("authentication", &cast.about_authentication), ("signer", &cast.about_signing)]
    {
        for (kind, answer) in answers {
            shelf.clear().unwrap();
            shelf.put(&cast.pair(whose).unwrap().certificate, answer).unwrap();
            let outcome = match (*kind, whose) {
                ("good", _) => "accepted",
                (_, "authentication") => TLS,
                ("revoked" | "unknown" | "othercert", _) => PATH,
                _ => STATUS,
            };
            let name = format!("OCSP answer about the certificate for {whose}: {kind}");
            let caller = (name.as_str(), "authentication", "signer", "GET", "", outcome, "");
            wrong.extend(judge(&tool, &cast, &caller, Some(&shelf)).await.unwrap());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
