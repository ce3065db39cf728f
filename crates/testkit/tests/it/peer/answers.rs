//! What the peer answers as a provider's server, and what must come of it: every row of `TABLE.txt` (what a live 7.8.0 consumer's server
//! made of each odd answer), and more of the kind. Where ours is meant to differ, the table says why (`docs/design/stricter.md`).

/// Where our verdict is meant to differ from the recorded one: row, our verdict (`accepted` or a code), reason.
pub(crate) const MEANT: &[(&str, &str, &str)] = &[
    (
        "auth-ocsp-good-after-nextpast",
        "accepted",
        "a refused OCSP answer is not kept, so a good one is seen at once",
    ),
    ("tls-tls13-only", "accepted", "our own kind uses TLS 1.3"),
    ("sign-ocsp-future", STATUS, "an answer from the future proves nothing about now"),
    ("body-not-signed-post", MALFORMED, "the body is not signed"),
    ("chain-not-referenced-post", MALFORMED, "the body is not signed"),
    ("variant-chain-not-referenced-get", MALFORMED, "the body is not signed"),
    ("no-body-part-get", INTERNAL, "every server writes a body part, an empty one too"),
    ("variant-whitespace-before-signature-get", MALFORMED, "it would switch the schema off (E.1.4)"),
    (
        "variant-whitespace-before-signature_signing-certificate-v2-get",
        MALFORMED,
        "it would switch the schema off (E.1.4)",
    ),
    ("variant-comment-before-signature-get", MALFORMED, "it would switch the schema off (E.1.4)"),
    ("variant-no-properties-ref-get", MALFORMED, "certificate and time of signing would not be signed"),
    ("variant-wrong-target-get", MALFORMED, "the properties would be those of another signature"),
    ("variant-signature-SHA-1-get", MALFORMED, "SHA-1 is broken"),
    ("cut-before-end-4-post", CUT, "nothing but the closing boundary tells a cut answer from a whole one"),
    ("cut-before-end-42-post", CUT, "nothing but the closing boundary tells a cut answer from a whole one"),
];

const MALFORMED: &str = "server.clientproxy.signature_verification.malformed_signature";
const STATUS: &str = "server.clientproxy.signature_verification.invalid_cert_path.incorrect_validation_info";
const CUT: &str = "server.clientproxy.signature_verification.invalid_xml";
const INTERNAL: &str = "server.clientproxy.service_failed.internal_error";

