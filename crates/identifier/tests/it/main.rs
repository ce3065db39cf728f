//! The public face of the room, against the fixtures of X-Road.

mod vectors;
