//! Which characters are odd in an identifier, and which a registry does not admit (data-plane 1.5).

use crate::part::{PART_CHARACTERS_MAX, Part};

/// An odd character in a part. On the message path it is worth a warning in the log and nothing more: the message is
/// processed, as X-Road does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the part {part} holds the odd character {character:?}")]
pub struct Odd {
    /// In which part.
    pub part: Part,
    /// The first such character.
    pub character: char,
}

/// Whether `character` is odd: a control (U+0000–001F, U+007F–009F), one of `% : ; / \`, U+200B or U+FEFF.
pub fn is_odd(character: char) -> bool {
    character.is_control() || matches!(character, '%' | ':' | ';' | '/' | '\\' | '\u{200b}' | '\u{feff}')
}

/// The first odd character of `text`.
pub fn find_odd(text: &str) -> Option<char> {
    text.chars().find(|character| is_odd(*character))
}

/// The first odd character in the parts of an identifier (its `parts()`).
pub fn find_odd_part(parts: &[(Part, &str)]) -> Option<Odd> {
    parts.iter().find_map(|(part, text)| find_odd(text).map(|character| Odd { part: *part, character }))
}

/// Why a registry does not admit a part of a *new* identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewPartRefusal {
    /// Empty or white space only.
    #[error("it is blank")]
    Blank,
    /// Longer than [`PART_CHARACTERS_MAX`].
    #[error("it has {characters} characters; {PART_CHARACTERS_MAX} are allowed")]
    TooLong {
        /// Its length.
        characters: usize,
    },
    /// It holds an odd character.
    #[error("it holds the character {character:?}")]
    Character {
        /// The first such character.
        character: char,
    },
    /// It is `.` or `..`, which mean something in a path.
    #[error("it is a dot segment")]
    DotSegment,
    /// It begins or ends with white space, and would be taken for its neighbour.
    #[error("it begins or ends with white space")]
    OuterSpace,
}

/// Whether `text` may become a part of a new identifier: the rule for registries and administrators, stricter than what
/// existing identifiers must satisfy.
///
/// # Errors
/// See [`NewPartRefusal`].
pub fn check_new(text: &str) -> Result<(), NewPartRefusal> {
    if text.trim().is_empty() {
        return Err(NewPartRefusal::Blank);
    }
    let characters = text.chars().count();
    if characters > PART_CHARACTERS_MAX {
        return Err(NewPartRefusal::TooLong { characters });
    }
    if let Some(character) = find_odd(text) {
        return Err(NewPartRefusal::Character { character });
    }
    if text == "." || text == ".." {
        return Err(NewPartRefusal::DotSegment);
    }
    if text.trim() != text {
        return Err(NewPartRefusal::OuterSpace);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
