//! Canonical XML: it is XML, says the same, and does not change when it is made once more.

use super::xml::documents;
use roxmltree::Document;
use signature::canonical::{Method, document, element};

const METHODS: [&str; 6] = [
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2006/12/xml-c14n11#WithComments",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
];

pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if xml::within_budget(text, &xml::Budget::SMALL).is_err() {
        return;
    }
    let Ok(parsed) = Document::parse(text) else { return };
    for uri in METHODS {
        let method = Method::from_uri(uri).expect("a method that we know");
        let Ok(written) = document(&parsed, &method) else { continue };
        let written = String::from_utf8(written).expect("canonical XML is UTF-8");
        let reread = Document::parse(&written).expect("canonical XML is XML");
        let again = document(&reread, &method).expect("what was written once is written again");
        assert_eq!(written.as_bytes(), again, "{uri}");
        assert_eq!(names(&parsed), names(&reread), "{uri}");
        assert_eq!(texts(&parsed), texts(&reread), "{uri}");
    }
    for node in parsed.descendants().filter(roxmltree::Node::is_element).take(8) {
        let _ = element(node, &Method::inclusive());
    }
}

fn names(document: &Document<'_>) -> Vec<(Option<String>, String, usize)> {
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let seen = |node: roxmltree::Node<'_, '_>| {
        let name = node.tag_name();
        // `xmlns=""` and no declaration at all are the same.
        (
            name.namespace().filter(|uri| !uri.is_empty()).map(str::to_owned),
            name.name().to_owned(),
            node.attributes().len(),
        )
    };
    elements.map(seen).collect()
}

fn texts(document: &Document<'_>) -> String {
    document.descendants().filter(roxmltree::Node::is_text).filter_map(|node| node.text()).collect()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = documents();
    found.push(
        b"<?p q?><a xmlns='u:a' xmlns:b='u:b' b:z='1' y=\"&quot;&#9;&lt;\"><!-- c --><b:c xml:lang='x'> t&amp;&#13;<![CDATA[<&]]></b:c></a><!--e-->".to_vec());
    found
}
