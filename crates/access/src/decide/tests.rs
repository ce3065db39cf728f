//! Who is let through, and who is not.

use identifier::path::Refusal;
use identifier::{ClientId, GlobalGroupId, LocalGroupId};

use super::{Call, Groups, Refused, decide, held};
use crate::right::{Endpoint, EndpointRefusal, Right, Subject};

fn client(text: &str) -> ClientId {
    ClientId::parse_short(text).unwrap()
}

/// The caller of most tests.
fn caller() -> ClientId {
    client("EX/GOV/2/c")
}

fn right(subject: Subject, method: &str, path: &str) -> Right {
    Right { subject, endpoint: Endpoint::new("pets", method, path).unwrap() }
}

fn of_caller(method: &str, path: &str) -> Right {
    right(Subject::Client(caller()), method, path)
}

fn in_no_group() -> Groups<'static> {
    Groups { global: &|_, _| false, local: &|_, _| false }
}

fn rest<'a>(method: &'a str, raw_path: &'a str) -> Call<'a> {
    Call::Rest { method, raw_path }
}

fn check(rights: &[Right], call: Call<'_>, allowed: bool) {
    let decision = decide(&caller(), &in_no_group(), rights, "pets", call);
    assert_eq!(decision.is_ok(), allowed, "{call:?} with {rights:?}: {decision:?}");
}

fn check_ambiguous(rights: &[Right], raw_path: &str, reason: Refusal) {
    let decision = decide(&caller(), &in_no_group(), rights, "pets", rest("GET", raw_path));
    assert_eq!(decision, Err(Refused::AmbiguousPath { reason }), "{raw_path}");
}

#[test]
fn without_a_right_nothing_is_allowed() {
    check(&[], rest("GET", "/pets/1"), false);
    check(&[], rest("GET", ""), false);
    check(&[], Call::Soap, false);
}

#[test]
fn the_verdict_names_caller_and_service() {
    let decision = decide(&caller(), &in_no_group(), &[], "pets", Call::Soap);
    assert_eq!(decision, Err(Refused::NoRight { caller: caller(), service_code: "pets".to_owned() }));
}

#[test]
fn a_right_on_the_base_endpoint_covers_every_call() {
    let base = [of_caller("*", "**")];
    for call in [Call::Soap, rest("GET", ""), rest("delete", "/a/b%20c"), rest("PATCH", "/")] {
        check(&base, call, true);
    }
}

#[test]
fn a_narrow_right_covers_its_method_and_its_paths_only() {
    let rights = [of_caller("get", "/pets/*")];
    for (method, path) in
        [("GET", "/pets/1"), ("get", "/pets/"), ("Get", "/pets/a%20b"), ("GET", "/%70ets/1")]
    {
        check(&rights, rest(method, path), true);
    }
    for (method, path) in [
        ("POST", "/pets/1"),
        ("HEAD", "/pets/1"),
        ("*", "/pets/1"),
        ("", "/pets/1"),
        ("GET", ""),
        ("GET", "/pets"),
        ("GET", "/Pets/1"),
        ("GET", "/pets/1/owner"),
        ("GET", "/cats/1"),
        ("GET", "/pets%3F/1"),
    ] {
        check(&rights, rest(method, path), false);
    }
}

#[test]
fn narrow_rights_do_not_open_soap() {
    check(&[of_caller("*", "/**"), of_caller("POST", "**"), of_caller("*", "***")], Call::Soap, false);
}

#[test]
fn a_right_on_another_service_does_not_help() {
    let other = Right { subject: Subject::Client(caller()), endpoint: Endpoint::base("cats").unwrap() };
    check(std::slice::from_ref(&other), rest("GET", "/pets/1"), false);
    check(&[other, of_caller("*", "**")], rest("GET", "/pets/1"), true);
}

#[test]
fn a_right_of_somebody_else_does_not_help() {
    for other in ["EX/GOV/2", "EX/GOV/2/d", "EX/GOV/2/C", "XE/GOV/2/c", "EX/COM/2/c", "EX/GOV/3/c"] {
        check(&[right(Subject::Client(client(other)), "*", "**")], rest("GET", "/pets/1"), false);
    }
}

#[test]
fn a_member_and_its_subsystem_do_not_share_rights() {
    let of_member = [right(Subject::Client(client("EX/GOV/2")), "*", "**")];
    let of_subsystem = [of_caller("*", "**")];
    let ask = |who: &str, rights| decide(&client(who), &in_no_group(), rights, "pets", Call::Soap).is_ok();
    assert!(ask("EX/GOV/2", &of_member) && !ask("EX/GOV/2", &of_subsystem));
    assert!(ask("EX/GOV/2/c", &of_subsystem) && !ask("EX/GOV/2/c", &of_member));
}

#[test]
fn members_of_a_group_hold_its_rights() {
    let global = GlobalGroupId::new("EX", "ministries").unwrap();
    let local = LocalGroupId::new("ministries").unwrap();
    let of_global = [right(Subject::GlobalGroup(global.clone()), "*", "**")];
    let of_local = [right(Subject::LocalGroup(local.clone()), "*", "**")];
    let in_global =
        Groups { global: &|who, group| *who == caller() && *group == global, local: &|_, _| false };
    let in_local = Groups { global: &|_, _| false, local: &|who, group| *who == caller() && *group == local };
    let ask = |who: &ClientId, groups, rights| decide(who, groups, rights, "pets", Call::Soap).is_ok();
    assert!(ask(&caller(), &in_global, &of_global));
    assert!(ask(&caller(), &in_local, &of_local));
    // A global and a local group of the same name are two groups.
    assert!(!ask(&caller(), &in_global, &of_local));
    assert!(!ask(&caller(), &in_local, &of_global));
    assert!(!ask(&client("EX/GOV/2"), &in_global, &of_global));
    assert!(!ask(&caller(), &in_no_group(), &of_global));
}

