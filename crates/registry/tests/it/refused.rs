//! Declarations that cannot be the state of an instance, each with its reason; nothing of them is stored.

use crate::nation::{Nation, STATE, certificates, declaration};
use registry::{AdminFault, Declaration, DeclarationFault, admin};

fn read(text: &str) -> Result<Declaration, DeclarationFault> {
    Declaration::read(text, certificates())
}

/// [`STATE`] with one change, which must be there to be made.
fn with(from: &str, to: &str) -> String {
    assert!(STATE.contains(from), "{from}");
    STATE.replacen(from, to, 1)
}

fn and(text: &str) -> String {
    format!("{STATE}\n{text}")
}

/// Refused when it is checked, with a text that holds `reason`.
fn check(text: &str, reason: &str) -> DeclarationFault {
    let fault = declaration(text).check("CAMBODIA").expect_err(reason);
    assert!(fault.to_string().contains(reason), "{fault} does not hold {reason:?}");
    fault
}

#[test]
fn the_state_itself_is_good() {
    assert_eq!(declaration(STATE).check("CAMBODIA"), Ok(()));
}

#[test]
fn refuses_text_that_is_no_state() {
    for text in [
        "",
        "settings = 1",
        "[settings",
        &with("[settings]", "[setting]"),
        &with("[settings]", "[settings]\nspeed = 1"),
        &with("[settings.management]\nprovider", "[settings.management]\nsupplier"),
        &with("name = \"Ministry of Commerce\"", ""),
        &with("ocsp_fetch_interval_seconds = 600", "ocsp_fetch_interval_seconds = -1"),
        &with("owner = \"CAMBODIA/GOV/MOI\"", "owner = \"CAMBODIA/GOV\""),
        &with("owner = \"CAMBODIA/GOV/MOI\"", "owner = \"CAMBODIA/GOV/MOI/civil-registry\""),
        &with("clients = [\"CAMBODIA/GOV/MOI/civil-registry\"]", "clients = [\"CAMBODIA/GOV\"]"),
        &and("[[gateway]]\ncode = \"x\""),
    ] {
        assert!(matches!(read(text), Err(DeclarationFault::Syntax(_))), "{text}");
    }
}

#[test]
fn refuses_certificate_files_that_are_absent_rubbish_or_several() {
    for (file, reason) in
        [("absent.pem", "No such file"), ("rubbish.pem", ""), ("two.pem", "2 certificates"), (".", "")]
    {
        for place in ["auth-moi.pem", "ca.pem", "ocsp.pem", "intermediate.pem", "tsa.der"] {
            match read(&with(place, file)) {
                Err(DeclarationFault::Certificate { file: told, why }) => {
                    assert!(told.ends_with(file) && why.contains(reason), "{told}: {why}");
                }
                other => panic!("{place} as {file}: {other:?}"),
            }
        }
    }
}

#[test]
fn refuses_codes_that_peers_cannot_handle() {
    for bad in ["", " ", "a/b", "a:b", "a;b", "a%b", "a\\\\b", "..", "a\\u0007", " a", "\\u200B"] {
        for (from, to) in [
            ("code = \"MPTC\"", format!("code = \"{bad}\"")),
            ("code = \"civil-registry\"", format!("code = \"{bad}\"")),
            ("code = \"interior\"", format!("code = \"{bad}\"")),
            ("code = \"everyone\"", format!("code = \"{bad}\"")),
            ("code = \"COM\"", format!("code = \"{bad}\"")),
        ] {
            let fault = declaration(&with(from, &to)).check("CAMBODIA");
            assert!(matches!(fault, Err(DeclarationFault::Code { .. })), "{to}: {fault:?}");
        }
    }
}

#[test]
fn refuses_texts_that_are_missing_too_long_or_of_several_lines() {
    let long = "x".repeat(256);
    for name in ["", " ", "two\\nlines", long.as_str()] {
        let fault =
            check(&with("name = \"Ministry of Commerce\"", &format!("name = \"{name}\"")), "one line");
        assert_eq!(fault, DeclarationFault::Text { what: "the name of CAMBODIA/GOV/MOC".to_owned() });
    }
    check(&with("name = \"Civil registry\"", "name = \"\\u0000\""), "one line");
    check(&with("description = \"Commerce\"", "description = \"\\uFFFE\""), "one line");
    check(&with("address = \"127.0.0.12\"", "maintenance = \"a\\tb\""), "one line");
}

