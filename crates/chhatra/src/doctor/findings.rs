//! What was found: each a line, with what to do about it.

use jiff::Timestamp;
use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Warning,
    Problem,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

#[derive(Debug)]
struct Finding {
    level: Level,
    about: &'static str,
    says: String,
    advice: Option<String>,
}

/// All findings, in the order in which things were examined.
#[derive(Debug)]
pub(super) struct Findings {
    now: Timestamp,
    found: Vec<Finding>,
}

impl Findings {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { now, found: Vec::new() }
    }

    /// The one present by which everything is judged.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn ok(&mut self, about: &'static str, says: impl Into<String>) {
        self.found.push(Finding { level: Level::Ok, about, says: says.into(), advice: None });
    }

    pub(super) fn warning(
        &mut self,
        about: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let advice = Some(advice.into());
        self.found.push(Finding { level: Level::Warning, about, says: says.into(), advice });
    }

    pub(super) fn problem(
        &mut self,
        about: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let advice = Some(advice.into());
        self.found.push(Finding { level: Level::Problem, about, says: says.into(), advice });
    }

    fn count(&self, level: Level) -> usize {
        self.found.iter().filter(|finding| finding.level == level).count()
    }

    pub(super) fn has_problem(&self) -> bool {
        self.count(Level::Problem) > 0
    }

    pub(super) fn print(&self) {
        for finding in &self.found {
            tell!("{:<8} {}: {}", finding.level.name(), finding.about, finding.says);
            if let Some(advice) = &finding.advice {
                tell!("         → {advice}");
            }
        }
        tell!("");
        match (self.count(Level::Problem), self.count(Level::Warning)) {
            (0, 0) => tell!("all is well"),
            (problems, warnings) => tell!("problems: {problems}, warnings: {warnings}"),
        }
    }

    pub(super) fn as_json(&self) -> Value {
        let checks: Vec<Value> = self
            .found
            .iter()
            .map(|finding| {
                json!({
                    "level": finding.level.name(),
                    "about": finding.about,
                    "says": finding.says,
                    "advice": finding.advice,
                })
            })
            .collect();
        json!({
            "checks": checks,
            "problems": self.count(Level::Problem),
            "warnings": self.count(Level::Warning),
        })
    }

    /// A moment for people: when, and how far from now.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        let seconds = at.duration_since(self.now).as_secs();
        let far = amount(seconds.unsigned_abs());
        let shown = at.strftime("%Y-%m-%d %H:%M:%SZ");
        if seconds < 0 { format!("{shown} ({far} ago)") } else { format!("{shown} (in {far})") }
    }
}

/// A length of time in the largest unit of which there are two or more.
fn amount(seconds: u64) -> String {
    let units = [(86_400, "days"), (3_600, "hours"), (60, "minutes")];
    for (unit, name) in units {
        let count = seconds.checked_div(unit).unwrap_or_default();
        if count >= 2 {
            return format!("{count} {name}");
        }
    }
    format!("{seconds} seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_the_largest_unit_of_which_there_are_two() {
        let findings = Findings::new("2026-01-01T00:00:00Z".parse().unwrap());
        let cases = [
            ("2026-01-01T00:00:30Z", "2026-01-01 00:00:30Z (in 30 seconds)"),
            ("2026-01-01T00:05:00Z", "2026-01-01 00:05:00Z (in 5 minutes)"),
            ("2026-01-02T00:00:00Z", "2026-01-02 00:00:00Z (in 24 hours)"),
            ("2025-12-01T00:00:00Z", "2025-12-01 00:00:00Z (31 days ago)"),
        ];
        for (at, expected) in cases {
            assert_eq!(findings.moment(at.parse().unwrap()), expected);
        }
    }

    #[test]
    fn only_a_problem_makes_the_outcome_bad() {
        let mut findings = Findings::new(Timestamp::UNIX_EPOCH);
        findings.ok("a", "b");
        findings.warning("a", "b", "c");
        assert!(!findings.has_problem());
        findings.problem("a", "b", "c");
        assert!(findings.has_problem());
        assert_eq!(findings.as_json()["warnings"], 1);
    }
}
