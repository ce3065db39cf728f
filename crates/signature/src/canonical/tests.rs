//! Canonical forms, each against its text; the oracles of the crate tests compare with libxml2.

use super::{Method, Refusal, document, element, prefix_of};

fn parse(text: &str) -> roxmltree::Document<'_> {
    roxmltree::Document::parse(text).unwrap()
}

fn method(uri: &str) -> Method {
    Method::from_uri(uri).unwrap()
}

const INCLUSIVE: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const WITH_COMMENTS: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments";
const ELEVEN: &str = "http://www.w3.org/2006/12/xml-c14n11";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// The canonical form of the whole text, and of the first element with the Id `x`.
fn check(text: &str, uri: &str, expected: &str) {
    let parsed = parse(text);
    assert_eq!(
        String::from_utf8(document(&parsed, &method(uri)).unwrap()).unwrap(),
        expected,
        "{uri} of {text}"
    );
}

fn check_part(text: &str, method: &Method, expected: &str) {
    let parsed = parse(text);
    let chosen = parsed.descendants().find(|node| node.attribute("Id") == Some("x")).unwrap();
    assert_eq!(
        String::from_utf8(element(chosen, method).unwrap()).unwrap(),
        expected,
        "{method:?} of {text}"
    );
}

#[test]
fn writes_tags_attributes_and_text_in_one_way() {
    check("<a/>", INCLUSIVE, "<a></a>");
    check("<a  b = 'x'\n c=\"y\"  />", INCLUSIVE, "<a b=\"x\" c=\"y\"></a>");
    check("<a c='1' b='2'/>", INCLUSIVE, "<a b=\"2\" c=\"1\"></a>");
    check(
        "<a b='&quot;&lt;&gt;&amp;&#9;&#10;&#13;'/>",
        INCLUSIVE,
        "<a b=\"&quot;&lt;>&amp;&#x9;&#xA;&#xD;\"></a>",
    );
    check("<a b='x\ty\nz'/>", INCLUSIVE, "<a b=\"x y z\"></a>");
    check("<a>x&#13;\n&lt;&gt;&amp;'\"</a>", INCLUSIVE, "<a>x&#xD;\n&lt;&gt;&amp;'\"</a>");
    check("<a>x\r\ny\rz</a>", INCLUSIVE, "<a>x\ny\nz</a>");
    check("<a><![CDATA[<b>&]]></a>", INCLUSIVE, "<a>&lt;b&gt;&amp;</a>");
    check("<a>\u{e4}&#228;</a>", INCLUSIVE, "<a>\u{e4}\u{e4}</a>");
}

#[test]
fn orders_attributes_by_namespace_then_name() {
    check(
        "<a xmlns:z='urn:1' xmlns:y='urn:2' y:b='1' z:c='2' d='3' z:a='4'/>",
        INCLUSIVE,
        "<a xmlns:y=\"urn:2\" xmlns:z=\"urn:1\" d=\"3\" z:a=\"4\" z:c=\"2\" y:b=\"1\"></a>",
    );
}

#[test]
fn keeps_or_drops_comments_and_keeps_instructions() {
    let text = "<?xml version='1.0'?>\n<!-- a --><?p q?>\n<a><!-- b\r\nc --><?r?></a>\n<!-- d --><?s t ?>";
    check(text, INCLUSIVE, "<?p q?>\n<a><?r?></a>\n<?s t ?>");
    check(text, WITH_COMMENTS, "<!-- a -->\n<?p q?>\n<a><!-- b\nc --><?r?></a>\n<!-- d -->\n<?s t ?>");
}

#[test]
fn declares_namespaces_where_they_change() {
    check(
        "<a xmlns='urn:1'><b xmlns='urn:1'><c xmlns=''><d/></c></b></a>",
        INCLUSIVE,
        "<a xmlns=\"urn:1\"><b><c xmlns=\"\"><d></d></c></b></a>",
    );
    check(
        "<n:a xmlns:n='urn:1'><n:b xmlns:n='urn:2'/><n:c xmlns:n='urn:1'/></n:a>",
        INCLUSIVE,
        "<n:a xmlns:n=\"urn:1\"><n:b xmlns:n=\"urn:2\"></n:b><n:c></n:c></n:a>",
    );
    check("<a xmlns=''/>", INCLUSIVE, "<a></a>");
}