#[test]
fn refuses_what_is_declared_twice() {
    check(
        &and("[[member]]\nclass = \"GOV\"\ncode = \"MOI\"\nname = \"x\""),
        "member CAMBODIA/GOV/MOI is declared twice",
    );
    check(
        &and(
            "[[member]]\nclass = \"COM\"\ncode = \"1\"\nname = \"x\"\nsubsystem = [{code = \"a\"}, {code = \"a\"}]",
        ),
        "twice",
    );
    check(&with("code = \"COM\"", "code = \"GOV\""), "the member class GOV is declared twice");
    check(
        &and("[[server]]\nowner = \"CAMBODIA/GOV/MOI\"\ncode = \"interior\""),
        "the server CAMBODIA/GOV/MOI/interior is declared twice",
    );
    check(
        &with(
            "clients = [\"CAMBODIA/GOV/MOI/civil-registry\"]",
            "clients = [\"CAMBODIA/GOV/MOI/civil-registry\", \"CAMBODIA/GOV/MOI/civil-registry\"]",
        ),
        "twice",
    );
    check(&and("[[group]]\ncode = \"everyone\""), "the group everyone is declared twice");
    check(&with("\"CAMBODIA/GOV/MOI\"]", "\"CAMBODIA/GOV/MOI\", \"CAMBODIA/GOV/MOI\"]"), "twice");
    check(&and("[[ca]]\ncertificate = \"ca.pem\"\nprofile = \"basic\""), "twice");
    check(&and("[[ca]]\ncertificate = \"intermediate.pem\"\nprofile = \"basic\""), "twice");
    check(&and("[[tsa]]\nurl = \"http://127.0.0.1:8899/tsa\"\ncertificate = \"tsa.pem\""), "twice");
    let url = "url = \"http://127.0.0.1:8888/intermediate\"";
    check(&with(url, &format!("{url}\n[[ca.intermediate.ocsp]]\n{url}")), "twice");
}

#[test]
fn refuses_references_that_lead_nowhere() {
    check(
        &with("class = \"GOV\"\ncode = \"MOC\"", "class = \"NGO\"\ncode = \"MOC\""),
        "a class that is not declared",
    );
    check(
        &with("owner = \"CAMBODIA/GOV/MOI\"", "owner = \"CAMBODIA/GOV/MEF\""),
        "owner of the server CAMBODIA/GOV/MEF/interior",
    );
    check(
        &with("clients = [\"CAMBODIA/GOV/MOI/civil-registry\"]", "clients = [\"CAMBODIA/GOV/MEF\"]"),
        "client CAMBODIA/GOV/MEF of the server",
    );
    check(
        &with("clients = [\"CAMBODIA/GOV/MOI/civil-registry\"]", "clients = [\"CAMBODIA/GOV/MOI/tax\"]"),
        "CAMBODIA/GOV/MOI/tax",
    );
    check(&with("\"CAMBODIA/GOV/MOI\"]", "\"CAMBODIA/GOV/MEF\"]"), "in the group everyone is not a declared");
    check(
        &with(
            "monitoring_client = \"CAMBODIA/GOV/MPTC\"",
            "monitoring_client = \"CAMBODIA/GOV/MPTC/monitor\"",
        ),
        "monitoring client",
    );
    check(
        &with("provider = \"CAMBODIA/GOV/MPTC\"", "provider = \"CAMBODIA/GOV/MPTC/management\""),
        "provider of the management services",
    );
}

#[test]
fn refuses_identifiers_of_other_instances() {
    for from in [
        "owner = \"CAMBODIA",
        "clients = [\"CAMBODIA",
        "members = [\"CAMBODIA",
        "monitoring_client = \"CAMBODIA",
        "provider = \"CAMBODIA",
    ] {
        let fault =
            check(&with(from, &from.replace("CAMBODIA", "VIETNAM")), "another instance than CAMBODIA");
        assert!(matches!(fault, DeclarationFault::ForeignInstance { .. }));
    }
}

#[test]
fn refuses_an_owner_among_its_clients_and_the_group_that_is_kept_by_itself() {
    let fault = check(
        &with("clients = [\"CAMBODIA/GOV/MOI/civil-registry\"]", "clients = [\"CAMBODIA/GOV/MOI\"]"),
        "it is one anyway",
    );
    assert!(matches!(fault, DeclarationFault::OwnerAsClient { .. }));
    let group = "[[group]]\ncode = \"security-server-owners\"";
    assert_eq!(check(&and(group), "security-server-owners"), DeclarationFault::ReservedGroup);
}

#[test]
fn refuses_certificates_that_do_not_fit_or_name_two_gateways() {
    for wrong in ["sign.pem", "both.pem", "ca.pem", "ocsp.pem"] {
        let fault = check(&with("auth-moi.pem", wrong), "is no authentication certificate");
        assert!(matches!(fault, DeclarationFault::NotForAuthentication { .. }));
    }
    let fault = check(&with("auth-moi.pem", "auth-moc.pem"), "is registered twice");
    let DeclarationFault::CertificateTwice { first, second, .. } = fault else { panic!("{fault:?}") };
    assert_eq!(first, "the server CAMBODIA/GOV/MOI/interior");
    assert_eq!(second, "the server CAMBODIA/GOV/MOC/commerce");
    check(&with("[\"auth-moi.pem\"]", "[\"auth-moi.pem\", \"auth-moi.pem\"]"), "is registered twice");
    check(
        &with("certificate = \"ca.pem\"", "certificate = \"tsa.pem\""),
        "not that of a certification authority",
    );
    check(&with("intermediate.pem", "auth-moi.pem"), "not that of a certification authority");
    check(&with("certificate = \"ca.pem\"", "certificate = \"nameless.pem\""), "no common name");
    check(&with("tsa.der", "nameless.pem"), "no common name");
}

