//! From bytes to characters, as XML 1.0 has it (4.3.3 and appendix F): the byte order mark and the document's own declaration say how, not
//! the content type around it.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::Refusal;
use crate::text;

/// Within so many bytes a declaration ends.
const DECLARATION_BYTES_MAX: usize = 256;
/// A document's declaration in front of its first element.
const DECLARATION: &str = "<?xml";

/// The characters of a document, without byte order mark.
///
/// # Errors
/// [`Refusal::Encoding`].
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let (marked, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (Some(encoding), bytes.get(length..).unwrap_or_default()),
        None => (None, bytes),
    };
    let text = match marked {
        Some(encoding) if encoding != UTF_8 => Some(decoded(bytes, encoding)?),
        _ => None,
    };
    let named = name(text.as_deref().map_or(bytes, str::as_bytes));
    let refusal = || Refusal::Encoding { encoding: named.clone().unwrap_or_else(|| "UTF-8".to_owned()) };
    let encoding = match &named {
        Some(name) => encoding_of(name).ok_or_else(refusal)?,
        None => Named::Other(marked.unwrap_or(UTF_8)),
    };
    match (marked, encoding) {
        (Some(marked), encoding) if !encoding.agrees(marked) => Err(refusal()),
        (Some(_), _) if text.is_some() => Ok(text.unwrap_or_default()),
        (_, Named::Ascii) if !bytes.is_ascii() => Err(refusal()),
        (_, Named::Ascii) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| refusal()),
        (_, Named::Latin1) => Ok(Cow::Owned(text::from_latin1(bytes))),
        // Its declaration could not be read if it were so encoded.
        (_, Named::Other(encoding)) if encoding == UTF_16BE || encoding == UTF_16LE => Err(refusal()),
        (_, Named::Other(encoding)) => decoded(bytes, encoding).map_err(|_| refusal()),
    }
}

/// How long the declaration is with which a text begins, in bytes; 0 without one.
pub(super) fn declaration_length(text: &str) -> usize {
    let end = text.strip_prefix(DECLARATION).and_then(|rest| rest.find("?>"));
    end.map_or(0, |end| DECLARATION.len().saturating_add(end).saturating_add("?>".len()))
}

/// An encoding by the name that a document gives it. For these two the names of the web mean more characters than those of XML.
enum Named {
    Ascii,
    Latin1,
    Other(&'static Encoding),
}

impl Named {
    /// Whether a document with this mark may name this encoding. `UTF-16` is either order.
    fn agrees(&self, marked: &'static Encoding) -> bool {
        match self {
            Self::Ascii | Self::Latin1 => false,
            Self::Other(named) => *named == marked || (*named == UTF_16LE && marked == UTF_16BE),
        }
    }
}

fn encoding_of(name: &str) -> Option<Named> {
    match name.to_ascii_lowercase().as_str() {
        "us-ascii" | "ascii" | "ansi_x3.4-1968" => Some(Named::Ascii),
        "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" => Some(Named::Latin1),
        lower => Encoding::for_label_no_replacement(lower.as_bytes()).map(Named::Other),
    }
}

fn decoded<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Result<Cow<'a, str>, Refusal> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| Refusal::Encoding { encoding: encoding.name().to_owned() })
}

/// The encoding that the declaration names, if there is a declaration and it names one. The parser reads it again, strictly.
fn name(bytes: &[u8]) -> Option<String> {
    let start = bytes.get(..bytes.len().min(DECLARATION_BYTES_MAX)).unwrap_or_default();
    let declaration = start.strip_prefix(DECLARATION.as_bytes())?;
    let end = memchr::memmem::find(declaration, b"?>")?;
    let declaration = std::str::from_utf8(declaration.get(..end)?).ok()?;
    let (_, behind) = declaration.split_once("encoding")?;
    let value = behind.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value.get(1..)?.split_once(quote).map(|(name, _)| name.to_owned())
}
