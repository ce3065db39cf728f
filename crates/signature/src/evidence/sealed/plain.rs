//! Whether a document's text is plainly printed: then no octet of it can be changed without changing what is read from it.
//!
//! XML can say the same in many ways, and where nothing covers the text each of them would be free. One way is plain, whatever the
//! producer: no comments, no instructions, no CDATA; one blank before each attribute and none elsewhere in a tag, double quotes; a
//! character is spelled as itself if it can be; each namespace is declared where its prefix is used; white space between elements is
//! a line end and the same indentation throughout; Base64 is in one line or in lines of one length.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node};

use crate::canonical;
use crate::reading;

/// What may stand before the root.
const DECLARATIONS: [&str; 7] = [
    "",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
];

/// By what each level may be indented.
const INDENTATIONS: [&str; 4] = ["", "  ", "    ", "\t"];

/// How a carriage return may be spelled; each producer has one way.
const CARRIAGE_RETURNS: [&str; 2] = ["#13;", "#xD;"];

/// The elements whose text is Base64.
const BASE64: [&str; 6] = [
    "SignatureValue",
    "X509Certificate",
    "EncapsulatedTimeStamp",
    "EncapsulatedX509Certificate",
    "EncapsulatedOCSPValue",
    "DigestValue",
];

/// Says what is not plain. White space and Base64 of nodes that are `covered` may be as they like; the namespaces in `known` may be declared
/// without being used.
pub(super) fn oddity(
    document: &Document<'_>,
    known: &[(&str, &str)],
    covered: impl Fn(Node<'_, '_>) -> bool,
) -> Option<String> {
    let text = document.input_text();
    let root = document.root_element().range();
    let (before, after) = (text.get(..root.start), text.get(root.end..));
    if !before.is_some_and(|before| DECLARATIONS.contains(&before)) || !matches!(after, Some("" | "\n")) {
        return Some("something stands before or behind its root".to_owned());
    }
    if !is_plain_markup(text.get(root).unwrap_or_default()) {
        return Some("its text is not plainly printed".to_owned());
    }
    if let Some(node) = document.descendants().find(|node| node.is_element() && declares_idly(*node, known)) {
        return Some(format!("{} declares a namespace that is not used", reading::called(node)));
    }
    let texts = || document.descendants().filter(|node| node.is_text() && !covered(*node));
    if let Some(node) = texts().find(|node| has_odd_base64(*node)) {
        return Some(format!("the Base64 of {} is irregular", above(node)));
    }
    let spaces: Vec<Node<'_, '_>> = texts().filter(|node| is_between_elements(*node)).collect();
    let indented = |unit: &&str| spaces.iter().all(|node| is_indentation(*node, unit));
    if INDENTATIONS.iter().any(indented) {
        return None;
    }
    let odd = spaces.iter().find(|node| !is_indentation(**node, "")).copied();
    Some(format!("the white space in {} is irregular", odd.map(above).unwrap_or_default()))
}

fn above(node: Node<'_, '_>) -> String {
    node.parent_element().map(reading::called).unwrap_or_default()
}

/// Whether tags and text are spelled in the one plain way. The text must be well-formed.
fn is_plain_markup(mut rest: &str) -> bool {
    let mut carriage_returns = [false; 2];
    while let Some((text, markup)) = rest.find('<').map(|at| rest.split_at(at)) {
        if !is_plain_text(text, &mut carriage_returns) {
            return false;
        }
        if let Some(end) = markup.strip_prefix("</") {
            let Some((name, after)) = end.split_once('>') else { return false };
            if name.contains(reading::is_space) {
                return false;
            }
            rest = after;
        } else {
            let Some(tag) = StartTag::read(markup) else { return false };
            rest = tag.after;
        }
    }
    rest.is_empty() && carriage_returns != [true, true]
}

/// No character is spelled otherwise than it has to be.
fn is_plain_text(text: &str, carriage_returns: &mut [bool; 2]) -> bool {
    let references = text.split('&').skip(1).all(|reference| {
        let mut returned = false;
        for (spelling, seen) in CARRIAGE_RETURNS.iter().zip(carriage_returns.iter_mut()) {
            *seen |= reference.starts_with(spelling);
            returned |= reference.starts_with(spelling);
        }
        returned || ["amp;", "lt;", "gt;"].iter().any(|plain| reference.starts_with(plain))
    });
    references && !text.contains(['>', '\r'])
}

/// A start tag as it is spelled.
struct StartTag<'t> {
    attributes: Vec<(&'t str, &'t str)>,
    after: &'t str,
}

impl<'t> StartTag<'t> {
    /// `None` when it is not plainly spelled, or no start tag.
    fn read(markup: &'t str) -> Option<Self> {
        let inside = markup.strip_prefix('<')?;
        let (name, mut rest) = inside.split_at_checked(inside.find([' ', '/', '>'])?)?;
        if !name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            || name.contains(reading::is_space)
        {
            return None;
        }
        let mut attributes = Vec::new();
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (name, value) = attribute.split_once("=\"")?;
            let (value, after) = value.split_once('"')?;
            let references = value.split('&').skip(1);
            let plain = references
                .into_iter()
                .all(|one| ["amp;", "lt;", "gt;"].iter().any(|plain| one.starts_with(plain)));
            if name.contains(reading::is_space) || !plain || value.contains(['>', '\t', '\n', '\r']) {
                return None;
            }
            attributes.push((name, value));
            rest = after;
        }
        let after = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>'))?;
        Some(Self { attributes, after })
    }
}

