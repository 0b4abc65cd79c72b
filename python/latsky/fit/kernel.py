"""One pass over the source maps: likelihood, and all that its gradient needs.

In every binning component the model is linear in the planes of the source maps,

    m_k(p) = Σ_t F_t M_row(t)(p) + f_k(p)              (counts in bin k, pixel p)
    ln L   = Σ_kp w_kp (n_kp ln m_kp − m_kp)

where a term t is one plane of one source in one bin, F comes from the source's spectrum
(``latsky.fit.operators``) and f is what does not change (binned Poisson likelihood, Mattox et al.
1996, ApJ 461, 396; ln n! left out as in the Fermitools; w the likelihood weights of Fermitools'
gtwtsmap, 1 without). The gradient needs only the sums over pixels of (n/m − 1) w M.

Pixels go in blocks, and all rows of a block lie together in memory: an evaluation reads them once,
in order, and finds them in the core's cache when the sums are formed. Maps are in single
precision, all sums in double. Local sources are lists of entries. Blocks are cut in the same way
whatever the number of threads and their sums are added in order, so the result does not depend on
it.
"""

from __future__ import annotations

import numba as nb
import numpy as np

BLOCK = 256
"""pixels in a block: 4 bytes × 256 × a thousand rows stay within a core's share of cache"""
FLOOR = 1e-30
"""model counts below this are taken as this where photons were seen"""
GROUPS = 64
"""groups of blocks at most: as many threads can work"""
GROUP_BYTES = 1 << 28
"""memory at most for the sums of all groups"""

_SUMS = {"reassoc", "contract", "nsz"}


