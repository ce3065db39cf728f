//! Entries of the manifest that ask questions of a stored configuration.

use crate::practice::{at, run};
use crate::vectors::{Entry, strings};
use globalconf::shared::{CostType, OcspResponder};
use globalconf::{CertificateBytes, Current, GlobalConf};
use identifier::{ClientId, GlobalGroupId, MemberId, ServerId};
use serde_json::Value;
use std::collections::BTreeSet;
use trust::Certificate;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn client(value: &Value) -> ClientId {
    let subsystem = value["subsystem_code"].as_str();
    ClientId::new(text(value, "instance"), text(value, "member_class"), text(value, "member_code"), subsystem)
        .unwrap()
}

fn server(value: &Value) -> ServerId {
    let owner =
        MemberId::new(text(value, "instance"), text(value, "member_class"), text(value, "member_code"));
    ServerId::of(owner.unwrap(), text(value, "server_code")).unwrap()
}

/// A PEM file, or the certificate in a PKCS#12 file.
fn certificate(entry: &Entry<'_>, role: &str) -> Certificate {
    let path = entry.path(role);
    let text = path.to_str().unwrap();
    let pkcs12 = ["pkcs12", "-legacy", "-in", text, "-nokeys", "-clcerts", "-passin", "pass:test"];
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        Some("p12") => run("openssl", &pkcs12, b""),
        // One of them is a "TRUSTED CERTIFICATE", which only openssl reads.
        _ => run("openssl", &["x509", "-in", text, "-outform", "DER"], b""),
    };
    CertificateBytes::new(bytes).decode().unwrap()
}

/// Runs one question; `false` when the question belongs to a later feature.
pub(crate) fn one(entry: &Entry<'_>) -> bool {
    let strategy = entry.input("prioritization_strategy").as_str();
    if strategy.is_some_and(|strategy| strategy != "NONE") {
        return false;
    }
    let conf = GlobalConf::load(&entry.path("globalconf")).unwrap();
    assert_eq!(conf.warnings(), [], "{}", entry.id());
    let current = conf.check_current(at("2025-06-01T00:00:00Z")).unwrap();
    let operation = entry.json["operation"].as_str().unwrap();
    let result = match operation {
        "is-valid" => Value::Bool(true),
        "is-subject-in-global-group" => {
            let group = entry.input("group");
            let group = GlobalGroupId::new(text(group, "instance"), text(group, "group_code")).unwrap();
            Value::Bool(current.in_global_group(&client(entry.input("client")), &group))
        }
        "global-group-description" => {
            let group = GlobalGroupId::new(entry.text("instance"), entry.text("group_code")).unwrap();
            current.global_group_description(&group).into()
        }
        "auth-cert-matches-member" => {
            let certificate = certificate(entry, "certificate");
            Value::Bool(current.auth_certificate_serves(&certificate, &client(entry.input("member"))))
        }
        "is-security-server-client" => {
            Value::Bool(current.is_client_of(&client(entry.input("client")), &server(entry.input("server"))))
        }
        _ => return lists(entry, current, operation),
    };
    assert_eq!(result, *entry.expect("result"), "{}", entry.id());
    true
}

