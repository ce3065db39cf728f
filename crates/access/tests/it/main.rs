//! The public face of the room, against what a live X-Road 7.8.0 pair answered.

mod recorded;
