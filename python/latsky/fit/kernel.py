"""One pass over the source maps: likelihood, and all that its gradient needs.

In every binning component the model is linear in the planes of the source maps,

    m_k(p) = Σ_rows T_k,row M_row(p) + f_k(p)          (counts in bin k, pixel p)
    ln L   = Σ_kp w_kp (n_kp ln m_kp − m_kp)

where a row is one plane of one source, T comes from its spectrum (``latsky.fit.operators``) and f
is what does not change (binned Poisson likelihood, Mattox et al. 1996, ApJ 461, 396; ln n! left out
as in the Fermitools; w the likelihood weights of Fermitools' gtwtsmap, 1 without). The gradient
needs only the sums over pixels of (n/m − 1) w M. Pixels go in blocks small enough that the maps of
a block, read once from memory, are still in the cache when those sums are formed: an evaluation
costs about one pass over the maps. Local sources are lists of entries, sorted by block. Blocks are
cut in the same way whatever the number of threads and their sums are added in order, so the result
does not depend on it.
"""

from __future__ import annotations

import numba as nb
import numpy as np

BLOCK = 512
"""pixels in a block: 4 bytes × 512 × a thousand map planes stay within a core's share of cache"""

FLOOR = 1e-30
"""model counts below this are taken as this where photons were seen"""


@nb.njit(cache=True, fastmath={"contract"})
def _add_scaled(total, factor, values):
    """total += factor × values; one-dimensional arrays compile to vector instructions."""
    for p in range(len(values)):
        total[p] += factor * values[p]


@nb.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _product(one, other):
    """Σ one × other."""
    total = 0.0
    for p in range(len(other)):
        total += one[p] * other[p]
    return total


@nb.njit(cache=True, fastmath={"reassoc", "contract", "nsz"})
def _likelihood_row(model, counts, weights):
    """Σ w (n ln m - m) and Σ m of some pixels; the model becomes w (n/m - 1)."""
    total = 0.0
    expected = 0.0
    for p in range(len(model)):
        n, m, w = counts[p], model[p], weights[p]
        expected += m
        if n > 0.0:
            m = max(m, FLOOR)
            total += w * (n * np.log(m) - m)
            model[p] = w * (n / m - 1.0)
        else:
            total -= w * m
            model[p] = -w
    return total, expected


@nb.njit(cache=True)
def _curvature_row(model, counts, weights, expected):
    """The model becomes w n/m², or w/m if ``expected``."""
    for p in range(len(model)):
        m = max(model[p], FLOOR)
        model[p] = weights[p] * (1.0 / m if expected else counts[p] / (m * m))


@nb.njit(cache=True)
def _block_model(model, maps, transfer, first, last, entries, fixed, block, size):
    """Model counts (bins, BLOCK) of a block of pixels."""
    starts, rows, pixels, values = entries
    low = block * BLOCK
    bins = transfer.shape[0]
    has_fixed = fixed.shape[1] > 0
    for k in range(bins):
        if has_fixed:
            model[k, :size] = fixed[k, low : low + size]
        else:
            model[k, :size] = 0.0
    for row in range(maps.shape[0]):
        plane = maps[row, low : low + size]
        for k in range(first[row], last[row]):
            if transfer[k, row] != 0.0:
                _add_scaled(model[k, :size], transfer[k, row], plane)
    for entry in range(starts[block], starts[block + 1]):
        row, p, value = rows[entry], pixels[entry] - low, values[entry]
        for k in range(first[row], last[row]):
            model[k, p] += transfer[k, row] * value


