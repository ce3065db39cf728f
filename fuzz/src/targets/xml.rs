//! The budget of XML: of whatever the parser goes on to read, the walk before it has counted at least as much.

use crate::{recordings, vectors};
use ::xml::{Budget, Refusal, within_budget};
use roxmltree::{Document, Node, ParsingOptions};

pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let options = || ParsingOptions { allow_dtd: false, nodes_limit: 100_000, ..ParsingOptions::default() };
    // The smallest budget that ever refuses shows the most.
    let tight =
        Budget { tag_bytes_max: 512, attributes_max: 6, declarations_max: 8, scope_max: 5, depth_max: 12 };
    for budget in [tight, Budget::SMALL, Budget::LARGE] {
        match within_budget(text, &budget) {
            Ok(()) => {
                if let Ok(document) = Document::parse_with_options(text, options()) {
                    kept(&document, &budget);
                }
            }
            Err(Refusal::Broken { .. } | Refusal::DocumentType) => {
                assert!(
                    reserved(text) || Document::parse_with_options(text, options()).is_err(),
                    "well-formed, and refused as broken"
                );
            }
            Err(_) => {}
        }
    }
}

/// Whether an instruction is called `xml` in whatever case, or a declaration goes on with something else than a blank: the one is not
/// well-formed, the other is refused all the same, and the parser takes both.
fn reserved(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.to_ascii_lowercase().matches("<?xml").count() > usize::from(text.starts_with("<?xml "))
}

fn kept(document: &Document<'_>, budget: &Budget) {
    for node in document.descendants().filter(Node::is_element) {
        assert!(node.attributes().len() <= budget.attributes_max);
        let depth = node.ancestors().filter(Node::is_element).count();
        assert!(depth <= budget.depth_max, "{depth} levels");
        // `xml` is always in force and never declared.
        assert!(node.namespaces().len() <= budget.scope_max + 1, "{} in force", node.namespaces().len());
    }
}

/// Every small document of the vectors.
pub(crate) fn documents() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for parts in recordings::messages().iter().map(|message| &message.parts).step_by(7) {
        found.extend([&parts.result, &parts.chain, &parts.signature, &parts.fault].map(Clone::clone));
    }
    for place in
        ["signature/files", "hashchain-ts-ocsp/hashchain", "identifiers", "globalconf/anchors", "soap"]
    {
        found.extend(vectors::files(place, &[".xml"]));
    }
    found.retain(|file| !file.is_empty() && file.len() < 16 * 1024);
    found
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut found = documents();
    found.push(b"\xef\xbb\xbf<?xml version='1.0'?><!-- > --><a b='>' xmlns:c=\"u\"><![CDATA[ <x> ]]><?p ?><c:d/></a>".to_vec());
    found
}
