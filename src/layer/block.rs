//! The tar stream, cut into blocks of a fixed size.
//!
//! Content is read straight into a block, so between a file and the compressor its bytes are copied once, by
//! the kernel.

/// Bytes in every block but the last. Part of what makes a layer's bytes: see
/// [`Encoding::id`](super::Encoding::id).
pub(super) const BLOCK_SIZE: usize = 1 << 20;

/// A buffer that is used over and over, and how much of it is in use.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Box<[u8]>,
    used: usize,
}

impl Block {
    /// An empty block that can hold `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into(), used: 0 }
    }

    /// What is in it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Replaces what is in it: `write` gets all of it and says how much it used, from the front.
    pub(super) fn fill<E>(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<(), E> {
        self.used = 0;
        self.used = write(&mut self.bytes)?;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.used == self.bytes.len()
    }
}

/// Nobody wants the stream any more. The reason is known to whoever stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;

/// Where blocks come from and go to.
pub(super) trait Blocks {
    /// A block to be filled; waits for one.
    fn empty(&mut self) -> Result<Block, Stopped>;
    /// Takes a block that is full, or the last one.
    fn full(&mut self, block: Block) -> Result<(), Stopped>;
}

/// Writes a stream of bytes into blocks.
#[derive(Debug)]
pub(super) struct BlockWriter<B> {
    blocks: B,
    current: Option<Block>,
    finished: u64,
}

impl<B: Blocks> BlockWriter<B> {
    pub(super) fn new(blocks: B) -> Self {
        Self { blocks, current: None, finished: 0 }
    }

    /// Room for the next bytes, never empty. What was put there counts once [`advance`](Self::advance) said so.
    pub(super) fn space(&mut self) -> Result<&mut [u8], Stopped> {
        if let Some(full) = self.current.take_if(|block| block.is_full()) {
            self.pass_on(full)?;
        }
        let block = if let Some(block) = self.current.take() {
            block
        } else {
            let mut block = self.blocks.empty()?;
            block.used = 0;
            block
        };
        let block = self.current.insert(block);
        Ok(&mut block.bytes[block.used..])
    }

    /// The first `count` bytes of the last [`space`](Self::space) hold content now.
    pub(super) fn advance(&mut self, count: usize) {
        if let Some(block) = &mut self.current {
            debug_assert!(block.used + count <= block.bytes.len());
            block.used += count;
        }
    }

    /// Appends `bytes`.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Stopped> {
        while !bytes.is_empty() {
            let space = self.space()?;
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            self.advance(count);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Hands over the last block and says how many bytes there were in all.
    pub(super) fn finish(mut self) -> Result<u64, Stopped> {
        if let Some(last) = self.current.take() {
            self.pass_on(last)?;
        }
        Ok(self.finished)
    }

    fn pass_on(&mut self, block: Block) -> Result<(), Stopped> {
        self.finished += block.used as u64;
        self.blocks.full(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pieces<'a>(&'a mut Vec<Vec<u8>>);

    impl Blocks for Pieces<'_> {
        fn empty(&mut self) -> Result<Block, Stopped> {
            Ok(Block::new(8))
        }
        fn full(&mut self, block: Block) -> Result<(), Stopped> {
            self.0.push(block.bytes().to_vec());
            Ok(())
        }
    }

    #[test]
    fn cuts_at_fixed_places_however_it_is_written() {
        for step in 1..20 {
            let mut pieces = Vec::new();
            let mut writer = BlockWriter::new(Pieces(&mut pieces));
            for part in b"0123456789abcdef".chunks(step) {
                writer.write(part).unwrap();
            }
            assert_eq!(writer.finish().unwrap(), 16);
            // No empty block at the end: that would be a gzip member of nothing.
            assert_eq!(pieces, [b"01234567".to_vec(), b"89abcdef".to_vec()]);
        }
    }
}
