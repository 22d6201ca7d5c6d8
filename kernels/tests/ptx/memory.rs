//! The memory of the machine: pieces that do not touch, each byte of which knows who wrote it.

/// Where a piece begins is a multiple of this; none is as long.
const APART: u64 = 1 << 40;

/// All pieces.
#[derive(Default)]
pub(crate) struct Memory {
    pieces: Vec<Piece>,
    /// Which launch is under way; the host's writes count as 1.
    launch: u32,
}

struct Piece {
    bytes: Vec<u8>,
    /// The launch in which a byte was last written; 0 before that.
    written: Vec<u32>,
}

impl Memory {
    /// Gives a piece whose bytes nobody has written; returns its address.
    pub(crate) fn allocate(&mut self, length: usize) -> u64 {
        self.pieces.push(Piece { bytes: vec![0; length], written: vec![0; length] });
        self.pieces.len() as u64 * APART
    }

    /// Writes what the host has.
    pub(crate) fn fill(&mut self, address: u64, from: &[u8]) {
        let (piece, at) = ((address / APART) as usize - 1, (address % APART) as usize);
        self.pieces[piece].bytes[at..][..from.len()].copy_from_slice(from);
        self.pieces[piece].written[at..][..from.len()].fill(1);
    }

    /// Returns what a piece holds.
    pub(crate) fn bytes(&self, address: u64) -> &[u8] {
        &self.pieces[(address / APART) as usize - 1].bytes
    }

    /// Begins a launch: from here on, what it writes is its own.
    pub(crate) fn begin(&mut self) {
        self.launch = self.launch.max(1) + 1;
    }

    /// Returns what lies there, which is aligned to its length.
    pub(crate) fn load(&self, address: u64, length: usize) -> Result<&[u8], String> {
        let (piece, at) = self.place(address, length)?;
        let piece = &self.pieces[piece];
        for written in &piece.written[at..at + length] {
            match *written {
                0 => return Err(format!("reads {address:#x}, which nobody has written")),
                launch if launch == self.launch => {
                    return Err(format!("reads {address:#x}, which this launch has written: a race"));
                }
                _ => {}
            }
        }
        Ok(&piece.bytes[at..at + length])
    }

    /// Writes what is aligned to its length.
    pub(crate) fn store(&mut self, address: u64, bytes: &[u8]) -> Result<(), String> {
        let (piece, at) = self.place(address, bytes.len())?;
        let launch = self.launch;
        let piece = &mut self.pieces[piece];
        if piece.written[at..at + bytes.len()].contains(&launch) {
            return Err(format!("writes {address:#x} twice in one launch: a race"));
        }
        piece.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        piece.written[at..at + bytes.len()].fill(launch);
        Ok(())
    }

    fn place(&self, address: u64, length: usize) -> Result<(usize, usize), String> {
        if !address.is_multiple_of(length as u64) {
            return Err(format!("{address:#x} is no multiple of {length}"));
        }
        let (piece, at) = ((address / APART).wrapping_sub(1) as usize, (address % APART) as usize);
        match self.pieces.get(piece) {
            Some(found) if at + length <= found.bytes.len() => Ok((piece, at)),
            Some(found) => Err(format!("reaches byte {} of a piece of {}", at + length, found.bytes.len())),
            None => Err(format!("{address:#x} is in no piece of memory")),
        }
    }
}
