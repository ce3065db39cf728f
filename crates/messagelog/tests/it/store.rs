//! The store of these tests: an embedded database in the folder of each.

use std::path::Path;

use messagelog::Place;

pub(crate) const EMBEDDED: bool = true;

pub(crate) fn place(directory: &Path) -> Place {
    directory.into()
}
