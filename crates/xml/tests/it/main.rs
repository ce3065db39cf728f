//! Documents within and beyond the budget, and the parser as the judge of what was counted.

mod floods;
mod judge;
mod recorded;
mod tricks;
