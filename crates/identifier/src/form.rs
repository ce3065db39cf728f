//! The written forms that all identifiers share.

use crate::error::Refusal;
use crate::part::Part;
use crate::percent;

/// The parts joined by `separator`.
pub(crate) fn joined(parts: &[(Part, &str)], separator: &str) -> String {
    parts.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(separator)
}

/// The parts as percent-encoded path segments (data-plane 1.4).
pub(crate) fn path(parts: &[(Part, &str)]) -> String {
    parts.iter().map(|(_, text)| percent::encode_segment(text)).collect::<Vec<_>>().join("/")
}

/// The segments of `raw`, each decoded by itself.
pub(crate) fn segments(raw: &str) -> Result<Vec<String>, Refusal> {
    raw.split('/').map(|segment| percent::decode_segment(segment).map_err(Refusal::from)).collect()
}

/// Gives a type all the written forms, made from its `parts()` and `object_type()`.
macro_rules! written_forms {
    ($type:ty) => {
        impl $type {
            /// `TYPE:a/b/c`, for logs and error texts.
            pub fn display_form(&self) -> String {
                format!("{}:{self}", self.object_type())
            }

            /// `a:b:c`, the form of administrative interfaces. A part that holds a `:` makes it ambiguous; the registry
            /// admits no such part.
            pub fn encoded(&self) -> String {
                crate::form::joined(&self.parts(), ":")
            }

            /// `TYPE:a:b:c`.
            pub fn encoded_with_type(&self) -> String {
                format!("{}:{}", self.object_type(), self.encoded())
            }

            /// Percent-encoded segments joined by `/`, as in REST paths and `X-Road-*` headers (data-plane 1.4).
            pub fn path(&self) -> String {
                crate::form::path(&self.parts())
            }
        }

        /// The short form, `a/b/c`, absent parts left out. For people: text that is read again goes through serde, `path` or XML.
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&crate::form::joined(&self.parts(), "/"))
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::Refusal;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse_short(text)
            }
        }
    };
}
pub(crate) use written_forms;
