//! The parser judges: whatever it reads, the walk has counted at least as much.

use roxmltree::{Document, Node};
use xml::{Budget, Refusal, within_budget};

/// What a document needs, as the parser sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Need {
    pub(crate) attributes: usize,
    pub(crate) scope: usize,
    pub(crate) depth: usize,
}

pub(crate) fn need(document: &Document<'_>) -> Need {
    let mut need = Need::default();
    for node in document.descendants().filter(Node::is_element) {
        need.attributes = need.attributes.max(node.attributes().count());
        // `xml` is always there.
        need.scope = need.scope.max(node.namespaces().filter(|space| space.name() != Some("xml")).count());
        need.depth = need.depth.max(node.ancestors().filter(Node::is_element).count());
    }
    need
}

const WIDE: Budget = Budget {
    tag_bytes_max: usize::MAX,
    attributes_max: usize::MAX,
    declarations_max: usize::MAX,
    scope_max: usize::MAX,
    depth_max: usize::MAX,
};

/// The walk must refuse each budget that falls short of what the parser read.
pub(crate) fn falls_short(text: &str, need: Need) -> Result<(), String> {
    let short = [
        (need.attributes > 0).then(|| Budget { attributes_max: need.attributes.saturating_sub(1), ..WIDE }),
        (need.scope > 0).then(|| Budget { scope_max: need.scope.saturating_sub(1), ..WIDE }),
        (need.scope > 0).then(|| Budget { declarations_max: need.scope.saturating_sub(1), ..WIDE }),
        (need.depth > 0).then(|| Budget { depth_max: need.depth.saturating_sub(1), ..WIDE }),
    ];
    match short.into_iter().flatten().find(|budget| within_budget(text, budget).is_ok()) {
        Some(budget) => Err(format!("{text:?} needs {need:?} and passed with {budget:?}")),
        None => Ok(()),
    }
}

const PIECES: [&str; 36] = [
    "<a>",
    "<a>",
    "</a>",
    "</a>",
    "<b/>",
    "<a",
    " c='",
    " d=\"",
    " xmlns='u'",
    " xmlns:p='u'",
    " p:e=''",
    "'",
    "\"",
    "'",
    "\"",
    ">",
    "/>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?p ",
    "?>",
    "<?xml version='1.0",
    "<?xml version=\"1.0",
    " encoding='",
    " ",
    "\n",
    "/",
    "=",
    "-",
    "]",
    "?",
    "!",
    "text",
    "&lt;",
];

/// A small generator of chance with a fixed seed (the constants are Knuth's).
fn chance(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or_default().checked_rem(below).unwrap_or_default()
}

fn picked<'p>(seed: &mut u64, pieces: &[&'p str]) -> &'p str {
    pieces.get(chance(seed, pieces.len())).copied().unwrap_or_default()
}

/// Pieces in a chance order, between a beginning and an end that give many of them a chance to be well-formed.
fn chance_text(seed: &mut u64) -> String {
    let mut text = picked(seed, &["<a>", "<a", "<?xml version='1.0", ""]).to_owned();
    for _ in 0..chance(seed, 9) {
        text.push_str(picked(seed, &PIECES));
    }
    text.push_str(picked(seed, &["</a>", "'/>", "/>", "'?><a b='c'/>", "--></a>", "'></a>", "]]></a>"]));
    text
}

#[test]
fn the_walk_counts_whatever_the_parser_reads() {
    let mut seed = 7;
    let mut read = 0_usize;
    for _ in 0..200_000 {
        let text = chance_text(&mut seed);
        let parsed = Document::parse(&text);
        let walked = within_budget(&text, &WIDE);
        let Ok(document) = parsed else { continue };
        read += 1;
        if matches!(walked, Err(Refusal::DefaultTwice { .. })) {
            continue;
        }
        assert_eq!(walked, Ok(()), "well-formed, but refused: {text:?}");
        assert_eq!(falls_short(&text, need(&document)), Ok(()));
    }
    assert!(read > 5_000, "only {read} texts were well-formed");
}

#[test]
fn what_the_parser_calls_a_document_type_is_refused() {
    let text = "<?xml version='1.0' encoding='?>'?><!-- x --> <!DOCTYPE a><a/>";
    assert!(matches!(Document::parse(text), Err(roxmltree::Error::DtdDetected)));
    assert_eq!(within_budget(text, &WIDE), Err(Refusal::DocumentType));
}
