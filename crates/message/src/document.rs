//! XML of strangers: within a budget first, then in the parser, which takes no DTD and so many nodes.

use roxmltree::{Document, ParsingOptions};

/// Why a document is not given out.
pub(crate) enum Unreadable {
    /// Not well-formed, with a DTD, or with too many nodes: what the parser says.
    Xml(String),
    /// It would cost more to read than we spend on a stranger.
    OverBudget(xml::Refusal),
}

pub(crate) fn parse<'i>(
    text: &'i str,
    budget: &xml::Budget,
    nodes_max: u32,
) -> Result<Document<'i>, Unreadable> {
    xml::within_budget(text, budget).map_err(|refusal| match refusal {
        // What is no XML is told as the parser would tell it.
        xml::Refusal::DocumentType | xml::Refusal::Broken { .. } | xml::Refusal::DefaultTwice { .. } => {
            Unreadable::Xml(refusal.to_string())
        }
        xml::Refusal::TagTooLong { .. }
        | xml::Refusal::TooManyAttributes { .. }
        | xml::Refusal::TooManyDeclarations { .. }
        | xml::Refusal::TooManyInScope { .. }
        | xml::Refusal::TooDeep { .. } => Unreadable::OverBudget(refusal),
    })?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: nodes_max, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| Unreadable::Xml(error.to_string()))
}
