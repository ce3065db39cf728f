//! Markup that hides tags, or that only looks as if it did.

use std::io::Write as _;
use std::process::{Command, Stdio};

use xml::{Budget, Refusal, within_budget};

/// Nothing but one level and no attribute.
const TIGHT: Budget =
    Budget { tag_bytes_max: 64, attributes_max: 0, declarations_max: 0, scope_max: 0, depth_max: 1 };
const ATTRIBUTE: Result<(), Refusal> = Err(Refusal::TooManyAttributes { attributes_max: 0 });

fn tight(text: &str) -> Result<(), Refusal> {
    within_budget(text, &TIGHT)
}

#[test]
fn what_stands_in_comments_sections_and_instructions_is_not_counted() {
    for text in [
        "<r><!-- <a b='c'> <!DOCTYPE x> --></r>",
        "<r><!-- ' --></r>",
        "<r><![CDATA[<a b='c'><!DOCTYPE x>]]></r>",
        "<r><![CDATA[]]]]></r>",
        "<r><?p <a b='c'> ' ?></r>",
        "<?xml version='1.0' encoding=\"UTF-8\" standalone='yes' ?>\n<r/>",
        "\u{feff}<r/>",
        "<!-- before --><r/><!-- after -->",
        "",
    ] {
        assert_eq!(tight(text), Ok(()), "{text}");
    }
}

#[test]
fn what_stands_after_something_that_only_looks_open_is_counted() {
    for text in [
        "<r><!-- <!-- --><a b='c'/></r>",
        "<r><!-- <![CDATA[ --><a b='c'/></r>",
        "<r><![CDATA[ <!-- ]]><a b='c'/></r>",
        "<r><?p <!-- ?><a b='c'/></r>",
        "<r><?p '?><a b='c'/>'?></r>",
        "<r>]]&gt; --&gt; ' \" <a b='c'/></r>",
        "<r>it's <a b='c'/></r>",
        "<r><!---->< b=''></r>",
        "<?xml version='1.0' encoding='?>'?><r b='c'/>",
        "<?xml version=\"1.0?>'\"?><r b='c'/><!-- '?> -->",
    ] {
        assert_eq!(tight(text), ATTRIBUTE, "{text}");
    }
}

#[test]
fn quotes_hide_the_end_of_a_tag_and_only_their_own_kind_ends_them() {
    let budget = Budget { attributes_max: 2, ..TIGHT };
    for text in ["<r a='>' b=\"/>\">", "<r a='\"' b=\"'\"/>", "<r a = '>'\n\tb\r=\n\"'>\" >", "<r a='/'>"] {
        assert_eq!(within_budget(text, &budget), Ok(()), "{text}");
        assert_eq!(
            within_budget(text, &Budget { attributes_max: 1, ..TIGHT }).is_err(),
            text.contains("b"),
            "{text}"
        );
    }
    let refused = Err(Refusal::TooDeep { depth_max: 1 });
    assert_eq!(
        within_budget("<r a='/'><c/></r>", &budget),
        refused,
        "a slash in quotes does not end an element"
    );
    assert_eq!(within_budget("<r a='/>'><c/></r>", &budget), refused);
    assert_eq!(within_budget("<r a=''/><c/>", &budget), Ok(()));
}

#[test]
fn finds_namespace_declarations_however_they_are_spelt() {
    let budget = Budget { attributes_max: 9, ..TIGHT };
    let refused = Err(Refusal::TooManyDeclarations { declarations_max: 0 });
    for text in [
        "<r xmlns='u'/>",
        "<r xmlns:a='u'/>",
        "<r\n\txmlns\r=\n\"u\"/>",
        "<r a='b' xmlns:a = 'u'/>",
        "<r a='b'xmlns:a='u'/>",
        "<r a:xmlns='u'/>",
        "<r :xmlns='u'/>",
    ] {
        assert_eq!(within_budget(text, &budget), refused, "{text}");
    }
    for text in ["<r xmlnsa='u'/>", "<r a='xmlns' b='xmlns:a='/>", "<r axmlns:b='u'/>", "<r>xmlns:a='u'</r>"]
    {
        assert_eq!(within_budget(text, &budget), Ok(()), "{text}");
    }
}

#[test]
fn refuses_a_document_type_declaration() {
    for text in ["<!DOCTYPE r><r/>", "\n<!-- x --><!DOCTYPE r [<!ENTITY e 'x'>]><r/>", "<r><!DOCTYPE r></r>"]
    {
        assert_eq!(tight(text), Err(Refusal::DocumentType), "{text}");
    }
}

#[test]
fn refuses_an_instruction_that_would_be_a_declaration_to_others() {
    for (text, at) in [
        ("<?xml\tversion='?><r b=\"c\"/>'?>", 0),
        ("<?xml\nversion='1.0'?><r/>", 0),
        ("<?xml/p:a='b' version='1.0'?><r/>", 0),
        ("<?xml?><r/>", 0),
        ("<r><?XML a?></r>", 3),
        ("<r/><?xMl/?>", 4),
    ] {
        assert_eq!(tight(text), Err(Refusal::Broken { at }), "{text}");
    }
    for text in [
        "<?xml-model a?><r/>",
        "<?xmlx?><r/>",
        "<?xml:a?><r/>",
        "<?xml\u{e9}?><r/>",
        "<?x?><r/>",
        "<?axml a?><r/>",
    ] {
        assert_eq!(tight(text), Ok(()), "{text}");
    }
}

/// No XML (Namespaces in XML, 6.3): whoever reads it takes the first or the second, so its meaning depends on the reader. Of prefixes the
/// parser notices it.
#[test]
fn refuses_a_default_namespace_that_is_declared_twice() {
    for text in [
        "<r xmlns='a' xmlns='b'/>",
        "<r xmlns='a' b='' xmlns = \"a\"></r>",
        "<r>\n<a\txmlns=''\nxmlns='a'/></r>",
    ] {
        assert!(matches!(within_budget(text, &Budget::SMALL), Err(Refusal::DefaultTwice { .. })), "{text}");
        assert!(roxmltree::Document::parse(text).is_ok(), "the parser takes it: {text}");
        let mut judge = Command::new("xmllint")
            .args(["--noout", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        judge.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(!judge.wait().unwrap().success(), "xmllint takes it: {text}");
    }
    for text in ["<r xmlns='a'><b xmlns='a'/><c xmlns='b'/></r>", "<r xmlns='a' y='xmlns' xmlns:b='a'/>"] {
        assert_eq!(within_budget(text, &Budget::SMALL), Ok(()), "{text}");
    }
    assert!(roxmltree::Document::parse("<r xmlns:b='a' xmlns:b='b'/>").is_err());
}

#[test]
fn refuses_markup_that_does_not_end_or_has_no_meaning() {
    for (text, at) in [
        ("<", 0),
        ("<r", 0),
        ("<r><", 3),
        ("<r></r", 3),
        ("<r><a", 3),
        ("<r><a <b>", 3),
        ("<r a='<b/>'/>", 0),
        ("<r a='>", 0),
        ("<r><!-- >", 3),
        ("<r><!-->", 3),
        ("<r><!--->", 3),
        ("<r><![CDATA[ ]>", 3),
        ("<r><!x></r>", 3),
        ("<!doctype r>", 0),
        ("<?p >", 0),
        ("<?>", 0),
        ("<?xml version='1.0' ? >", 0),
        ("<?xml version='<' ?>", 0),
        ("<?xml version='?>", 0),
    ] {
        assert_eq!(tight(text), Err(Refusal::Broken { at }), "{text}");
        assert!(roxmltree::Document::parse(text).is_err(), "{text}");
    }
}
