//! Content types that are read, and those that are refused.

use super::*;

fn boundary(text: &str) -> Result<String, Malformed> {
    ContentType::parse(text)?.boundary().map(|b| b.as_str().to_owned())
}

#[test]
fn reads_a_boundary_plain_quoted_and_escaped() {
    let check = |text: &str, expected: &str| assert_eq!(boundary(text).as_deref(), Ok(expected), "{text}");
    check("multipart/mixed; charset=UTF-8; boundary=xtopAbC", "xtopAbC");
    check("multipart/mixed;boundary=b", "b");
    check("Multipart/Mixed ; BOUNDARY=\"a b:c\"; charset=utf-8", "a b:c");
    check("multipart/mixed; boundary=\"a\\-b\"", "a-b");
    check("multipart/mixed; boundary=a=b/c;", "a=b/c");
    check("multipart/mixed;; boundary=x ;", "x");
}

#[test]
fn refuses_a_content_type_that_readers_could_take_in_two_ways() {
    let check = |text: &str, expected: Malformed| assert_eq!(boundary(text), Err(expected), "{text}");
    check("", Malformed::NoType);
    check("multipart", Malformed::NoType);
    check("multi part/mixed; boundary=a", Malformed::NoType);
    check("/mixed", Malformed::NoType);
    check("multipart/", Malformed::NoType);
    check("multipart/mixed", Malformed::NoBoundary);
    check("multipart/mixed; charset=utf-8", Malformed::NoBoundary);
    check("multipart/mixed; boundary=", Malformed::Boundary);
    check("multipart/mixed; boundary=\"\"", Malformed::Boundary);
    check("multipart/mixed; boundary=\"a \"", Malformed::Boundary);
    check("multipart/mixed; boundary=a*b", Malformed::Boundary);
    check(&format!("multipart/mixed; boundary={}", "b".repeat(71)), Malformed::Boundary);
    check("multipart/mixed; boundary", Malformed::Parameter);
    check("multipart/mixed; boundary=\"a", Malformed::Parameter);
    check("multipart/mixed; boundary=\"a\"b", Malformed::Parameter);
    check("multipart/mixed; boundary=\"a\\", Malformed::Parameter);
    check("multipart/mixed; =a", Malformed::Parameter);
    check("multipart/mixed; boundary=ä", Malformed::Parameter);
    check("multipart/mixed; boundary=a\r\nx", Malformed::Parameter);
    check(
        "multipart/mixed; boundary=a; Boundary=b",
        Malformed::RepeatedParameter { name: "boundary".to_owned() },
    );
    check(&format!("a/b; c={}", "d".repeat(1000)), Malformed::TooLong { length: 1007 });
}

#[test]
fn compares_the_base_type_without_regard_to_case() {
    let read = ContentType::parse("Text/XML;charset=UTF-8").unwrap();
    assert!(read.is("text/xml") && !read.is("text/html"));
    assert_eq!((read.base(), read.charset()), ("text/xml", Some("UTF-8")));
    assert_eq!(base_of(" Text/XML ; a=b"), "Text/XML");
}

#[test]
fn a_boundary_of_our_own_is_letters_only_and_quoted_only_when_needed() {
    assert_eq!(
        Boundary::top("AbC").map(|b| b.content_type()),
        Ok("multipart/mixed; charset=UTF-8; boundary=xtopAbC".to_owned())
    );
    assert_eq!(
        Boundary::new("a:b").map(|b| b.content_type()),
        Ok("multipart/mixed; charset=UTF-8; boundary=\"a:b\"".to_owned())
    );
    for letters in ["", "ab1", "a-b", "ä"] {
        assert_eq!(Boundary::top(letters), Err(Malformed::Boundary), "{letters}");
    }
    assert_eq!(Boundary::top(&"a".repeat(67)), Err(Malformed::Boundary));
}