@nb.njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def likelihood_pass(
    maps, transfer, first, last, entries, fixed, counts, weights, groups_wanted, want_sums
):
    """Log-likelihood of each bin and the pixel sums for its gradient.

    Parameters
    ----------
    maps : (rows, pixels) float32
        Planes of whole-sky sources, row by row, counts/MeV per pixel per unit spectrum.
    transfer : (bins, all rows) float64
        Factors of the rows: first those of ``maps``, then those of ``entries``.
    first, last : (all rows,) int
        The bins [first, last) where ``transfer`` of the row can be other than zero.
    entries : (blocks + 1,) int, (n,) int, (n,) int, (n,) float32
        Local sources: start of each block's entries; rows, pixels and values of the entries.
    fixed : (bins, pixels) float32
        Model counts that do not change; no pixels (bins, 0) when there are none.
    counts : (bins, pixels) float32
        Observed counts.
    weights : (bins, pixels) float32
        Likelihood weights; (bins, 0) when all are one. A weight of zero masks a pixel.
    groups_wanted : int
        Into how many groups blocks are gathered at most: as many threads can work.
    want_sums : bool
        Whether the sums are wanted.

    Returns
    -------
    log_likelihood : (bins,) float64
    predicted : (bins,) float64
        Sum of the model counts, unweighted.
    sums : (bins, all rows) float64
        Σ_p w (n/m − 1) M_row(p) for the bins of the row, else zero.
    """
    bins, pixels = counts.shape
    rows = transfer.shape[1]
    dense = maps.shape[0]
    blocks = (pixels + BLOCK - 1) // BLOCK
    has_weights = weights.shape[1] > 0
    part_log = np.zeros((blocks, bins))
    part_predicted = np.zeros((blocks, bins))
    # the sums are collected by groups of blocks to keep their store small
    groups = min(blocks, groups_wanted)
    part_sums = np.zeros((groups, bins, rows if want_sums else 0))
    starts, entry_rows, entry_pixels, entry_values = entries
    ones = np.ones(BLOCK, np.float32)
    for group in nb.prange(groups):
        model = np.empty((bins, BLOCK))
        for block in range(group * blocks // groups, (group + 1) * blocks // groups):
            low = block * BLOCK
            size = min(BLOCK, pixels - low)
            _block_model(model, maps, transfer, first, last, entries, fixed, block, size)
            for k in range(bins):
                seen = counts[k, low : low + size]
                weight = weights[k, low : low + size] if has_weights else ones[:size]
                total, expected = _likelihood_row(model[k, :size], seen, weight)
                part_log[block, k] = total
                part_predicted[block, k] = expected
            if want_sums:
                for row in range(dense):
                    plane = maps[row, low : low + size]
                    for k in range(first[row], last[row]):
                        part_sums[group, k, row] += _product(model[k, :size], plane)
                for entry in range(starts[block], starts[block + 1]):
                    row, p = entry_rows[entry], entry_pixels[entry] - low
                    for k in range(first[row], last[row]):
                        part_sums[group, k, row] += model[k, p] * entry_values[entry]
    sums = np.zeros((bins, rows if want_sums else 0))
    for group in range(groups):
        sums += part_sums[group]
    log_likelihood = np.zeros(bins)
    predicted = np.zeros(bins)
    for block in range(blocks):
        log_likelihood += part_log[block]
        predicted += part_predicted[block]
    return log_likelihood, predicted, sums


@nb.njit(parallel=True, cache=True)
def model_counts(maps, transfer, first, last, entries, fixed, pixels):
    """Model counts, (bins, pixels) float64; arguments as for ``likelihood_pass``."""
    bins = transfer.shape[0]
    result = np.zeros((bins, pixels))
    blocks = (pixels + BLOCK - 1) // BLOCK
    for block in nb.prange(blocks):
        low = block * BLOCK
        size = min(BLOCK, pixels - low)
        model = np.empty((bins, BLOCK))
        _block_model(model, maps, transfer, first, last, entries, fixed, block, size)
        for k in range(bins):
            for p in range(size):
                result[k, low + p] = model[k, p]
    return result


@nb.njit(parallel=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def information_pass(
    maps, transfer, first, last, entries, fixed, counts, weights, slopes, owner, expected
):
    """Fisher information (parameters, parameters) float64 of the parameters of one component.

    ``slopes`` (parameters, bins, planes) are the derivatives of ``transfer`` by each parameter for
    the rows from ``owner`` (parameters,) on; the other arguments are those of ``likelihood_pass``.
    The information is Σ w n/m² ∂m ∂m or, if ``expected``, Σ w/m ∂m ∂m.
    """
    bins, pixels = counts.shape
    size, _, planes = slopes.shape
    dense = maps.shape[0]
    has_weights = weights.shape[1] > 0
    blocks = (pixels + BLOCK - 1) // BLOCK
    groups = min(blocks, 16)
    parts = np.zeros((groups, size, size))
    starts, entry_rows, entry_pixels, entry_values = entries
    # an array of ones, not an empty one: compiled loops ask whether arrays may overlap, and answer
    # by chance for addresses without memory, with another order of summation
    ones = np.ones(BLOCK, np.float32)
    for group in nb.prange(groups):
        model = np.empty((bins, BLOCK))
        slope = np.empty((size, BLOCK))
        weighted = np.empty(BLOCK)
        used = np.empty(size, np.int64)
        for block in range(group * blocks // groups, (group + 1) * blocks // groups):
            low = block * BLOCK
            block_size = min(BLOCK, pixels - low)
            _block_model(model, maps, transfer, first, last, entries, fixed, block, block_size)
            for k in range(bins):
                seen = counts[k, low : low + block_size]
                weight = weights[k, low : low + block_size] if has_weights else ones[:block_size]
                _curvature_row(model[k, :block_size], seen, weight, expected)
            for k in range(bins):
                count = 0
                for a in range(size):
                    any_used = False
                    for j in range(planes):
                        any_used = any_used or slopes[a, k, j] != 0.0
                    if not any_used:
                        continue
                    slope[count, :block_size] = 0.0
                    for j in range(planes):
                        row = owner[a] + j
                        factor = slopes[a, k, j]
                        if row < dense and factor != 0.0:
                            plane = maps[row, low : low + block_size]
                            _add_scaled(slope[count, :block_size], factor, plane)
                    if owner[a] >= dense:
                        for entry in range(starts[block], starts[block + 1]):
                            j = entry_rows[entry] - owner[a]
                            if j >= 0 and j < planes:
                                p = entry_pixels[entry] - low
                                slope[count, p] += slopes[a, k, j] * entry_values[entry]
                    used[count] = a
                    count += 1
                for a in range(count):
                    for p in range(block_size):
                        weighted[p] = slope[a, p] * model[k, p]
                    for b in range(a + 1):
                        total = _product(slope[b, :block_size], weighted[:block_size])
                        parts[group, used[a], used[b]] += total
                        if b < a:
                            parts[group, used[b], used[a]] += total
    information = np.zeros((size, size))
    for group in range(groups):
        information += parts[group]
    return information
