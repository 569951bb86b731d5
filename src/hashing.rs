//! The BLAKE3 hash of a whole file, worked out on all cores: that of its blocks, each a subtree, and of those in pairs.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::ops::Range;
use std::path::Path;
use std::thread;

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

/// Bytes of a block: a power of two, as subtrees are.
const BLOCK_BYTES: u64 = 16 << 20;
/// Bytes that are read at once.
const READ_AT_ONCE: usize = 256 << 10;
/// More threads wait for memory.
const THREADS_AT_MOST: usize = 8;

/// Hashes a file, so that `b3sum` agrees. It is opened once: one that is replaced or removed meanwhile is read to its end.
pub(crate) fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    hash_blocks(&File::open(path)?, BLOCK_BYTES)
}

fn hash_blocks(file: &File, block_bytes: u64) -> io::Result<[u8; 32]> {
    let bytes = file.metadata()?.len();
    let blocks = bytes.div_ceil(block_bytes) as usize;
    if blocks < 2 {
        let mut hasher = Hasher::new();
        read(file, 0..bytes, &mut hasher)?;
        return Ok(hasher.finalize().into());
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS_AT_MOST);
    let mut values = vec![ChainingValue::default(); blocks];
    thread::scope(|scope| {
        let mut hashing = Vec::with_capacity(threads);
        for first in 0..threads {
            let hash_own = move || {
                let own = (first..blocks).step_by(threads);
                let hashed = own.map(|at| {
                    let begin = at as u64 * block_bytes;
                    let block = begin..bytes.min(begin + block_bytes);
                    Ok((at, hash_block(file, block)?))
                });
                hashed.collect::<io::Result<Vec<_>>>()
            };
            hashing.push(thread::Builder::new().spawn_scoped(scope, hash_own)?);
        }
        for thread in hashing {
            let died = |_| io::Error::other("a thread that hashes died");
            for (at, value) in thread.join().map_err(died).flatten()? {
                values[at] = value;
            }
        }
        Ok::<_, io::Error>(())
    })?;
    let (left, right) = values.split_at(left_of(blocks));
    Ok(merge_subtrees_root(&merged(left), &merged(right), Mode::Hash).into())
}

fn hash_block(file: &File, block: Range<u64>) -> io::Result<ChainingValue> {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(block.start);
    read(file, block, &mut hasher)?;
    Ok(hasher.finalize_non_root())
}

fn read(file: &File, mut bytes: Range<u64>, into: &mut Hasher) -> io::Result<()> {
    let mut buffer = vec![0; READ_AT_ONCE];
    while !bytes.is_empty() {
        let left = usize::try_from(bytes.end - bytes.start).unwrap_or(usize::MAX);
        match read_at(file, &mut buffer[..left.min(READ_AT_ONCE)], bytes.start) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                into.update(&buffer[..read]);
                bytes.start += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

/// Returns the value of a subtree of some blocks.
fn merged(blocks: &[ChainingValue]) -> ChainingValue {
    match blocks {
        [one] => *one,
        several => {
            let (left, right) = several.split_at(left_of(several.len()));
            merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
        }
    }
}

/// Returns how many of several blocks are in the left subtree: the largest power of two below their number.
fn left_of(blocks: usize) -> usize {
    blocks.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_hashed_as_in_one_go() {
        const BLOCK: usize = 1 << 10;
        let file = tempfile::NamedTempFile::new().unwrap();
        for blocks in 0..20 {
            for bytes in [0, 1, BLOCK - 1].map(|more| blocks * BLOCK + more) {
                let content: Vec<u8> = (0..bytes).map(|at| (at * 7 / 3) as u8).collect();
                std::fs::write(file.path(), &content).unwrap();
                for block_bytes in [BLOCK, 4 * BLOCK].map(|bytes| bytes as u64) {
                    let hash = hash_blocks(&File::open(file.path()).unwrap(), block_bytes).unwrap();
                    assert_eq!(hash, *blake3::hash(&content).as_bytes(), "{bytes}");
                }
            }
        }
        assert!(hash_file(Path::new("/nowhere")).is_err());
    }
}
