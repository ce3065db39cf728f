//! What a round has to tell of records of which there may be very many.

/// The first few of many, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T> {
    first: Vec<T>,
    count: u64,
}

impl<T> Few<T> {
    /// How many are held.
    pub const MAX: usize = 20;

    pub(super) fn push(&mut self, one: T) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < Self::MAX {
            self.first.push(one);
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        let unheld = others.more();
        others.first.into_iter().for_each(|one| self.push(one));
        self.count = self.count.saturating_add(unheld);
    }

    /// The first ones.
    #[must_use]
    pub fn first(&self) -> &[T] {
        &self.first
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How many there are besides the first ones.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.count.saturating_sub(u64::try_from(self.first.len()).unwrap_or(u64::MAX))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: Vec::new(), count: 0 }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut few = Self::default();
        all.into_iter().for_each(|one| few.push(one));
        few
    }
}
