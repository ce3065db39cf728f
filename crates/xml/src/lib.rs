//! A budget for XML: what a stranger's document may cost before it is given to the parser.
//!
//! The parser that this house uses compares every attribute of a tag with every other, and copies the namespaces that
//! are in force to every element that declares one of its own. Its own bound counts nodes, and neither of these is a
//! node: one megabyte can keep it busy for hours, or fill gigabytes. Most of the XML here is read before anything is
//! known about who sent it.
//!
//! So [`within_budget`] walks over the text first, once from left to right, and allocates nothing. It knows as much of
//! XML as it takes to find the tags: quotes, comments, CDATA sections, processing instructions, the XML declaration.
//!
//! The invariant: **of whatever the parser goes on to read, the walk has counted at least as much.** Where both could
//! come to different tags, the walk refuses ([`Refusal::Broken`]); nothing that it refuses so is well-formed, but for a declaration in which
//! no space follows `<?xml`, which the parser would take for an instruction.
//!
//! It does not check that a document is well-formed, and it does not bound its length or its nodes: that is left to the
//! parser and to the callers.

mod walk;

/// The deepest nesting that any budget can grant: the walk notes one number for each level, without allocating.
pub const DEPTH_CEILING: usize = 256;

/// What a document may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The longest start tag, from `<` to `>`, in bytes.
    pub tag_bytes_max: usize,
    /// The most attributes of one tag, namespace declarations among them. The parser compares each with each.
    pub attributes_max: usize,
    /// The most namespace declarations (`xmlns`, `xmlns:…`) of the whole document.
    pub declarations_max: usize,
    /// The most namespace declarations on an element and those around it, taken together. The parser copies them to
    /// each element that declares one more.
    pub scope_max: usize,
    /// The deepest nesting of elements, the root being level 1; at most [`DEPTH_CEILING`] is granted.
    pub depth_max: usize,
}

impl Budget {
    /// For what travels with every message: signatures, hash chains, faults. The greediest that X-Road writes has
    /// a tag of 461 bytes, 8 attributes in one tag, fewer than 20 declarations, and 12 levels.
    pub const SMALL: Self = Self {
        tag_bytes_max: 8 * 1024,
        attributes_max: 32,
        declarations_max: 64,
        scope_max: 64,
        depth_max: 64,
    };

    /// For documents of many megabytes, in which each of many elements may declare its namespaces anew: the global
    /// configuration, lists of keys, stored messages.
    pub const LARGE: Self = Self {
        tag_bytes_max: 8 * 1024,
        attributes_max: 64,
        declarations_max: 16 * 1024,
        scope_max: 64,
        depth_max: 128,
    };
}

/// Why a text is not given to the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It carries a document type declaration.
    #[error("the XML document carries a document type declaration")]
    DocumentType,
    /// See [`Budget::tag_bytes_max`].
    #[error("a tag of the XML document is longer than {bytes_max} bytes")]
    TagTooLong {
        /// What is granted.
        bytes_max: usize,
    },
    /// See [`Budget::attributes_max`].
    #[error("a tag of the XML document has more than {attributes_max} attributes")]
    TooManyAttributes {
        /// What is granted.
        attributes_max: usize,
    },
    /// See [`Budget::declarations_max`].
    #[error("the XML document declares more than {declarations_max} namespaces")]
    TooManyDeclarations {
        /// What is granted.
        declarations_max: usize,
    },
    /// See [`Budget::scope_max`].
    #[error("more than {scope_max} namespace declarations stand over one element of the XML document")]
    TooManyInScope {
        /// What is granted.
        scope_max: usize,
    },
    /// See [`Budget::depth_max`].
    #[error("the XML document is nested deeper than {depth_max} levels")]
    TooDeep {
        /// What is granted.
        depth_max: usize,
    },
    /// A tag declares its default namespace twice. It is not well-formed, but the parser takes the first of the two, and others may take the
    /// second.
    #[error("the XML document is not well-formed: the tag at byte {at} declares its default namespace twice")]
    DefaultTwice {
        /// Where the tag begins, in bytes.
        at: usize,
    },
    /// Markup that does not end, or that does not begin as any markup does.
    #[error("the XML document is not well-formed: the markup at byte {at} is broken")]
    Broken {
        /// Where it begins, in bytes.
        at: usize,
    },
}

/// Walks over the text once and refuses what goes beyond the budget.
///
/// # Errors
/// The first [`Refusal`] from the left.
pub fn within_budget(text: &str, budget: &Budget) -> Result<(), Refusal> {
    walk::Walk::over(text, budget).finish()
}