#[test]
fn an_ambiguous_path_is_refused_even_under_the_base_endpoint() {
    for rights in [vec![of_caller("*", "**")], vec![of_caller("*", "/**")], vec![]] {
        check_ambiguous(&rights, "/a/../b", Refusal::DotSegment { segment: "..".to_owned() });
        check_ambiguous(&rights, "/a/%2e%2e/b", Refusal::DotSegment { segment: "..".to_owned() });
        check_ambiguous(&rights, "//host/p", Refusal::EmptySegment);
        check_ambiguous(&rights, "/a%5Cb", Refusal::Backslash);
        check_ambiguous(&rights, "/a%00", Refusal::Control { character: '\0' });
        check_ambiguous(&rights, "/%C0%AF", Refusal::NotUtf8);
        check_ambiguous(&rights, "/%zz", Refusal::Triplet { at: 1 });
        check_ambiguous(&rights, "/a?b", Refusal::Character { character: '?', at: 2 });
        check_ambiguous(&rights, "a", Refusal::NoLeadingSlash);
    }
}

#[test]
fn an_encoded_slash_is_never_compared_with_a_pattern() {
    for pattern in ["/a/b", "/a*", "/**", "***", "/a%2Fb"] {
        check_ambiguous(&[of_caller("*", pattern)], "/a%2Fb", Refusal::EncodedSlash);
    }
    check_ambiguous(&[], "/a%2Fb", Refusal::EncodedSlash);
    check_ambiguous(&[of_caller("POST", "**")], "/a%2Fb", Refusal::EncodedSlash);
}

#[test]
fn an_encoded_slash_passes_where_every_path_is_covered() {
    let rights = [of_caller("*", "/x"), of_caller("GET", "**")];
    let allowed = decide(&caller(), &in_no_group(), &rights, "pets", rest("GET", "/a%2Fb")).unwrap();
    assert_eq!((allowed.right(), allowed.path()), (&rights[1], None));
    check_ambiguous(&rights, "/a%2F..", Refusal::DotSegment { segment: "..".to_owned() });
    check_ambiguous(&rights, "/a%2F%2Fb", Refusal::EmptySegment);
}

#[test]
fn parameters_help_nobody_to_another_path() {
    let rights = [of_caller("*", "/files/*.txt")];
    check(&rights, rest("GET", "/files/a.txt"), true);
    check(&rights, rest("GET", "/files/a.txt;v=1.txt"), true);
    // The service may read `/files/a.pdf`.
    check(&rights, rest("GET", "/files/a.pdf;.txt"), false);
    check(&rights, rest("GET", "/files/a.pdf%3B.txt"), false);
    check(&[of_caller("*", "/files/*")], rest("GET", "/files/a.pdf;.txt"), true);
    check(&[of_caller("*", "**")], rest("GET", "/files/a.pdf;.txt"), true);
}

#[test]
fn double_encoding_is_taken_off_once() {
    check(&[of_caller("*", "/a/b")], rest("GET", "/a%252Fb"), false);
    check(&[of_caller("*", "/a%2Fb")], rest("GET", "/a%252Fb"), true);
}

#[test]
fn the_answer_carries_the_question_and_the_first_right_that_fits() {
    let rights = [of_caller("GET", "/cats/*"), of_caller("GET", "/pets/*"), of_caller("*", "**")];
    let allowed = decide(&caller(), &in_no_group(), &rights, "pets", rest("GET", "/pets/a%20b")).unwrap();
    assert_eq!((allowed.caller(), allowed.service_code()), (&caller(), "pets"));
    assert_eq!(allowed.right(), &rights[1]);
    assert_eq!(allowed.path().map(identifier::path::ServicePath::as_str), Some("/pets/a b"));
}

#[test]
fn held_lists_the_rights_of_one_caller_in_order() {
    let other = right(Subject::Client(client("EX/GOV/3/x")), "*", "**");
    let rights = [of_caller("GET", "/a"), other, of_caller("GET", "/b")];
    let paths: Vec<&str> =
        held(&caller(), &in_no_group(), &rights).map(|right| right.endpoint.path().pattern()).collect();
    assert_eq!(paths, ["/a", "/b"]);
}

#[test]
fn refuses_what_is_no_endpoint() {
    assert_eq!(Endpoint::new(" ", "*", "**"), Err(EndpointRefusal::BlankService));
    for method in ["", "**", "CONNECT", "GET ", "BREW"] {
        let refusal = Endpoint::new("pets", method, "**").unwrap_err();
        assert_eq!(refusal, EndpointRefusal::UnknownMethod { method: method.to_owned() });
    }
    assert!(matches!(Endpoint::new("pets", "*", &"x".repeat(5000)), Err(EndpointRefusal::Path(_))));
    assert!(Endpoint::new("pets", "get", "/x").is_ok_and(|endpoint| endpoint.method() == "GET"));
    assert!(Endpoint::base("pets").is_ok_and(|endpoint| endpoint.is_base()));
    assert!(Endpoint::new("pets", "GET", "**").is_ok_and(|endpoint| !endpoint.is_base()));
}
