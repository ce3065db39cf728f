//! Loopback addresses that no other nation uses: one /24 for each.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The port whose listener says that a block is taken: nothing else uses it, and everybody may.
const TAKEN: u16 = 10_009;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Takes a block `127.a.b.*`: derived from the process, held as long as the listener lives.
///
/// # Errors
/// None is free.
pub fn take_block() -> anyhow::Result<(Block, TcpListener)> {
    let process = u16::try_from(std::process::id() % 50_000)?;
    for _ in 0..2_000 {
        let number = process.wrapping_mul(13).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let [a, b] = number.to_be_bytes();
        // 127.0.* and 127.1.* are left to people and demonstrations.
        let block = Block([127, a.max(2), b]);
        if let Ok(guard) = TcpListener::bind((block.host(1), TAKEN)) {
            return Ok((block, guard));
        }
    }
    anyhow::bail!("no block of loopback addresses is free")
}

/// Three quarters of an address.
#[derive(Debug, Clone, Copy)]
pub struct Block([u8; 3]);

impl Block {
    /// One address of the block.
    #[must_use]
    pub fn host(self, last: u8) -> IpAddr {
        let [a, b, c] = self.0;
        IpAddr::V4(Ipv4Addr::new(a, b, c, last))
    }
}
