//! The patterns by which access rights name paths (data-plane 8.5).

/// Characters of a pattern at most.
pub const PATTERN_CHARACTERS_MAX: usize = 2048;

/// A compiled pattern. `*` stands for any characters except `/`, `**` (or more stars) for any characters at all, `\*` and
/// `\\` for a star and a backslash; everything else stands for itself. A pattern matches the whole path or nothing, and
/// case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    WithinSegment,
    Anything,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than [`PATTERN_CHARACTERS_MAX`].
    #[error("the pattern has {characters} characters; {PATTERN_CHARACTERS_MAX} are allowed")]
    TooLong {
        /// Its length.
        characters: usize,
    },
}

impl Glob {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`Refusal::TooLong`]; every other text is a pattern.
    pub fn new(pattern: &str) -> Result<Self, Refusal> {
        let characters = pattern.chars().count();
        if characters > PATTERN_CHARACTERS_MAX {
            return Err(Refusal::TooLong { characters });
        }
        Ok(Self { pattern: pattern.to_owned(), tokens: tokens(pattern) })
    }

    /// The text it was made of.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether this is `**`, which covers every path without comparing.
    pub fn covers_everything(&self) -> bool {
        self.pattern == "**"
    }

    /// Whether `path`, decoded, matches as a whole. Takes time in proportion to length of pattern × length of path.
    pub fn matches(&self, path: &str) -> bool {
        let mut reached = vec![false; self.tokens.len().saturating_add(1)];
        mark(&mut reached, 0);
        self.skip_stars(&mut reached);
        for character in path.chars() {
            if !reached.contains(&true) {
                return false;
            }
            reached = self.step(&reached, character);
        }
        reached.last().copied().unwrap_or(false)
    }

    /// From the places reached in the pattern, the places reached after one more character.
    fn step(&self, reached: &[bool], character: char) -> Vec<bool> {
        let mut next = vec![false; reached.len()];
        for ((at, token), _) in self.tokens.iter().enumerate().zip(reached).filter(|(_, reached)| **reached) {
            match token {
                Token::Literal(literal) if *literal == character => mark(&mut next, at.saturating_add(1)),
                Token::WithinSegment if character != '/' => mark(&mut next, at),
                Token::Anything => mark(&mut next, at),
                Token::Literal(_) | Token::WithinSegment => {}
            }
        }
        self.skip_stars(&mut next);
        next
    }

    /// A star may stand for nothing: whoever has reached it has also reached the place behind it.
    fn skip_stars(&self, reached: &mut [bool]) {
        for (at, token) in self.tokens.iter().enumerate() {
            let star = matches!(token, Token::WithinSegment | Token::Anything);
            if star && reached.get(at).copied().unwrap_or(false) {
                mark(reached, at.saturating_add(1));
            }
        }
    }
}

fn mark(places: &mut [bool], at: usize) {
    if let Some(place) = places.get_mut(at) {
        *place = true;
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => {
                let mut token = Token::WithinSegment;
                while characters.next_if_eq(&'*').is_some() {
                    token = Token::Anything;
                }
                token
            }
            '\\' => Token::Literal(characters.next_if(|next| matches!(next, '*' | '\\')).unwrap_or('\\')),
            other => Token::Literal(other),
        });
    }
    tokens
}

#[cfg(test)]
mod tests;
