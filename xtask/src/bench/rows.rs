//! Which rows there are, and which of them are wanted.

use super::service;
use anyhow::{Result, bail};

/// The keys that sign messages and stand behind TLS between the gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    P256,
    Rsa,
}

impl Keys {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::Rsa => "rsa",
        }
    }

    /// As the demonstration calls them.
    pub(super) const fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => "EC-P256",
            Self::Rsa => "RSA-2048",
        }
    }
}

/// How the gateways are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// As our own kind does it: TLS 1.3, connections kept.
    Kept,
    /// As X-Road does it: TLS 1.2, a new connection for each exchange.
    Xroad,
}

impl Habit {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Xroad => "xroad",
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Get,
    Post { word: &'static str, bytes: u32 },
}

impl Question {
    const ALL: [Self; 4] = [
        Self::Get,
        Self::Post { word: "post1k", bytes: 1_024 },
        Self::Post { word: "post1m", bytes: 1_048_576 },
        // The longest body that X-Road keeps in its log by default.
        Self::Post { word: "post10m", bytes: 10_485_760 },
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post { word, .. } => word,
        }
    }

    /// The bodies of request and answer.
    pub(super) fn bodies_bytes(self) -> f64 {
        let received = matches!(self, Self::Post { .. }).then(|| self.body_bytes().into());
        let answer = u32::try_from(service::answer(received).len()).unwrap_or(u32::MAX);
        f64::from(self.body_bytes()) + f64::from(answer)
    }

    pub(super) const fn body_bytes(self) -> u32 {
        match self {
            Self::Get => 0,
            Self::Post { bytes, .. } => bytes,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) keys: Keys,
    pub(super) habit: Habit,
    pub(super) question: Question,
    pub(super) connections: u32,
}

impl Row {
    fn all() -> Vec<Self> {
        let mut rows = Vec::new();
        for keys in [Keys::P256, Keys::Rsa] {
            for habit in [Habit::Kept, Habit::Xroad] {
                for question in Question::ALL {
                    for connections in [1, 8, 32] {
                        rows.push(Self { keys, habit, question, connections });
                    }
                }
            }
        }
        rows
    }

    pub(super) fn name(&self) -> String {
        let Self { keys, habit, question, connections } = self;
        format!("{}-{}-{}-c{connections}", keys.word(), habit.word(), question.word())
    }

    /// Whether every word is one of its own.
    fn answers_to(&self, words: &str) -> bool {
        let name = self.name();
        words.split('-').all(|word| name.split('-').any(|own| own == word))
    }

    /// The few that tell most.
    fn is_quick(&self) -> bool {
        let small = self.question == Question::Get && self.connections != 8;
        let large = self.question.word() == "post1m" && self.connections == 8;
        small || large
    }
}

/// The rows that answer to one of the names, or all; in a hurry the few that tell most.
pub(super) fn chosen(names: &[String], quick: bool) -> Result<Vec<Row>> {
    let all = Row::all();
    if let Some(nobody) = names.iter().find(|words| !all.iter().any(|row| row.answers_to(words))) {
        bail!(
            "no row answers to {nobody}; the words are: p256 rsa, kept xroad, get post1k post1m post10m, c1 c8 c32"
        );
    }
    let wanted = |row: &Row| match names {
        [] => !quick || row.is_quick(),
        names => names.iter().any(|words| row.answers_to(words)),
    };
    Ok(all.into_iter().filter(wanted).collect())
}

/// Rows that share a nation.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) keys: Keys,
    pub(super) habit: Habit,
    pub(super) question: Question,
    pub(super) rows: Vec<Row>,
}

impl Group {
    pub(super) fn name(&self) -> String {
        format!("{}-{}-{}", self.keys.word(), self.habit.word(), self.question.word())
    }
}

/// The rows in their order, those that differ only in the number of connections together.
pub(super) fn groups(rows: &[Row]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let Row { keys, habit, question, .. } = *row;
        match groups.last_mut() {
            Some(last) if (last.keys, last.habit, last.question) == (keys, habit, question) => {
                last.rows.push(*row);
            }
            _ => groups.push(Group { keys, habit, question, rows: vec![*row] }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str], quick: bool) -> Vec<String> {
        let wanted: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
        chosen(&wanted, quick).unwrap().iter().map(Row::name).collect()
    }

    #[test]
    fn rows_are_chosen_by_their_words() {
        assert_eq!(names(&[], false).len(), 48);
        assert_eq!(names(&["rsa-kept-get-c32"], false), ["rsa-kept-get-c32"]);
        assert_eq!(names(&["rsa-get-c32"], false), ["rsa-kept-get-c32", "rsa-xroad-get-c32"]);
        assert_eq!(names(&["c32-p256-kept-post1k", "rsa-kept-get-c1"], true).len(), 2);
        assert_eq!(names(&[], true).len(), 12);
        assert!(chosen(&["rsa-c9".to_owned()], false).is_err());
    }

    #[test]
    fn rows_that_differ_in_connections_share_a_nation() {
        let groups = groups(&chosen(&[], false).unwrap());
        assert_eq!(groups.len(), 16);
        assert!(groups.iter().all(|group| group.rows.len() == 3));
    }
}
