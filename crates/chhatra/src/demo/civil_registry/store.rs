//! The people of the practice registry, in a SQLite file of their own. None of them exists.

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde::Serialize;
use std::path::Path;

/// A person as the service gives it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name_km: String,
    pub(crate) name_latin: String,
    pub(crate) sex: String,
    pub(crate) born: String,
    pub(crate) province: String,
}

/// The practice data: id, Khmer name, Latin name, sex, date of birth, province.
const PEOPLE: &[[&str; 6]] = &[
    ["010000001", "សុខ ចាន់ណា", "SOK CHANNA", "F", "1988-04-14", "Kandal"],
    ["010000002", "ចាន់ ដារ៉ា", "CHAN DARA", "M", "1979-11-02", "Phnom Penh"],
    ["010000003", "លី ស្រីមុំ", "LY SREYMOM", "F", "1995-07-30", "Siem Reap"],
    ["010000004", "ហេង វិបុល", "HENG VIBOL", "M", "2001-01-19", "Battambang"],
    ["010000005", "កែវ សុភា", "KEO SOPHEA", "F", "1966-09-08", "Kampot"],
];

/// The registry's data.
#[derive(Debug)]
pub(crate) struct Store {
    database: Connection,
}

impl Store {
    /// Opens the file, and fills it when it is new.
    pub(crate) fn open(file: &Path) -> Result<Self> {
        let database =
            Connection::open(file).with_context(|| format!("{} cannot be opened", file.display()))?;
        database.execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE IF NOT EXISTS person (
               id TEXT PRIMARY KEY, name_km TEXT NOT NULL, name_latin TEXT NOT NULL, sex TEXT NOT NULL,
               born TEXT NOT NULL, province TEXT NOT NULL
             ) STRICT;",
        )?;
        for person in PEOPLE {
            database.execute(
                "INSERT INTO person (id, name_km, name_latin, sex, born, province) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO NOTHING",
                person,
            )?;
        }
        Ok(Self { database })
    }

    /// The person with this number.
    pub(crate) fn person(&self, id: &str) -> Result<Option<Person>> {
        let mut statement = self.database.prepare_cached(
            "SELECT id, name_km, name_latin, sex, born, province FROM person WHERE id = ?1",
        )?;
        Ok(statement.query_row([id], read).optional()?)
    }

    /// Up to 100 people, in the order of their numbers.
    pub(crate) fn people(&self) -> Result<Vec<Person>> {
        let mut statement = self.database.prepare_cached(
            "SELECT id, name_km, name_latin, sex, born, province FROM person ORDER BY id LIMIT 100",
        )?;
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: row.get(0)?,
        name_km: row.get(1)?,
        name_latin: row.get(2)?,
        sex: row.get(3)?,
        born: row.get(4)?,
        province: row.get(5)?,
    })
}

/// The number in the line that the demonstration prints.
pub(crate) const SAMPLE_ID: &str = "010000001";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_same_people_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("people.sqlite");
        let before = Store::open(&file).unwrap().people().unwrap();
        let store = Store::open(&file).unwrap();
        assert_eq!(store.people().unwrap(), before);
        assert_eq!(before.len(), PEOPLE.len());
        assert_eq!(store.person(SAMPLE_ID).unwrap().unwrap().name_latin, "SOK CHANNA");
        assert_eq!(store.person("' OR 1=1 --").unwrap(), None);
    }
}
