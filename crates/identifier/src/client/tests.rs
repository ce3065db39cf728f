//! Members and subsystems in all their forms.

use super::{ClientId, MemberId};
use crate::{ObjectType, PART_CHARACTERS_MAX, Part, Refusal, ServerId, percent};

fn client(text: &str) -> ClientId {
    ClientId::parse_short(text).unwrap()
}

#[test]
fn a_subsystem_has_all_its_forms() {
    let id = ClientId::new("EX", "COM", "1 %", Some("a/b")).unwrap();
    assert_eq!(id.to_string(), "EX/COM/1 %/a/b");
    assert_eq!(id.display_form(), "SUBSYSTEM:EX/COM/1 %/a/b");
    assert_eq!(id.encoded(), "EX:COM:1 %:a/b");
    assert_eq!(id.encoded_with_type(), "SUBSYSTEM:EX:COM:1 %:a/b");
    assert_eq!(id.path(), "EX/COM/1%20%25/a%2Fb");
    assert_eq!(ClientId::from_path(&id.path()), Ok(id));
}

#[test]
fn the_count_of_parts_tells_a_member_from_a_subsystem() {
    assert_eq!(client("EX/COM/1").object_type(), ObjectType::Member);
    assert_eq!(client("EX/COM/1/s").object_type(), ObjectType::Subsystem);
    assert_eq!("EX/COM/1/s".parse(), Ok(client("EX/COM/1/s")));
    assert_eq!(ClientId::parse_encoded("EX:COM:1:s"), Ok(client("EX/COM/1/s")));
}

#[test]
fn a_member_is_another_client_than_its_subsystem() {
    let (member, subsystem) = (client("EX/COM/1"), client("EX/COM/1/s"));
    assert_ne!(member, subsystem);
    assert!(member.same_member(&subsystem));
    assert_eq!(ClientId::from(subsystem.member()), member);
    assert_eq!(ClientId::subsystem_of(member.member(), "s"), Ok(subsystem));
}

#[test]
fn other_members_are_not_the_same_member() {
    for other in ["XE/COM/1/s", "EX/GOV/1/s", "EX/COM/2/s", "EX/COM/1 /s", "ex/COM/1/s"] {
        assert!(!client("EX/COM/1/s").same_member(&client(other)), "{other}");
        assert_ne!(client("EX/COM/1/s"), client(other));
    }
}

#[test]
fn equality_does_not_normalise_unicode() {
    // One letter with an accent, and a letter followed by a combining accent.
    assert_ne!(client("EX/COM/\u{e9}"), client("EX/COM/e\u{301}"));
}

#[test]
fn refuses_too_few_and_too_many_parts() {
    for text in ["", "EX", "EX/COM", "EX/COM/1/s/t", "/EX/COM/1/s"] {
        let refusal = ClientId::parse_short(text).unwrap_err();
        assert!(matches!(refusal, Refusal::PartCount { .. }), "{text}: {refusal}");
    }
    assert!(MemberId::parse_short("EX/COM/1/s").is_err());
    assert!(MemberId::parse_encoded("EX:COM").is_err());
}

#[test]
fn refuses_blank_parts_and_names_them() {
    for (text, part) in [
        ("//1", Part::Instance),
        ("EX/ /1", Part::MemberClass),
        ("EX/COM/\t\u{2003}", Part::MemberCode),
        ("EX/COM/1/", Part::SubsystemCode),
    ] {
        assert_eq!(ClientId::parse_short(text), Err(Refusal::Blank { part }), "{text}");
    }
}

#[test]
fn refuses_a_part_that_is_too_long_counting_characters() {
    let longest = "ខ".repeat(PART_CHARACTERS_MAX);
    assert!(MemberId::new("EX", "COM", longest.as_str()).is_ok());
    let refusal = MemberId::new("EX", "COM", format!("{longest}x"));
    assert_eq!(
        refusal,
        Err(Refusal::TooLong { part: Part::MemberCode, characters: PART_CHARACTERS_MAX + 1 })
    );
}

#[test]
fn refuses_a_path_with_a_wrongly_encoded_segment() {
    for (raw, reason) in [
        ("EX/COM/a b", percent::Refusal::Character { character: ' ', at: 1 }),
        ("EX/COM/é", percent::Refusal::Character { character: 'é', at: 0 }),
        ("EX/COM/%2", percent::Refusal::Triplet { at: 0 }),
        ("EX/COM/%FF", percent::Refusal::NotUtf8),
    ] {
        assert_eq!(ClientId::from_path(raw), Err(Refusal::Percent(reason)), "{raw}");
    }
}

#[test]
fn an_encoded_slash_stays_inside_its_segment() {
    let id = ClientId::from_path("EX/COM/a%2Fb").unwrap();
    assert_eq!((id.code(), id.subsystem()), ("a/b", None));
}

#[test]
fn outer_space_is_kept() {
    assert_eq!(ClientId::from_path("EX/COM/%201").unwrap().code(), " 1");
}

#[test]
fn a_gateway_needs_all_four_parts() {
    let id = ServerId::from_path("EX/GOV/1/ss%2F1").unwrap();
    assert_eq!((id.server(), id.display_form().as_str()), ("ss/1", "SERVER:EX/GOV/1/ss/1"));
    assert_eq!(id.owner(), MemberId::new("EX", "GOV", "1").unwrap());
    assert_eq!(ServerId::parse_encoded("EX:GOV:1:ss").unwrap().to_string(), "EX/GOV/1/ss");
    for raw in ["EX/GOV/1", "EX/GOV/1/ss/x", "EX/GOV/1/", "EX/GOV//ss"] {
        assert!(ServerId::from_path(raw).is_err(), "{raw}");
    }
}
