//! The PIN, and the rule for a good one.

use std::fmt;

use zeroize::Zeroizing;

/// A PIN or passphrase. Not printed by `Debug`, zeroed when dropped.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes the text as it is; [`check_policy`] is for new PINs.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The PIN on the first line of a text, without white space around it; `None` when there is none. The text is zeroed.
    pub fn of_first_line(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        text.lines().next().map(str::trim).filter(|pin| !pin.is_empty()).map(Self::new)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// Fewest characters of a good PIN.
pub const PIN_CHARACTERS_MIN: usize = 10;
/// Fewest of the four classes lower case, upper case, digit, other.
pub const PIN_CLASSES_MIN: usize = 3;

/// Why a PIN is not good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPin {
    /// Too short.
    #[error("a PIN has at least {PIN_CHARACTERS_MIN} characters, this has {characters}")]
    Short {
        /// Its length.
        characters: usize,
    },
    /// A character outside ASCII 32–126.
    #[error("a PIN consists of ASCII letters, digits, blanks and punctuation only")]
    Character,
    /// Too few kinds of character.
    #[error(
        "a PIN has characters of at least {PIN_CLASSES_MIN} of these: lower case, upper case, digits, others"
    )]
    Classes {
        /// How many kinds it has.
        found: usize,
    },
}

/// The rule for new PINs (control-plane 5.3): at least 10 characters, of ASCII 32–126, of at least three of the
/// classes lower case, upper case, digit, other.
///
/// # Errors
/// What the PIN lacks. A character that is not allowed is told before length and classes.
pub fn check_policy(pin: &Pin) -> Result<(), WeakPin> {
    let pin = pin.text();
    if !pin.bytes().all(|b| (32..=126).contains(&b)) {
        return Err(WeakPin::Character);
    }
    let characters = pin.len();
    if characters < PIN_CHARACTERS_MIN {
        return Err(WeakPin::Short { characters });
    }
    let has = |class: fn(&u8) -> bool| usize::from(pin.bytes().any(|b| class(&b)));
    let other = |b: &u8| !b.is_ascii_alphanumeric();
    let found =
        [has(u8::is_ascii_lowercase), has(u8::is_ascii_uppercase), has(u8::is_ascii_digit), has(other)]
            .into_iter()
            .fold(0_usize, usize::saturating_add);
    if found < PIN_CLASSES_MIN { Err(WeakPin::Classes { found }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_needs_length_classes_and_plain_characters() {
        let cases = [
            ("", Err(WeakPin::Short { characters: 0 })),
            ("Abcdef123", Err(WeakPin::Short { characters: 9 })),
            ("abcdefghij", Err(WeakPin::Classes { found: 1 })),
            ("ABCDEF1234", Err(WeakPin::Classes { found: 2 })),
            ("Ab1\u{0}cdefgh", Err(WeakPin::Character)),
            ("Ab1cdefgh\u{7f}", Err(WeakPin::Character)),
            ("សម្ងាត់Ab12", Err(WeakPin::Character)),
            ("Abcdef1234", Ok(())),
            ("abcdef 123", Ok(())),
        ];
        for (pin, expected) in cases {
            assert_eq!(check_policy(&Pin::new(pin)), expected, "{pin:?}");
        }
    }

    #[test]
    fn a_pin_is_taken_from_the_first_line() {
        let cases = [
            ("", None),
            ("\n", None),
            (" \t\nSecret", None),
            ("Secret", Some("Secret")),
            (" two words \r\nmore", Some("two words")),
        ];
        for (text, expected) in cases {
            let pin = Pin::of_first_line(text.to_owned());
            assert_eq!(pin.as_ref().map(Pin::text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_pin_is_not_printed() {
        assert_eq!(format!("{:?}", Pin::new("Secret1234")), "Pin(…)");
    }
}