fn lists(entry: &Entry<'_>, current: Current<'_>, operation: &str) -> bool {
    let servers = |value: &Value| value.as_array().unwrap().iter().map(server).collect::<Vec<_>>();
    let count = || usize::try_from(entry.expect("count").as_u64().unwrap()).unwrap();
    match operation {
        "members" => {
            let expected: Vec<ClientId> =
                entry.expect("list_in_order").as_array().unwrap().iter().map(client).collect();
            let found: Vec<ClientId> = current.shared(entry.text("instance")).unwrap().clients().collect();
            assert_eq!(found, expected);
        }
        "provider-address" => {
            let found = current.providers(&client(entry.input("client")));
            let found: BTreeSet<&str> = found.iter().map(|provider| provider.address.as_str()).collect();
            assert_eq!(found, strings(entry.expect("set")).into_iter().collect());
        }
        "security-servers" => {
            let found = &current.shared(entry.text("instance")).unwrap().servers;
            let found: Vec<ServerId> = found.iter().map(|server| server.id.clone()).collect();
            assert_eq!(found, servers(entry.expect("list_in_order")));
        }
        "client-security-servers" => {
            let found = current.servers_of(&client(entry.input("client")));
            let found: BTreeSet<ServerId> = found.iter().map(|server| server.id.clone()).collect();
            assert_eq!(found, servers(entry.expect("set")).into_iter().collect());
        }
        "server-id-by-auth-cert" => {
            let found = current.server_by_auth_certificate(&certificate(entry, "certificate"));
            assert_eq!(found, Some(server(entry.expect("result"))));
        }
        "server-owner" => {
            assert!(entry.expect("result").is_null());
            assert!(current.server(&server(entry.input("server"))).is_none());
        }
        "management-request-service" => {
            assert_eq!(current.management().provider, client(entry.expect("result")));
        }
        "tsp-certificates" => assert_eq!(current.time_stampers().len(), count()),
        "approved-ca" => approved_ca(entry, current),
        _ => return trust_services(entry, current, operation, &count),
    }
    true
}

fn approved_ca(entry: &Entry<'_>, current: Current<'_>) {
    let shared = current.shared(entry.text("instance")).unwrap();
    let found = shared.approved_cas.iter().find(|ca| ca.name == entry.text("name")).unwrap();
    let acme = found.acme.as_ref().unwrap();
    assert_eq!(acme.directory_url, entry.expect("acme_directory_url").as_str().unwrap());
    let expected = entry.expect("authentication_certificate_profile_id").as_str();
    assert_eq!(acme.authentication_profile.as_deref(), expected);
    let expected = entry.expect("signing_certificate_profile_id").as_str();
    assert_eq!(acme.signing_profile.as_deref(), expected);
}

fn trust_services(
    entry: &Entry<'_>,
    current: Current<'_>,
    operation: &str,
    count: &dyn Fn() -> usize,
) -> bool {
    let all = || current.all_authorities();
    match operation {
        "ca-cert" => {
            let authorities = current.authorities(entry.text("instance")).unwrap();
            assert!(authorities.issuer_of(&certificate(entry, "certificate")).is_some());
        }
        "ocsp-responder-certificates" => {
            let found = all().into_iter().flat_map(|one| one.ca_certificates());
            let found =
                found.flat_map(|ca| &ca.responders).filter(|responder| responder.certificate.is_some());
            assert_eq!(found.count(), count());
        }
        "is-ocsp-responder-cert" => {
            let (ca, certificate) = (certificate(entry, "ca_certificate"), certificate(entry, "certificate"));
            let mut of_ca = all()
                .into_iter()
                .flat_map(|one| one.ca_certificates())
                .filter(|found| found.certificate == ca);
            let found = of_ca.any(|found| {
                found.responders.iter().any(|responder| responder.certificate.as_ref() == Some(&certificate))
            });
            assert_eq!(Value::Bool(found), *entry.expect("result"));
        }
        "verification-ca-certs" => {
            let services = all().into_iter().flat_map(|one| &one.cas).filter(|ca| !ca.authentication_only);
            assert_eq!(services.flat_map(|ca| ca.ca_certificates()).count(), count());
        }
        "ocsp-responder-cost-type" => {
            let shared = current.shared(entry.text("instance")).unwrap();
            let cas =
                shared.approved_cas.iter().flat_map(|ca| std::iter::once(&ca.top).chain(&ca.intermediates));
            let mut responders = cas.flat_map(|ca| &ca.responders);
            let found: &OcspResponder = responders.find(|found| found.url == entry.text("url")).unwrap();
            assert_eq!((found.cost, entry.expect("result").as_str()), (Some(CostType::Free), Some("FREE")));
        }
        "ordered-ocsp-responder-addresses" => {
            let found = current.authorities("EE").unwrap().ocsp_urls(&certificate(entry, "certificate"));
            assert_eq!(found, strings(entry.expect("list_in_order")), "{}", entry.id());
        }
        other => panic!("{}: unknown operation {other}", entry.id()),
    }
    true
}
