//! Consumers and services with certificates of X.509 version 1, as `openssl x509 -req` writes them (data-plane 8.2, 8.4): no extensions,
//! nothing to build a path from, and as good as any other where the certificate itself is registered.

use super::common::{Traces, offer, refused, service};
use super::tls::{self, Identity, TlsService};
use anyhow::{Result, ensure};
use gateway::Connection;
use http1::RequestHead;
use openssl::pkey::PKey;
use openssl::x509::X509;
use std::process::Command;
use testkit::{CLIENT, Nation, PROVIDER, call};

/// Made as people make them.
fn identity(nation: &Nation, name: &str, kind: &str) -> Result<Identity> {
    let folder = nation.folder.path();
    let run = |arguments: &str| -> Result<()> {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output()?;
        ensure!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    run(&format!("genpkey {kind} -out {name}.key"))?;
    run(&format!("req -new -key {name}.key -subj /CN={name} -out {name}.csr"))?;
    run(&format!("x509 -req -in {name}.csr -signkey {name}.key -days 30 -out {name}.pem"))?;
    let certificate = X509::from_pem(&std::fs::read(folder.join(format!("{name}.pem")))?)?;
    ensure!(certificate.version() == 0, "openssl made a certificate of another version");
    let key = PKey::private_key_from_pem(&std::fs::read(folder.join(format!("{name}.key")))?)?;
    Ok(Identity { certificate, key })
}

/// Two of each kind.
fn identities(nation: &Nation) -> Result<[[Identity; 2]; 2]> {
    let rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
    let ec = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    Ok([
        [identity(nation, "rsa", rsa)?, identity(nation, "other-rsa", rsa)?],
        [identity(nation, "ec", ec)?, identity(nation, "other-ec", ec)?],
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_with_a_certificate_of_version_one_is_known_by_it() {
    let nation = Nation::start().await.unwrap();
    for [registered, other] in &identities(&nation).unwrap() {
        let mut settings = nation.consumer_settings().unwrap();
        for client in &mut settings.clients {
            client.connection = Connection::HttpsMutual;
            client.internal_certificates_der = vec![registered.declared().unwrap()];
        }
        nation.consumer.apply(&settings).await.unwrap();
        let ask = async |identity: &Identity| {
            let address = nation.consumer.config.listen.consumer_https;
            tls::call(address, Some(identity), call("GET", "/v1")).await.unwrap()
        };
        let before = Traces::of(&nation).unwrap();
        let answer = ask(registered).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        before.assert_whole(&nation, "registered").unwrap();
        let before = Traces::of(&nation).unwrap();
        refused("another", &ask(other).await, "server.clientproxy.ssl_authentication_failed");
        before.assert_none_since(&nation, "another").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_certificate_of_version_one_is_known_by_it() {
    let nation = Nation::start().await.unwrap();
    for (last, [own, other]) in (22..).zip(&identities(&nation).unwrap()) {
        let server = TlsService::start(nation.address(last, 9443), own).await.unwrap();
        let offered = service("tls", &server.url());
        let ask = async |registered: &Identity| {
            let mut settings = offer(nation.provider_settings().unwrap(), vec![offered.clone()]).unwrap();
            for client in &mut settings.clients {
                client.internal_certificates_der = vec![registered.declared().unwrap()];
            }
            nation.provider.apply(&settings).await.unwrap();
            let head = RequestHead::new("GET", &format!("/r1/{PROVIDER}/tls/v1"));
            nation.send(head.with("X-Road-Client", CLIENT), None).await.unwrap()
        };
        let answer = ask(own).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "over TLS"));
        assert_eq!(server.count(), 1);
        refused("another", &ask(other).await, "server.serverproxy.ssl_authentication_failed");
        assert_eq!(server.count(), 1, "nothing was asked");
    }
}