def groups_for(blocks: int, numbers: int) -> int:
    """Into how many groups blocks are gathered when each keeps ``numbers`` sums."""
    return max(1, min(blocks, GROUPS, GROUP_BYTES // (8 * max(numbers, 1))))


@nb.njit(cache=True, fastmath=_SUMS)
def _add_rows(model, rows, places, factors, first, last):
    """model += Σ factors × rows, eight rows at a time so that the model is seldom touched."""
    t = first
    while t + 8 <= last:
        a0, a1, a2, a3 = (
            rows[places[t]],
            rows[places[t + 1]],
            rows[places[t + 2]],
            rows[places[t + 3]],
        )
        a4, a5, a6, a7 = (
            rows[places[t + 4]],
            rows[places[t + 5]],
            rows[places[t + 6]],
            rows[places[t + 7]],
        )
        f0, f1, f2, f3 = factors[t], factors[t + 1], factors[t + 2], factors[t + 3]
        f4, f5, f6, f7 = factors[t + 4], factors[t + 5], factors[t + 6], factors[t + 7]
        for p in range(BLOCK):
            model[p] += (
                f0 * a0[p]
                + f1 * a1[p]
                + f2 * a2[p]
                + f3 * a3[p]
                + f4 * a4[p]
                + f5 * a5[p]
                + f6 * a6[p]
                + f7 * a7[p]
            )
        t += 8
    while t < last:
        row, factor = rows[places[t]], factors[t]
        for p in range(BLOCK):
            model[p] += factor * row[p]
        t += 1


@nb.njit(cache=True, fastmath=True)
def _fetch(rows):
    """Touch every cache line of a block's rows; returns a sum of no use.

    Memory is read a third faster so, in order, than in the turns in which rows are added.
    """
    total = np.float32(0)
    for row in range(rows.shape[0]):
        for p in range(0, BLOCK, 16):
            total += rows[row, p]
    return total


@nb.njit(cache=True, fastmath=_SUMS)
def _sum_rows(sums, ratio, rows, places, first, last):
    """sums += Σ_p ratio × rows, eight rows at a time."""
    t = first
    while t + 8 <= last:
        a0, a1, a2, a3 = (
            rows[places[t]],
            rows[places[t + 1]],
            rows[places[t + 2]],
            rows[places[t + 3]],
        )
        a4, a5, a6, a7 = (
            rows[places[t + 4]],
            rows[places[t + 5]],
            rows[places[t + 6]],
            rows[places[t + 7]],
        )
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for p in range(BLOCK):
            r = ratio[p]
            s0 += r * a0[p]
            s1 += r * a1[p]
            s2 += r * a2[p]
            s3 += r * a3[p]
            s4 += r * a4[p]
            s5 += r * a5[p]
            s6 += r * a6[p]
            s7 += r * a7[p]
        sums[t] += s0
        sums[t + 1] += s1
        sums[t + 2] += s2
        sums[t + 3] += s3
        sums[t + 4] += s4
        sums[t + 5] += s5
        sums[t + 6] += s6
        sums[t + 7] += s7
        t += 8
    while t < last:
        row, total = rows[places[t]], 0.0
        for p in range(BLOCK):
            total += ratio[p] * row[p]
        sums[t] += total
        t += 1


@nb.njit(cache=True, fastmath=_SUMS)
def _likelihood_row(model, counts, weights):
    """Σ w (n ln m - m) and Σ m of some pixels; the model becomes w (n/m - 1)."""
    total = 0.0
    for p in range(len(counts)):
        if counts[p] > 0.0:
            total += np.log(max(model[p], FLOOR)) * counts[p] * weights[p]
    expected = 0.0
    weighted = 0.0
    for p in range(len(counts)):
        m, w = model[p], weights[p]
        expected += m
        weighted += w * m
        model[p] = w * (counts[p] / max(m, FLOOR) - 1.0)
    return total - weighted, expected


@nb.njit(cache=True)
def _curvature_row(model, counts, weights, expected):
    """The model becomes the root of w n/m², or of w/m if ``expected``."""
    for p in range(len(counts)):
        m = max(model[p], FLOOR)
        model[p] = np.sqrt(weights[p] * (1.0 / m if expected else counts[p] / (m * m)))


@nb.njit(cache=True)
def _block_model(model, maps, terms, factors, entries, fixed, block, size, k):
    """Model counts of bin k in a block of pixels, (BLOCK,); zero beyond ``size``."""
    starts, places = terms
    entry_starts, entry_terms, entry_pixels, entry_values = entries
    model[:] = 0.0
    if fixed.shape[1] > 0:
        model[:size] = fixed[k, block * BLOCK : block * BLOCK + size]
    if maps.shape[1] > 0:
        _add_rows(model, maps[block], places, factors, starts[k], starts[k + 1])
    cell = block * (len(starts) - 1) + k
    for entry in range(entry_starts[cell], entry_starts[cell + 1]):
        model[entry_pixels[entry]] += factors[entry_terms[entry]] * entry_values[entry]


@nb.njit(parallel=True, cache=True, fastmath=_SUMS)
def likelihood_pass(maps, terms, factors, entries, fixed, counts, weights, groups, want_sums):
    """Log-likelihood of each bin and the pixel sums for its gradient.

    Parameters
    ----------
    maps : (blocks, rows, BLOCK) float32
        Planes of whole-sky sources, counts/MeV per pixel per unit spectrum; zero beyond the sky.
    terms : (bins + 1,) int, (n,) int
        Terms of whole-sky sources: where those of each bin start, and the row of each.
    factors : (all terms,) float64
        Factors of these terms, then of those of local sources.
    entries : (blocks × bins + 1,) int, (e,) int, (e,) int, (e,) float32
        Local sources: where entries of each block and bin start; their terms, pixels in the block
        and values.
    fixed : (bins, pixels) float32
        Model counts that do not change; no pixels (bins, 0) when there are none.
    counts : (bins, pixels) float32
        Observed counts.
    weights : (bins, pixels) float32
        Likelihood weights; (bins, 0) when all are one. A weight of zero masks a pixel.
    groups : int
        Into how many groups blocks are gathered: as many threads can work.
    want_sums : bool
        Whether the sums are wanted.

    Returns
    -------
    log_likelihood : (bins,) float64
    predicted : (bins,) float64
        Sum of the model counts, unweighted.
    sums : (all terms,) float64
        Σ_p w (n/m − 1) M of each term.
    """
    bins, pixels = counts.shape
    blocks = (pixels + BLOCK - 1) // BLOCK
    has_weights = weights.shape[1] > 0
    part_log = np.zeros((groups, bins))
    part_predicted = np.zeros((groups, bins))
    part_sums = np.zeros((groups, len(factors) if want_sums else 0))
    fetched = np.zeros(groups)
    starts, places = terms
    entry_starts, entry_terms, entry_pixels, entry_values = entries
    # an array of ones, not an empty one: compiled loops ask whether arrays may overlap, and answer
    # by chance for addresses without memory, with another order of summation
    ones = np.ones(BLOCK, np.float32)
    for group in nb.prange(groups):
        model = np.zeros(BLOCK)
        for block in range(group * blocks // groups, (group + 1) * blocks // groups):
            low = block * BLOCK
            size = min(BLOCK, pixels - low)
            fetched[group] += _fetch(maps[block])
            for k in range(bins):
                _block_model(model, maps, terms, factors, entries, fixed, block, size, k)
                weight = weights[k, low : low + size] if has_weights else ones[:size]
                total, expected = _likelihood_row(model[:size], counts[k, low : low + size], weight)
                part_log[group, k] += total
                part_predicted[group, k] += expected
                if not want_sums:
                    continue
                if maps.shape[1] > 0:
                    first, last = starts[k], starts[k + 1]
                    _sum_rows(part_sums[group], model, maps[block], places, first, last)
                cell = block * bins + k
                for entry in range(entry_starts[cell], entry_starts[cell + 1]):
                    part_sums[group, entry_terms[entry]] += (
                        model[entry_pixels[entry]] * entry_values[entry]
                    )
    log_likelihood = np.zeros(bins)
    predicted = np.zeros(bins)
    sums = np.zeros(part_sums.shape[1])
    for group in range(groups):
        log_likelihood += part_log[group]
        predicted += part_predicted[group]
        sums += part_sums[group]
    return log_likelihood, predicted, sums


@nb.njit(cache=True)
def weighted_sums(maps, terms, number, entries, weights):
    """Σ_p w M of each term, (``number``,); arguments as for ``likelihood_pass``."""
    bins, pixels = weights.shape
    starts, places = terms
    entry_starts, entry_terms, entry_pixels, entry_values = entries
    sums = np.zeros(number)
    weight = np.zeros(BLOCK)
    for block in range((pixels + BLOCK - 1) // BLOCK):
        low = block * BLOCK
        size = min(BLOCK, pixels - low)
        for k in range(bins):
            weight[:size] = weights[k, low : low + size]
            if maps.shape[1] > 0:
                _sum_rows(sums, weight, maps[block], places, starts[k], starts[k + 1])
            cell = block * bins + k
            for entry in range(entry_starts[cell], entry_starts[cell + 1]):
                value = weight[entry_pixels[entry]] * entry_values[entry]
                sums[entry_terms[entry]] += value
    return sums


@nb.njit(parallel=True, cache=True)
def model_counts(maps, terms, factors, entries, fixed, pixels):
    """Model counts, (bins, pixels) float64; arguments as for ``likelihood_pass``."""
    bins = len(terms[0]) - 1
    result = np.zeros((bins, pixels))
    blocks = (pixels + BLOCK - 1) // BLOCK
    for block in nb.prange(blocks):
        low = block * BLOCK
        size = min(BLOCK, pixels - low)
        model = np.zeros(BLOCK)
        for k in range(bins):
            _block_model(model, maps, terms, factors, entries, fixed, block, size, k)
            result[k, low : low + size] = model[:size]
    return result


@nb.njit(cache=True, fastmath=_SUMS)
def _add_products(matrix, slopes, used, count):
    """Lower triangle of ``matrix`` += products of the first ``count`` of ``slopes``, of ``used``.

    Two times four at a time; slopes beyond ``count`` up to a multiple of four must exist.
    """
    tile = np.empty((2, 4))
    for a in range(0, count, 2):
        x0, x1 = slopes[a], slopes[a + 1]
        for b in range(0, min(a + 2, count), 4):
            y0, y1, y2, y3 = slopes[b], slopes[b + 1], slopes[b + 2], slopes[b + 3]
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
            for p in range(BLOCK):
                s0 += x0[p] * y0[p]
                s1 += x0[p] * y1[p]
                s2 += x0[p] * y2[p]
                s3 += x0[p] * y3[p]
                s4 += x1[p] * y0[p]
                s5 += x1[p] * y1[p]
                s6 += x1[p] * y2[p]
                s7 += x1[p] * y3[p]
            tile[0, 0], tile[0, 1], tile[0, 2], tile[0, 3] = s0, s1, s2, s3
            tile[1, 0], tile[1, 1], tile[1, 2], tile[1, 3] = s4, s5, s6, s7
            for i in range(2):
                for j in range(4):
                    if b + j <= a + i and a + i < count:
                        one, other = used[a + i], used[b + j]
                        matrix[max(one, other), min(one, other)] += tile[i, j]


@nb.njit(parallel=True, cache=True, fastmath=_SUMS)
def information_pass(
    maps,
    terms,
    factors,
    entries,
    fixed,
    counts,
    weights,
    groups,
    parameters,
    dense,
    segments,
    natural,
    slopes,
    expected,
):
    """Fisher information (parameters, parameters) float64 of the parameters of one component.

    The information is Σ w n/m² ∂m ∂m or, if ``expected``, Σ w/m ∂m ∂m. Terms have natural numbers
    too, source after source. Arguments beyond those of ``likelihood_pass``:

    parameters : (sources,) int, (sources + 1,) int
        Natural number of each source's first term, and where its parameters start.
    dense : (bins × d + 1,) int, (n,) int, (n,) int
        Whole-sky sources, d of them: where terms of each bin and source start, their natural
        numbers and rows.
    segments : (blocks × bins + 1,) int, (s,) int, (s + 1,) int
        Local sources: where those in each block and bin start; source and first entry of each.
    natural : (all terms,) int
        Natural numbers of the terms.
    slopes : (parameters, most terms of a source) float64
        Derivatives of the factors of its source by each parameter.
    """
    bins, pixels = counts.shape
    size = len(slopes)
    has_weights = weights.shape[1] > 0
    blocks = (pixels + BLOCK - 1) // BLOCK
    parts = np.zeros((groups, size, size))
    first_term, first_parameter = parameters
    dense_starts, dense_terms, dense_places = dense
    number_dense = (len(dense_starts) - 1) // bins
    segment_starts, segment_sources, segment_entries = segments
    _, entry_terms, entry_pixels, entry_values = entries
    ones = np.ones(BLOCK, np.float32)
    for group in nb.prange(groups):
        model = np.zeros(BLOCK)
        slope = np.zeros((size + 4, BLOCK))
        used = np.zeros(size + 4, np.int64)
        for block in range(group * blocks // groups, (group + 1) * blocks // groups):
            low = block * BLOCK
            extent = min(BLOCK, pixels - low)
            for k in range(bins):
                _block_model(model, maps, terms, factors, entries, fixed, block, extent, k)
                weight = weights[k, low : low + extent] if has_weights else ones[:extent]
                _curvature_row(model[:extent], counts[k, low : low + extent], weight, expected)
                count = 0
                for source in range(number_dense):
                    begin = dense_starts[k * number_dense + source]
                    end = dense_starts[k * number_dense + source + 1]
                    if begin == end:
                        continue
                    for a in range(first_parameter[source], first_parameter[source + 1]):
                        into = slope[count]
                        into[:] = 0.0
                        for term in range(begin, end):
                            factor = slopes[a, dense_terms[term] - first_term[source]]
                            row = maps[block, dense_places[term]]
                            for p in range(BLOCK):
                                into[p] += factor * row[p]
                        for p in range(BLOCK):
                            into[p] *= model[p]
                        used[count] = a
                        count += 1
                cell = block * bins + k
                for segment in range(segment_starts[cell], segment_starts[cell + 1]):
                    source = segment_sources[segment]
                    for a in range(first_parameter[source], first_parameter[source + 1]):
                        into = slope[count]
                        into[:] = 0.0
                        for entry in range(segment_entries[segment], segment_entries[segment + 1]):
                            term = natural[entry_terms[entry]] - first_term[source]
                            p = entry_pixels[entry]
                            into[p] += slopes[a, term] * entry_values[entry] * model[p]
                        used[count] = a
                        count += 1
                _add_products(parts[group], slope, used, count)
    information = np.zeros((size, size))
    for group in range(groups):
        information += parts[group]
    for a in range(size):
        for b in range(a):
            information[b, a] = information[a, b]
    return information