/// What the peer is for a row: as which server it answers, and how its listener is set up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// An OCSP interface that misbehaves so; `ocsp-stale` gives what lies on the shelf under the second name.
    Revocation(&'static str, String),
    /// Nobody listens.
    Nobody,
    /// A listener that is no TLS server.
    NoTls(&'static str),
    /// TLS set up so.
    Tls(&'static str),
    /// This certificate.
    Certificate(&'static str),
    /// Answers signed by this one.
    Signer(&'static str),
    /// The end of answers told so, connections kept or not.
    Framing(&'static str, bool),
    /// As it should be; a call may ask for a misbehaviour.
    Ordinary,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) stage: Stage,
    pub(crate) method: &'static str,
    /// What the peer is asked to do wrong in this answer.
    pub(crate) misbehave: String,
    /// `accepted` or a code.
    pub(crate) expect: String,
}

impl Case {
    fn new(name: &str, stage: Stage, method: &'static str, misbehave: &str, expect: &str) -> Self {
        let owned = str::to_owned;
        Self { name: owned(name), stage, method, misbehave: owned(misbehave), expect: owned(expect) }
    }
}

/// The cases of `TABLE.txt`; rows of SOAP are named as later.
pub(crate) fn recorded(table: &str) -> Vec<Case> {
    let mut cases = vec![];
    for line in table.lines().skip(1).filter(|line| line.contains(" | ")) {
        let mut fields = line.split('|').map(str::trim);
        let mut next = || fields.next().unwrap_or_default();
        let (name, kind, verdict, _status, code) = (next(), next(), next(), next(), next());
        let method = match kind {
            "GET" => "GET",
            "POST" => "POST",
            "HEAD" => "HEAD",
            _ => {
                println!("later: {name} (SOAP)");
                continue;
            }
        };
        let (stage, misbehave) = staged(name);
        cases.push(Case::new(
            name,
            stage,
            method,
            &misbehave,
            if verdict == "accepted" { "accepted" } else { code },
        ));
    }
    cases
}

/// How the peer brings a recorded row about.
fn staged(name: &str) -> (Stage, String) {
    let plain = name.trim_end_matches("-post").trim_end_matches("-get").trim_end_matches("-head");
    let none = String::new;
    match plain {
        "base" => (Stage::Ordinary, none()),
        "framing-content-length" => (Stage::Framing("content-length", false), none()),
        "framing-chunked" => (Stage::Framing("chunked", false), none()),
        "framing-chunked-keepalive" => (Stage::Framing("chunked", true), none()),
        "framing-content-length-keepalive" => (Stage::Framing("content-length", true), none()),
        "tcp-refused" => (Stage::Nobody, none()),
        "tls-plaintext-server" => (Stage::NoTls("plain text"), none()),
        "tls-closed-at-once" => (Stage::NoTls("closed"), none()),
        "tls-tls13-only" => (Stage::Tls("tls13-only"), none()),
        "tls-gcm-only" => (Stage::Tls("gcm-only"), none()),
        "tls-no-client-cert-request" => (Stage::Tls("no-client-cert-request"), none()),
        "tls-self-signed" => (Stage::Certificate("self-signed"), none()),
        "tls-internal-cert" => (Stage::Certificate("internal"), none()),
        "tls-sign-cert" => (Stage::Certificate("signer"), none()),
        "tls-other-server-auth-cert" => (Stage::Certificate("elsewhere"), none()),
        "auth-ocsp-error" => (Stage::Revocation("ocsp-error", none()), none()),
        "auth-ocsp-too-few" => (Stage::Revocation("ocsp-too-few", none()), none()),
        "auth-ocsp-stale" | "auth-ocsp-stale-again" => {
            (Stage::Revocation("ocsp-stale", "stale".to_owned()), none())
        }
        "auth-ocsp-nextpast" => (Stage::Revocation("ocsp-stale", "nextpast".to_owned()), none()),
        "auth-ocsp-good-after-nextpast" => (Stage::Revocation("z-good", none()), none()),
        "cut-before-end-chunked" => (Stage::Framing("chunked", false), "cut-before-end-4".to_owned()),
        _ => {
            if let Some(cut) = plain.strip_suffix("-content-length") {
                return (Stage::Framing("content-length", false), cut.to_owned());
            }
            if let Some(kind) = plain.strip_prefix("sign-ocsp-") {
                return (Stage::Ordinary, format!("stale-ocsp+shelf-{kind}"));
            }
            if plain == "stale-ocsp" {
                return (Stage::Ordinary, "stale-ocsp+shelf-stale".to_owned());
            }
            (Stage::Ordinary, plain.strip_prefix("variant-").unwrap_or(plain).replace('_', "+"))
        }
    }
}

/// What the table does not hold: more certificates, more answers about them, more layouts.
pub(crate) fn further() -> Vec<Case> {
    let bare = "ssl_authentication_failed";
    let path = "ssl_authentication_failed.cannot_create_cert_path";
    let status = "ssl_authentication_failed.invalid_cert_path.cert_validation";
    let info = "ssl_authentication_failed.invalid_cert_path.incorrect_validation_info";
    let signed_info = "signature_verification.invalid_cert_path.incorrect_validation_info";
    let about = |kind: &str| Stage::Revocation("ocsp-stale", kind.to_owned());
    let kept = || Stage::Framing("chunked", true);
    let cases = [
        ("5577: foreign", Stage::Revocation("ocsp-foreign", String::new()), "", info),
        ("5577: of another certificate", about("othercert"), "", info),
        ("5577: by another responder", about("wrong-responder"), "", info),
        ("5577: signed wrongly", about("broken-signature"), "", info),
        ("5577: from the future", about("future"), "", info),
        ("5577: revoked", about("revoked"), "", status),
        ("5577: unknown", about("unknown"), "", status),
        ("not registered", Stage::Certificate("unregistered"), "", bare),
        ("expired", Stage::Certificate("expired"), "", path),
        ("revoked", Stage::Certificate("revoked"), "", status),
        ("unknown to its issuer", Stage::Certificate("unknown"), "", status),
        (
            "not approved",
            Stage::Certificate("unapproved"),
            "",
            "ssl_authentication_failed.cannot_create_cert_path.internal_error",
        ),
        (
            "signing OCSP by another responder",
            Stage::Ordinary,
            "stale-ocsp+shelf-wrong-responder",
            signed_info,
        ),
        ("signing OCSP signed wrongly", Stage::Ordinary, "stale-ocsp+shelf-broken-signature", signed_info),
        (
            "signed with a TLS key",
            Stage::Signer("authentication"),
            "wrong-signer",
            "signature_verification.malformed_signature",
        ),
        (
            "signed, expired",
            Stage::Signer("expired-signer"),
            "wrong-signer",
            "signature_verification.cannot_create_cert_path",
        ),
        (
            "signed, not approved",
            Stage::Signer("unapproved-signer"),
            "wrong-signer",
            "signature_verification.internal_error",
        ),
        ("to another request", Stage::Ordinary, "wrong-id+wrong-request-hash", "inconsistent_response"),
        ("taking its time", Stage::Ordinary, "delay-1", "accepted"),
        ("kept, the first", kept(), "", "accepted"),
        ("kept, the second", kept(), "", "accepted"),
    ];
    let whole = |outcome: &str| match outcome {
        "accepted" => outcome.to_owned(),
        code => format!("server.clientproxy.{code}"),
    };
    let made = cases
        .into_iter()
        .map(|(name, stage, misbehave, outcome)| Case::new(name, stage, "POST", misbehave, &whole(outcome)));
    made.collect()
}
