"""Directories of any size and any number of files, which compress about as software does; the same at each run.

gzip makes it 30 %, zstd 24 %. The Node application of `benches/compare` comes to 27 % and 23 to 26 %.
"""

import functools
import random

MIB = 1 << 20
BLOCK = 64 << 10
POOL = 16 * MIB
# How many blocks of 20 are random bytes, which no compressor makes smaller: images, archives, compressed fonts.
RANDOM_OF_20 = 1
WORDS = 2_000
SMALLEST_FILE, LARGEST_FILE = 1 * MIB, 4 * MIB
FILES_OF_FOLDER = 1_000


@functools.cache
def text(length, seed):
    """Words, some of which come often and most seldom: it compresses about as source code does."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, weights=range(26, 0, -1), k=chance.randint(4, 16))) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    return " ".join(chance.choices(words, weights, k=length // 5)).encode()[:length]


class Stream:
    """Endless data: blocks of a pool of text and of a pool of random bytes.

    A pool is longer than any window of the compressors, and is used up before it is used again; and each time it
    begins elsewhere. So what comes again does not help them.
    """

    def __init__(self):
        self.pools = [text(POOL + BLOCK, 1), random.Random(2).randbytes(POOL + BLOCK)]
        self.used = [0, 0]
        self.chance = random.Random(3)

    def block(self):
        kind = int(self.chance.randrange(20) < RANDOM_OF_20)
        turn, place = divmod(self.used[kind], POOL)
        self.used[kind] += BLOCK
        start = (place + turn * 4_099) % POOL
        return self.pools[kind][start : start + BLOCK]

    def pieces(self, size):
        """`size` bytes, piece by piece."""
        while size > 0:
            block = self.block()[:size]
            size -= len(block)
            yield block


def write_files(root, size):
    """`size` bytes in files of 1 to 4 MiB; the last may be shorter."""
    stream, chance, number = Stream(), random.Random(4), 0
    while size > 0:
        length = min(size, chance.randrange(SMALLEST_FILE, LARGEST_FILE))
        folder = root / f"part-{number // 100:03}"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / f"file-{number:05}", "wb") as file:
            file.writelines(stream.pieces(length))
        size -= length
        number += 1


def write_single(root, size):
    """`size` bytes in one file."""
    root.mkdir(parents=True)
    with open(root / "file", "wb") as file:
        file.writelines(Stream().pieces(size))


def write_many(root, count):
    """`count` files of 0.5 to 1.5 KiB, a thousand in a folder, with some folders in a folder."""
    stream, chance = Stream(), random.Random(5)
    block, place = stream.block(), 0
    for number in range(count):
        folder = root / f"{number // (100 * FILES_OF_FOLDER):02}" / f"folder-{number // FILES_OF_FOLDER:04}"
        if number % FILES_OF_FOLDER == 0:
            folder.mkdir(parents=True)
        length = chance.randrange(512, 1_536)
        if place + length > BLOCK:
            block, place = stream.block(), 0
        with open(folder / f"file-{number:07}.txt", "wb", buffering=0) as file:
            file.write(block[place : place + length])
        place += length