#[test]
fn gives_a_part_the_scope_that_it_had() {
    let text = "<r xmlns:u='urn:u' xmlns:a='urn:a' xmlns='urn:d'><a:p Id='x'><q u:v='1'/></a:p></r>";
    check_part(
        text,
        &method(INCLUSIVE),
        "<a:p xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:u=\"urn:u\" Id=\"x\"><q u:v=\"1\"></q></a:p>",
    );
    check_part(
        text,
        &method(EXCLUSIVE),
        "<a:p xmlns:a=\"urn:a\" Id=\"x\"><q xmlns=\"urn:d\" xmlns:u=\"urn:u\" u:v=\"1\"></q></a:p>",
    );
    check_part(
        text,
        &method(EXCLUSIVE).with_inclusive_prefixes(vec![String::new(), "u".to_owned()]).unwrap(),
        "<a:p xmlns=\"urn:d\" xmlns:a=\"urn:a\" xmlns:u=\"urn:u\" Id=\"x\"><q u:v=\"1\"></q></a:p>",
    );
    assert_eq!(method(INCLUSIVE).with_inclusive_prefixes(vec![]), None);
}

#[test]
fn declares_exclusively_again_where_an_ancestor_did_not() {
    check_part(
        "<r xmlns:a='urn:a'><p Id='x'><a:b/><a:c><a:d/></a:c></p></r>",
        &method(EXCLUSIVE),
        "<p Id=\"x\"><a:b xmlns:a=\"urn:a\"></a:b><a:c xmlns:a=\"urn:a\"><a:d></a:d></a:c></p>",
    );
    check_part(
        "<r xmlns='urn:d'><p Id='x' xmlns=''><b/></p></r>",
        &method(EXCLUSIVE),
        "<p Id=\"x\"><b></b></p>",
    );
}

#[test]
fn inherits_the_attributes_of_xml_as_each_version_says() {
    let text = "<r xml:lang='km' xml:space='preserve' xml:id='i'><p Id='x' xml:lang='en'/></r>";
    check_part(
        text,
        &method(INCLUSIVE),
        "<p Id=\"x\" xml:id=\"i\" xml:lang=\"en\" xml:space=\"preserve\"></p>",
    );
    check_part(text, &method(ELEVEN), "<p Id=\"x\" xml:lang=\"en\" xml:space=\"preserve\"></p>");
    check_part(text, &method(EXCLUSIVE), "<p Id=\"x\" xml:lang=\"en\"></p>");
    let text = "<r xml:base='http://a/'><p Id='x'/></r>";
    check_part(text, &method(INCLUSIVE), "<p Id=\"x\" xml:base=\"http://a/\"></p>");
    let parsed = parse(text);
    let chosen = parsed.root_element().first_element_child().unwrap();
    assert_eq!(element(chosen, &method(ELEVEN)), Err(Refusal::BaseAbove));
}

#[test]
fn reads_prefixes_from_the_source() {
    let parsed = parse("<n:a xmlns:n='urn:1' xmlns:m='urn:1'><m:b/><c/></n:a>");
    let prefixes: Vec<&str> =
        parsed.descendants().filter(|node| node.is_element()).map(|node| prefix_of(node).unwrap()).collect();
    assert_eq!(prefixes, ["n", "m", ""]);
    check(
        "<n:a xmlns:n='urn:1' xmlns:m='urn:1' m:x='1'><m:b n:y='2'/></n:a>",
        INCLUSIVE,
        "<n:a xmlns:m=\"urn:1\" xmlns:n=\"urn:1\" m:x=\"1\"><m:b n:y=\"2\"></m:b></n:a>",
    );
}

#[test]
fn refuses_what_is_nested_too_deep_and_methods_that_it_does_not_know() {
    let text = "<a>".repeat(300) + &"</a>".repeat(300);
    assert_eq!(document(&parse(&text), &method(INCLUSIVE)), Err(Refusal::TooDeep));
    assert_eq!(Method::from_uri("http://www.w3.org/TR/1999/REC-xslt-19991116"), None);
}