/// Whether it declares a prefix that neither it nor anything in it has.
fn declares_idly(node: Node<'_, '_>, known: &[(&str, &str)]) -> bool {
    let tag = node.document().input_text().get(node.range()).and_then(StartTag::read);
    let Some(tag) = tag else { return true };
    tag.attributes.iter().any(|(name, uri)| {
        let prefix = match name.strip_prefix("xmlns") {
            Some("") => "",
            Some(prefixed) => prefixed.strip_prefix(':').unwrap_or_default(),
            None => return false,
        };
        let uses = |node: Node<'_, '_>| canonical::prefix_of(node).is_ok_and(|found| found == prefix);
        !known.contains(&(prefix, *uri)) && !node.descendants().filter(Node::is_element).any(uses)
    })
}

fn has_odd_base64(node: Node<'_, '_>) -> bool {
    let holds = node.parent_element().is_some_and(|parent| BASE64.contains(&parent.tag_name().name()));
    holds && !is_regular_base64(node.text().unwrap_or_default())
}

/// The decoded octets printed again: in one line or in lines of 64 or 76, with or without a line end around.
fn is_regular_base64(text: &str) -> bool {
    let core = text.strip_prefix('\n').and_then(|text| text.strip_suffix('\n')).unwrap_or(text);
    let packed: String = core.chars().filter(|c| !reading::is_space(*c)).collect();
    if STANDARD.decode(packed.as_bytes()).is_err() {
        return false;
    }
    let broken = |width: usize, line_end: &str| {
        let mut out = String::new();
        for (position, character) in packed.chars().enumerate() {
            if position > 0 && position.checked_rem(width) == Some(0) {
                out.push_str(line_end);
            }
            out.push(character);
        }
        out
    };
    core == packed
        || [64, 76].into_iter().any(|width| core == broken(width, "\n") || core == broken(width, "\r\n"))
}

fn is_between_elements(node: Node<'_, '_>) -> bool {
    node.parent_element().is_some_and(|parent| parent.first_element_child().is_some())
}

/// A line end, and what leads to the place of what follows: the next element, or the end of the one around.
fn is_indentation(node: Node<'_, '_>, unit: &str) -> bool {
    // The element around, its ancestors, and the root of the tree.
    let around = node.ancestors().count().saturating_sub(2);
    let depth = if node.next_sibling().is_some() { around } else { around.saturating_sub(1) };
    node.text().and_then(|text| text.strip_prefix('\n')).is_some_and(|rest| rest == unit.repeat(depth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> bool {
        let document = Document::parse(text).unwrap();
        oddity(&document, &[("known", "k")], |_| false).is_none()
    }

    #[test]
    fn every_usual_way_to_print_is_plain() {
        for text in [
            "<a/>",
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<a>\n    <b c=\"d\">\n        <e/>\n    </b>\n</a>\n",
            "<a>\n\t<b/>\n</a>",
            "<a>\n<b/>\n<b/></a>",
            "<p:a xmlns:p=\"u\"><b xmlns=\"v\">x &amp; &lt;y&gt; \u{1794}</b></p:a>",
            "<a xmlns:known=\"k\"/>",
            "<a><b/><c></c></a>",
            "<a>1&#13;\n2&#13;\n</a>",
            "<DigestValue>\nAAAA\n</DigestValue>",
        ] {
            assert!(plain(text), "{text}");
        }
    }

    #[test]
    fn whatever_could_be_said_otherwise_is_not_plain() {
        for text in [
            "\n<a/>",
            "<a/>\n\n",
            "<a/><!-- c -->",
            "<a><!-- c --></a>",
            "<a><?pi?></a>",
            "<a><![CDATA[x]]></a>",
            "<a ></a>",
            "<a></a >",
            "<a />",
            "<a  b=\"c\"/>",
            "<a b=\"c\" />",
            "<a b = \"c\"/>",
            "<a b='c'/>",
            "<a b=\"c\td\"/>",
            "<a b=\"&#99;\"/>",
            "<a b=\">\"/>",
            "<a>&#120;</a>",
            "<a>&quot;</a>",
            "<a>></a>",
            "<a>x\r\ny</a>",
            "<a>&#13;&#xD;</a>",
            "<a xmlns:p=\"u\"/>",
            "<a xmlns:known=\"other\"/>",
            "<a> <b/></a>",
            "<a>\n <b/>\n</a>",
            "<a>\n  <b>\n    <c/>\n   </b>\n</a>",
            "<a>\n  <b/>\n    <b/>\n</a>",
            "<a>\n\n<b/></a>",
            "<DigestValue>AA AA</DigestValue>",
            "<DigestValue> AAAA</DigestValue>",
        ] {
            assert!(!plain(text), "{text}");
        }
    }
}
