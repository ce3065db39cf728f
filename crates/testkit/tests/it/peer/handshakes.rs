//! `openssl s_client` at port 5500: the three suites of X-Road's servers work with a registered certificate; without one, or with none
//! of the suites, nobody gets in.

use super::identity::{Mint, Pair, Peer, Use};
use keystore::KeyAlgorithm;
use std::process::Stdio;
use std::time::Duration;
use testkit::{Choices, Nation};
use tokio::process::Command;

/// What `s_client` prints about a handshake with the provider's gateway.
async fn handshake(nation: &Nation, pair: Option<&Pair>, how: &str) -> anyhow::Result<String> {
    let mut command = Command::new("openssl");
    let address = nation.provider.config.listen.transport.to_string();
    command.args(["s_client", "-connect", &address]).args(how.split(' '));
    if let Some(Pair { certificate_file, key_file, .. }) = pair {
        command.args(["-cert", certificate_file, "-cert_chain", certificate_file, "-key", key_file]);
    }
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(60), running).await??;
    let [said, complained] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(said + &complained)
}

/// What came of each attempt that should not have come of it. An attempt: whose certificate, how, and what must be printed.
async fn attempts(rsa: bool, suites: &[(&str, &str)]) -> anyhow::Result<Vec<String>> {
    let algorithm = if rsa { KeyAlgorithm::Rsa2048 } else { KeyAlgorithm::EcP256 };
    let nation = Nation::start_with(Choices { algorithm, intermediate: rsa, ..Choices::default() }).await?;
    let mint = Mint::new(nation.folder.path().join("peer"), rsa)?;
    let stranger = mint.pair(&nation.authority, "stranger", Use::Authentication, "stranger").await?;
    let peer = Peer::join(&nation, mint, &[], None).await?;
    let registered = Some(&peer.authentication);
    let mut wrong = vec![];
    let mut attempt = async |who: &str, pair, how: &str, expected: &str| {
        let said = handshake(&nation, pair, how).await?;
        if !said.contains(expected) {
            let told = said.lines().filter(|line| line.contains("ipher is") || line.contains("error"));
            wrong.push(format!(
                "{who}, {how}: expected {expected:?}: {}",
                told.collect::<Vec<_>>().join(" / ")
            ));
        }
        anyhow::Ok(())
    };
    let nothing = "New, (NONE), Cipher is (NONE)";
    for (suite, also) in suites {
        let how = format!("-tls1_2 -cipher {suite}{also}");
        let made = format!(", Cipher is {suite}\n");
        attempt("registered", registered, &how, &made).await?;
        attempt("registered", registered, &how, "Secure Renegotiation IS supported").await?;
        attempt("no certificate", None, &how, "SSL alert number 40\n").await?;
        attempt("not registered", Some(&stranger), &how, "SSL alert number 46\n").await?;
    }
    let kind = if rsa { "RSA" } else { "ECDSA" };
    for suite in ["AES256-GCM-SHA384", "AES128-GCM-SHA256", "AES128-SHA256", "CHACHA20-POLY1305"] {
        let how = format!("-tls1_2 -cipher ECDHE-{kind}-{suite}");
        attempt("registered", registered, &how, nothing).await?;
        attempt("registered", registered, &how, "SSL alert number 40\n").await?;
    }
    attempt("registered", registered, "-tls1_1 -cipher DEFAULT:@SECLEVEL=0", "SSL alert number 70\n").await?;
    // Our own kind's. The refusal comes after the client's part of the handshake is over.
    let modern = "-tls1_3 -alpn chhatra/1";
    attempt("registered", registered, modern, "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384").await?;
    attempt("registered", registered, modern, "ALPN protocol: chhatra/1").await?;
    attempt("registered", registered, "-tls1_3 -alpn h2,http/1.1", "No ALPN negotiated").await?;
    let patient = format!("{modern} -ign_eof");
    attempt("no certificate", None, &patient, "SSL alert number 116\n").await?;
    attempt("not registered", Some(&stranger), &patient, "SSL alert number 46\n").await?;
    if nation.service.count() != 0 {
        wrong.push("something reached the service".to_owned());
    }
    Ok(wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_gets_in_with_x_roads_rsa_suites_and_a_registered_certificate_only() {
    let suites = [("ECDHE-RSA-AES256-SHA384", ""), ("DHE-RSA-AES256-SHA256", "")];
    let wrong = attempts(true, &suites).await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_gets_in_with_x_roads_elliptic_suite_and_a_registered_certificate_only() {
    // Offered beside the suites of RSA, as an X-Road server does.
    let suites = [("ECDHE-ECDSA-AES256-SHA384", ":ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256")];
    let wrong = attempts(false, &suites).await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
