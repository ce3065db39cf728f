//! What the command line of `cargo xtask bench` says.

use super::body::Wanted;
use super::rows::{self, Row};
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;

pub(super) const HELP: &str = "\
cargo xtask bench [OPTION…] [ROW…]   the table of exchanges; without a ROW all 48 of it
cargo xtask bench abuse [OPTION…]    an ordinary consumer beside strangers who hold connections

A row of the table has four words: the keys (p256, rsa), how the gateways are connected (kept; or xroad: TLS 1.2, new for each exchange), the
question (get, post1k, post1m, post10m) and the consumer's connections (c1, c8, c32). Any of them, joined by `-`, choose all rows that have them:
`rsa-kept-get-c32` is one row, `rsa-get` six. Long rows stand behind the table:

  body-default     a body of 10 GB with default settings: what the consumer is told
  body-unlogged    the same, where bodies are not put on record
  body-logged      a body of 1 GB that is put on record
  growth           what an exchange costs with an empty log and with a large one, by real exchanges on 32 connections

  --long           add the four long rows
  --quick          12 rows of 2 seconds, with less before them; long rows with 20,000 records and 1 GB
  --seconds N      how long each row of the table is measured (30), or each time of abuse (10)
  --records N      growth ends when a log has so many (200000); 10000000 takes hours and some 12 GB for each gateway
  --gigabytes N    the long body (10); as much of the disk is needed for the time being
  --connections N  abuse: idle connections (10000), and a part of that of each other kind
  --json FILE      write the table as JSON there, too

Tables are kept under var/bench, as text and as JSON, with the time at which the run began; so are those of a run that was broken off, as far as it
came. A row that fails says why, the others go on, and the command fails at the end.";

/// Rows that are no part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    Body(Wanted),
    Growth,
}

impl Long {
    fn all() -> impl Iterator<Item = Self> {
        Wanted::ALL.into_iter().map(Self::Body).chain([Self::Growth])
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Body(wanted) => wanted.word(),
            Self::Growth => "growth",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) abuse: bool,
    pub(super) seconds: u32,
    pub(super) quick: bool,
    pub(super) records: u64,
    pub(super) gigabytes: u64,
    pub(super) connections: usize,
    pub(super) json: Option<PathBuf>,
    pub(super) rows: Vec<Row>,
    pub(super) long: Vec<Long>,
}

impl Options {
    pub(super) fn read(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            abuse: false,
            seconds: 30,
            quick: false,
            records: 200_000,
            gigabytes: 10,
            connections: 10_000,
            json: None,
            rows: Vec::new(),
            long: Vec::new(),
        };
        let (abuse, arguments) = match arguments {
            ["abuse", rest @ ..] => (true, rest),
            all => (false, all),
        };
        if arguments.contains(&"--quick") {
            (options.quick, options.seconds, options.records, options.gigabytes) = (true, 2, 20_000, 1);
        } else if abuse {
            options.seconds = 10;
        }
        options.abuse = abuse;
        let mut names = Vec::new();
        let mut all_long = false;
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{argument} needs a value"));
            match argument {
                "--seconds" => options.seconds = number(argument, value()?)?,
                "--records" => options.records = number(argument, value()?)?,
                "--gigabytes" => options.gigabytes = number(argument, value()?)?,
                "--connections" => options.connections = number(argument, value()?)?,
                "--json" => options.json = Some(value()?.into()),
                "--quick" => {}
                "--long" => all_long = true,
                option if option.starts_with('-') => bail!("bench has no option {option}\n\n{HELP}"),
                row => names.push(row.to_owned()),
            }
        }
        if abuse {
            return if names.is_empty() {
                Ok(options)
            } else {
                bail!("abuse has no rows to choose\n\n{HELP}")
            };
        }
        options.choose(names, all_long)?;
        Ok(options)
    }

    /// Whoever names long rows only wants no others.
    fn choose(&mut self, mut names: Vec<String>, all_long: bool) -> Result<()> {
        let named: Vec<Long> =
            Long::all().filter(|long| names.iter().any(|name| name == long.word())).collect();
        names.retain(|name| !named.iter().any(|long| name == long.word()));
        if !names.is_empty() || named.is_empty() {
            self.rows = rows::chosen(&names, self.quick)?;
        }
        self.long = if all_long { Long::all().collect() } else { named };
        Ok(())
    }

    /// What each nation answers before anything is measured: as many as X-Road was warmed with.
    pub(super) const fn warm_up(&self) -> u32 {
        if self.quick { 500 } else { 7_000 }
    }
}

/// A whole number above zero.
fn number<T: TryFrom<u64>>(option: &str, value: &str) -> Result<T> {
    let number = value.parse().ok().filter(|number| *number > 0).and_then(|number| T::try_from(number).ok());
    number.with_context(|| format!("{option} takes a whole number above zero, not {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options> {
        Options::read(&line.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn reads_what_is_to_be_measured() {
        let options = read("").unwrap();
        assert_eq!((options.seconds, options.quick, options.warm_up()), (30, false, 7_000));
        assert_eq!((options.rows.len(), options.long.len()), (48, 0));
        let options = read("--quick rsa-get-c1 c32-rsa-post1k --json out.json").unwrap();
        assert_eq!((options.seconds, options.quick, options.rows.len()), (2, true, 4));
        assert_eq!(options.json, Some("out.json".into()));
        assert_eq!(read("--seconds 7 --quick").unwrap().seconds, 7);
        for wrong in
            ["--seconds", "--seconds many", "--seconds 0", "--seconds 5000000000", "--fast", "rsa-c9"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn long_rows_come_on_top_or_alone() {
        let of = |line| read(line).map(|options| (options.rows.len(), options.long.len())).unwrap();
        assert_eq!((of("--long"), of("--long --quick")), ((48, 4), (12, 4)));
        assert_eq!(of("rsa-get --long"), (6, 4));
        assert_eq!(of("growth body-logged"), (0, 2));
        assert_eq!(of("growth rsa-get"), (6, 1));
        let options = read("growth --records 10000000 --gigabytes 2").unwrap();
        assert_eq!((options.records, options.gigabytes), (10_000_000, 2));
    }

    #[test]
    fn abuse_has_no_rows() {
        let options = read("abuse --connections 500").unwrap();
        assert_eq!((options.abuse, options.seconds, options.connections), (true, 10, 500));
        assert!(read("abuse rsa-get").is_err());
        assert!(!read("").unwrap().abuse);
    }

    #[test]
    fn help_names_what_there_is() {
        for word in Long::all().map(Long::word) {
            assert!(HELP.contains(&format!("\n  {word} ")), "{word}");
        }
    }
}
