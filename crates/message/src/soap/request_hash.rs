//! The hash of the request in the header of an answer (data-plane 3.6).

use std::ops::Range;

use bytes::Bytes;
use roxmltree::Node;

use super::{RequestHash, XROAD, encoding};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The document in UTF-8, with the hash in this header of it. The header was found to have an `id`.
pub(super) fn put(text: &str, header: Node<'_, '_>, hash: &RequestHash) -> Bytes {
    let declared = encoding::declaration_length(text);
    let mut at = text.len().saturating_sub(text.get(declared..).unwrap_or_default().trim_start().len());
    let mut out = String::with_capacity(text.len().saturating_add(512));
    out.push_str(DECLARATION);
    for change in changes(text, header, hash) {
        out.push_str(text.get(at..change.place.start).unwrap_or_default());
        out.push_str(&change.instead);
        at = change.place.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out.into()
}

/// Bytes of the document, and what stands there instead.
struct Change {
    place: Range<usize>,
    instead: String,
}

/// What changes, from the left.
fn changes(text: &str, header: Node<'_, '_>, hash: &RequestHash) -> Vec<Change> {
    let child = |name: &str| header.children().find(|node| node.has_tag_name((XROAD, name)));
    let space = header.children().find(Node::is_text).filter(is_space);
    let space = space.and_then(|space| text.get(space.range())).unwrap_or_default();
    let new = child("id").map(|id| {
        let end = id.range().end;
        Change { place: end..end, instead: format!("{space}{}", element(text, id, hash)) }
    });
    let old = child("requestHash").map(|old| {
        let before = old.prev_sibling().filter(is_space);
        let start = before.map_or(old.range().start, |space| space.range().start);
        Change { place: start..old.range().end, instead: String::new() }
    });
    let mut changes: Vec<_> = new.into_iter().chain(old).collect();
    // Where both begin at the same place, nothing is taken out of what is put in.
    changes.sort_by_key(|change| (change.place.start, change.place.end));
    changes
}

fn is_space(node: &Node<'_, '_>) -> bool {
    node.is_text() && node.text().is_some_and(|text| text.trim().is_empty())
}

/// The element, with the prefix of the `id`; it declares the prefix itself where only the `id` does.
fn element(text: &str, id: Node<'_, '_>, hash: &RequestHash) -> String {
    let prefix = prefix(text.get(id.range()).unwrap_or_default());
    let known = id.parent().and_then(|header| header.lookup_namespace_uri(prefix)) == Some(XROAD);
    let name = prefix.map_or_else(|| "requestHash".to_owned(), |prefix| format!("{prefix}:requestHash"));
    let declaration = match prefix {
        _ if known => String::new(),
        Some(prefix) => format!(" xmlns:{prefix}=\"{XROAD}\""),
        None => format!(" xmlns=\"{XROAD}\""),
    };
    let algorithm = hash.algorithm.as_deref().unwrap_or_default();
    format!("<{name}{declaration} algorithmId=\"{algorithm}\">{}</{name}>", hash.value)
}

/// The prefix of the name with which an element's text begins. The tree does not keep it.
fn prefix(element: &str) -> Option<&str> {
    let name =
        element.strip_prefix('<')?.split(|c: char| c.is_whitespace() || c == '/' || c == '>').next()?;
    name.split_once(':').map(|(prefix, _)| prefix)
}