#[test]
fn refuses_unknown_profiles_and_takes_short_and_long_names() {
    for profile in ["", "Basic", "ee.ria.xroad.Unknown", "basic2"] {
        let text = with("profile = \"basic\"", &format!("profile = \"{profile}\""));
        assert!(matches!(read(&text), Err(DeclarationFault::UnknownProfile { .. })), "{profile}");
    }
    for (short, class) in [
        ("ejbca", "EjbcaCertificateProfileInfoProvider"),
        ("basic", "BasicCertificateProfileInfoProvider"),
        ("basic-acme", "BasicACMECertificateProfileInfoProvider"),
        ("fi", "FiVRKCertificateProfileInfoProvider"),
        ("fo", "FoCertificateProfileInfoProvider"),
        ("is", "IsCertificateProfileInfoProvider"),
        ("camdx", "CamDXCertificateProfileInfoProvider"),
        ("sk-klass3", "SkKlass3CertificateProfileInfoProvider"),
    ] {
        let long = format!("ee.ria.xroad.common.certificateprofile.impl.{class}");
        for name in [short, class, &long] {
            let state = declaration(&with("profile = \"basic\"", &format!("profile = \"{name}\"")));
            assert_eq!(state.cas[0].profile.class_name(), long);
        }
    }
}

#[test]
fn refuses_addresses_that_cannot_be_called() {
    for bad in ["", "ftp://h/x", "h/x", "http://", "http:///x", "http://h/a b"] {
        for from in
            ["http://127.0.0.1:8888/ocsp", "http://127.0.0.1:8888/intermediate", "http://127.0.0.1:8899/tsa"]
        {
            let fault = check(&with(from, bad), "is not an http or https address");
            assert!(matches!(fault, DeclarationFault::Url { .. }));
        }
    }
    check(&with("provider =", "address = \"cs:4001\"\nprovider ="), "is not an http or https address");
    for bad in ["", "http://h", "h:5500", "a b", "-h", "h..x", "h/x", "h_x", "1.2.3.4:5", "ក្រសួង"]
    {
        let fault =
            check(&with("\"127.0.0.12\"", &format!("\"{bad}\"")), "is not a host name or an IP address");
        assert!(matches!(fault, DeclarationFault::ServerAddress { .. }));
    }
}

#[test]
fn takes_addresses_of_all_kinds_and_servers_without_one() {
    for good in ["interior.gov.kh", "h", "h.", "::1", "fe80::12", "10.0.0.1"] {
        let text = with("\"127.0.0.12\"", &format!("\"{good}\""));
        assert_eq!(declaration(&text).check("CAMBODIA"), Ok(()), "{good}");
    }
    assert_eq!(declaration(&with("address = \"127.0.0.12\"", "")).check("CAMBODIA"), Ok(()));
    assert_eq!(declaration(&with("auth_certificates = [\"auth-moi.pem\"]", "")).check("CAMBODIA"), Ok(()));
}

#[test]
fn refuses_seconds_out_of_bounds() {
    for (name, bad) in [
        ("ocsp_freshness_seconds", "0"),
        ("ocsp_freshness_seconds", "2147483648"),
        ("time_stamping_interval_seconds", "0"),
        ("ocsp_fetch_interval_seconds", "59"),
    ] {
        let text = STATE.replace("ocsp_fetch_interval_seconds = 600\n", "");
        let text = text.replacen("[settings]", &format!("[settings]\n{name} = {bad}"), 1);
        assert!(matches!(check(&text, name), DeclarationFault::Seconds { .. }), "{name} = {bad}");
    }
}

#[test]
fn a_refused_state_leaves_the_stored_one() {
    let nation = Nation::new();
    nation.apply(STATE);
    let before = admin::settings(&nation.config).unwrap();
    let bad = declaration(&with("owner = \"CAMBODIA/GOV/MOI\"", "owner = \"CAMBODIA/GOV/MEF\""));
    assert!(matches!(admin::plan(&nation.config, &bad), Err(AdminFault::Declaration(_))));
    assert!(matches!(admin::apply(&nation.config, &bad), Err(AdminFault::Declaration(_))));
    assert_eq!(admin::settings(&nation.config).unwrap(), before);
}
