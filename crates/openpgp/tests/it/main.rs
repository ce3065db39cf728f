//! GnuPG judges: what is sealed here it opens, and the keys are those that it makes.

mod gpg;
mod keys;
mod sealing;
