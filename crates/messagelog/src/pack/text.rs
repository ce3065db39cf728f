//! Base64 texts kept as the bytes they stand for, when the text is exactly what would be written again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Width at which the XML libraries of X-Road break Base64 (data-plane 5.2).
const LINE: usize = 76;

/// How stored bytes become the text of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// They are the text.
    Text,
    /// Base64 in one piece.
    Base64,
    /// Base64 in lines of 76 characters, parted by `&#13;` and LF (a CR that the serialiser wrote as a reference).
    BrokenReference,
    /// Base64 in lines of 76 characters, parted by LF.
    BrokenLineFeed,
}

impl Form {
    /// The most compact form of a text that gives back exactly this text.
    pub(crate) fn of(text: &[u8]) -> (Self, Vec<u8>) {
        let mut bare = Vec::with_capacity(text.len());
        for line in text.split(|byte| *byte == b'\n') {
            bare.extend_from_slice(line.strip_suffix(b"&#13;").unwrap_or(line));
        }
        let form = match text.get(LINE) {
            Some(b'&') => Self::BrokenReference,
            Some(b'\n') => Self::BrokenLineFeed,
            Some(_) | None => Self::Base64,
        };
        match STANDARD.decode(&bare) {
            Ok(bytes) if form.text_of(&bytes) == text => (form, bytes),
            Ok(_) | Err(_) => (Self::Text, text.to_vec()),
        }
    }

    /// The text that the stored bytes stand for.
    pub(crate) fn text_of(self, bytes: &[u8]) -> Vec<u8> {
        let separator: &[u8] = match self {
            Self::Text => return bytes.to_vec(),
            Self::Base64 => return STANDARD.encode(bytes).into_bytes(),
            Self::BrokenReference => b"&#13;\n",
            Self::BrokenLineFeed => b"\n",
        };
        STANDARD.encode(bytes).as_bytes().chunks(LINE).collect::<Vec<_>>().join(separator)
    }

    /// The form's number in stored documents; never reused.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Base64 => 1,
            Self::BrokenReference => 2,
            Self::BrokenLineFeed => 3,
        }
    }

    /// The form of a number.
    pub(crate) fn of_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Text),
            1 => Some(Self::Base64),
            2 => Some(Self::BrokenReference),
            3 => Some(Self::BrokenLineFeed),
            _ => None,
        }
    }
}
