"""Compiled loops that rank: a radix sort on the upper halves of the scores' bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wardmote.methods._compile import compiled
from wardmote.methods._draw_loops import WordArray
from wardmote.methods.checks import FloatArray


@compiled
def make_words(
    scores: FloatArray,
    keys: WordArray,
    words: WordArray,
    counts: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
) -> int:
    """Return the number of known scores, after writing their sort keys, words to sort, and counts of the words' digits."""
    m = 0
    counts[:] = 0
    for c in range(len(scores)):
        value = scores[c]
        if np.isnan(value):
            out[c] = 0
            continue
        bits = np.float64(value + 0.0).view(np.uint64)  # −0 becomes +0
        # Rising order of these keys is falling order of the scores.
        key = bits if bits >> np.uint64(63) else ~bits & np.uint64(0x7FFFFFFFFFFFFFFF)
        keys[c] = key
        upper = key >> np.uint64(32)
        words[m] = (upper << np.uint64(32)) | np.uint64(c)
        counts[0, upper & np.uint64(2047)] += 1
        counts[1, (upper >> np.uint64(11)) & np.uint64(2047)] += 1
        counts[2, upper >> np.uint64(22)] += 1
        m += 1
    return m


@compiled
def sort_digit(words: WordArray, turn: int, counts: npt.NDArray[np.int64], out: WordArray) -> None:
    """Write the words in order of one of the three digits of their upper halves, keeping the order of equals."""
    place = 0
    for digit in range(2048):
        count = counts[turn, digit]
        counts[turn, digit] = place
        place += count
    shift = np.uint64(32 + 11 * turn)
    for i in range(len(words)):
        digit = (words[i] >> shift) & np.uint64(2047)
        out[counts[turn, digit]] = words[i]
        counts[turn, digit] += 1


@compiled
def settle(words: WordArray, keys: WordArray) -> None:
    """Put words that agree in their upper halves in order of their whole keys."""
    upper, low_half = np.uint64(32), np.uint64(0xFFFFFFFF)
    i = 0
    while i < len(words):
        j = i + 1
        while j < len(words) and words[j] >> upper == words[i] >> upper:
            j += 1
        if 1 < j - i <= 32:  # few: put in order where they stand, which keeps equal ones as they are
            for k in range(i + 1, j):
                word, hole = words[k], k
                key = keys[word & low_half]
                while hole > i and keys[words[hole - 1] & low_half] > key:
                    words[hole] = words[hole - 1]
                    hole -= 1
                words[hole] = word
        elif j - i > 1:
            whole = np.empty(j - i, dtype=np.uint64)
            for k in range(i, j):
                whole[k - i] = keys[words[k] & low_half]
            words[i:j] = words[i:j][np.argsort(whole)]
        i = j


@compiled
def sort_row(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    scores: FloatArray,
    keys: WordArray,
    words: WordArray,
    other: WordArray,
    counts: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
) -> int:
    """Leave one row's known scores in falling order in the first words of `other`; return how many they are."""
    m: int = make_words(scores, keys, words, counts, out)
    sort_digit(words[:m], 0, counts, other)
    sort_digit(other[:m], 1, counts, words)
    sort_digit(words[:m], 2, counts, other)
    settle(other[:m], keys)
    return m


@compiled
def fill_ranks(scores: FloatArray, out: npt.NDArray[np.int32]) -> None:
    """Write descending best ranks of each row; 0 where the score is missing.

    A radix sort on the upper 32 bits of each score, carrying the position in the lower 32; the few scores that agree in
    these are then put in order by all their bits.
    """
    rows, n = scores.shape
    keys, words, other = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
    counts = np.empty((3, 2048), np.int64)
    low_half = np.uint64(0xFFFFFFFF)
    for row in range(rows):
        m = sort_row(scores[row], keys, words, other, counts, out[row])
        rank = 0
        for i in range(m):
            here = other[i] & low_half
            if i == 0 or keys[here] != keys[other[i - 1] & low_half]:
                rank = i + 1
            out[row, here] = rank


@compiled
def fill_places(scores: FloatArray, out: npt.NDArray[np.int32]) -> None:
    """Write the place of each score from the highest downwards, equal scores in their given order; 0 where it is missing."""
    rows, n = scores.shape
    keys, words, other = np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty(n, np.uint64)
    counts = np.empty((3, 2048), np.int64)
    low_half = np.uint64(0xFFFFFFFF)
    for row in range(rows):
        m = sort_row(scores[row], keys, words, other, counts, out[row])
        i = 0
        while i < m:
            j = i + 1
            while j < m and keys[other[j] & low_half] == keys[other[i] & low_half]:
                j += 1
            if j - i > 32:  # equal scores have equal upper words: these order by position
                other[i:j] = np.sort(other[i:j])
            elif j - i > 1:
                for k in range(i + 1, j):
                    word, hole = other[k], k
                    while hole > i and other[hole - 1] > word:
                        other[hole] = other[hole - 1]
                        hole -= 1
                    other[hole] = word
            for k in range(i, j):
                out[row, other[k] & low_half] = k + 1
            i = j
