//! What another process changes under a running gateway is in force within seconds.

use super::containers::{exported, judge, stamped, stored};
use super::tools::{between, decoded, entries, log_of, run, second_authentication};
use keystore::{KeyAlgorithm, KeyUsage, Keystore, Owner, Subject};
use std::time::Duration;
use testkit::{Answer, INSTANCE, Nation, call};
use trust::Certificate;

/// Calls until the answer is as it should be; what was asked before may still be answered the old way.
pub(super) async fn until_answer(nation: &Nation, what: &str, wanted: impl Fn(&Answer) -> bool) {
    let calling = async {
        loop {
            let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
            if wanted(&answer) {
                return;
            }
        }
    };
    let seen = tokio::time::timeout(Duration::from_secs(10), calling).await;
    assert!(seen.is_ok(), "not within ten seconds: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_applied_by_another_process_are_in_force_within_seconds() {
    let nation = Nation::start().await.unwrap();
    let config = &nation.provider.config;
    until_answer(&nation, "the service answers", |answer| answer.status == 200).await;
    let mut settings = nation.provider_settings().unwrap();
    settings.clients[0].services[0].disabled = Some("closed for the holidays".to_owned());
    gateway::admin::apply(config, &settings).unwrap();
    let closed = |answer: &Answer| answer.text().contains("closed for the holidays");
    until_answer(&nation, "the service is switched off", closed).await;
    let fault = nation.send(call("GET", "/v1/people"), None).await.unwrap().fault().unwrap_or_default();
    assert_eq!(fault, "server.serverproxy.service_disabled");
    // Python's own SQLite is another process, and another library.
    let script = "import sqlite3, sys\n\
        db = sqlite3.connect(sys.argv[1], timeout=10)\n\
        db.execute('UPDATE service SET disabled = NULL')\n\
        db.commit()\n";
    let file = config.serverconf_file();
    run(nation.folder.path(), "/usr/bin/python3", &["-c", script, file.to_str().unwrap()]);
    until_answer(&nation, "the service is switched on again", |answer| answer.status == 200).await;
    settings.clients[0].rights.clear();
    settings.clients[0].services[0].disabled = None;
    gateway::admin::apply(config, &settings).unwrap();
    until_answer(&nation, "the right is taken", |answer| {
        answer.fault().is_some_and(|fault| fault.ends_with("access_denied"))
    })
    .await;
}

/// The certificate in the newest signature that the consumer's gateway made.
fn newest_signer(nation: &Nation) -> Certificate {
    let reader = log_of(&nation.consumer.config);
    let request =
        entries(&reader).into_iter().rfind(|e| e.direction == messagelog::Direction::Request).unwrap();
    let xml = String::from_utf8(reader.record(request.id).unwrap().signature).unwrap();
    let text = between(&xml, "<ds:X509Certificate>", "</ds:X509Certificate>").unwrap();
    Certificate::from_der(&decoded(text)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_brought_by_another_process_signs_within_seconds() {
    let nation = Nation::start().await.unwrap();
    until_answer(&nation, "the service answers", |answer| answer.status == 200).await;
    assert_eq!(newest_signer(&nation), nation.consumer_identity.signing);
    let config = &nation.consumer.config;
    let member = config.server.owner();
    // Another handle, as the command line has one; the gateway's own sees nothing of it but the files.
    let keystore = Keystore::open(config.keystore_dir(), &nation.pin).unwrap();
    let key = keystore.generate(KeyUsage::Signing, KeyAlgorithm::Rsa2048, "second").unwrap();
    let subject = [("C", INSTANCE), ("O", member.class()), ("CN", member.code())];
    let request = keystore.csr(&key, &Subject::new(subject).unwrap(), &[]).unwrap();
    let issued = nation.authority.issue_signing(request.der()).unwrap();
    keystore.import_certificate(&issued.der, &Owner::member(member)).unwrap();
    let second = Certificate::from_der(&issued.der).unwrap();
    keystore.deactivate(&nation.consumer_identity.signing.sha256()).unwrap();
    // The first messages may fail for want of an OCSP answer, but none is signed with a certificate that was switched off.
    let signed_anew = |answer: &Answer| answer.status == 200 && newest_signer(&nation) == second;
    until_answer(&nation, "the new key signs", signed_anew).await;
    keystore.activate(&nation.consumer_identity.signing.sha256()).unwrap();
    keystore.deactivate(&second.sha256()).unwrap();
    let signed_as_before =
        |answer: &Answer| answer.status == 200 && newest_signer(&nation) == nation.consumer_identity.signing;
    until_answer(&nation, "the old key signs again", signed_as_before).await;
    stamped(&nation).await;
    let held = stored(config);
    for container in exported("consumer", config) {
        judge(&container.bytes, &held).unwrap_or_else(|why| panic!("{}: {why}", container.name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authentication_key_brought_by_another_process_is_shown_to_peers_within_seconds() {
    let nation = Nation::start().await.unwrap();
    until_answer(&nation, "the service answers", |answer| answer.status == 200).await;
    let (keystore, second) = second_authentication(&nation, &nation.provider.config);
    // From now on only the second certificate is registered: as long as the first is shown, every call is refused.
    let mut state = nation.registry_state.clone();
    let interior = state.servers.iter_mut().find(|server| server.code == "interior").unwrap();
    interior.auth_certificates = vec![second.clone()];
    nation.publish(&state).await.unwrap();
    let answer = nation.send(call("GET", "/v1/people"), None).await.unwrap();
    let fault = answer.fault().unwrap_or_default();
    assert!(fault.contains("ssl_authentication_failed"), "{} {fault}", answer.status);
    keystore.activate(&second.sha256()).unwrap();
    keystore.deactivate(&nation.provider_identity.authentication.sha256()).unwrap();
    until_answer(&nation, "the new certificate is shown", |answer| answer.status == 200).await;
}
