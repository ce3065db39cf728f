//! The store of these tests: a database for each folder, whose address stands in the folder.

use std::path::Path;

use database::Url;
use database::practice::Server;
use messagelog::Place;

pub(crate) const EMBEDDED: bool = false;

/// The address of a folder's database, which is made when there is none.
pub(crate) fn address(directory: &Path) -> String {
    let file = directory.join("database");
    std::fs::read_to_string(&file).unwrap_or_else(|_| {
        let address = Server::shared().database();
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(&file, &address).unwrap();
        address
    })
}

pub(crate) fn place(directory: &Path) -> Place {
    at(&address(directory), directory)
}

pub(crate) fn at(address: &str, directory: &Path) -> Place {
    let url = Box::new(Url::parse(address).unwrap());
    Place::Database { url, instance: "EX".to_owned(), folder: directory.to_owned() }
}
